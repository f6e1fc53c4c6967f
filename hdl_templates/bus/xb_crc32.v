// xb_crc32 - CRC-32 (IEEE 802.3, reflected, as zlib) of one 32-bit word, little-endian byte order.
//
// Combinational. Feed 32'hffffffff first; the checksum of a message is ~crc_out of its last word.
// Python twin: codesign.fixed.crc32
`default_nettype none
module xb_crc32 (
    input  wire [31:0] crc_in,
    input  wire [31:0] data,
    output reg  [31:0] crc_out
);
    integer i;

    always @* begin
        crc_out = crc_in ^ data;
        for (i = 0; i < 32; i = i + 1)
            crc_out = {1'b0, crc_out[31:1]} ^ (crc_out[0] ? 32'hedb88320 : 32'd0);
    end
endmodule
`default_nettype wire
