// xb_table - descriptor memory: writes a 32-bit word, reads a whole entry.
//
// Reading is combinational (register it where timing requires); writing takes one cycle.
// Entry e is 32 << WORDS_LOG2 bits; its word w is written at address (e << WORDS_LOG2) + w.
// No reset: the contents are what the last image wrote.
// Python twin: codesign.image.descriptors.encode_tables
`default_nettype none
module xb_table #(
    parameter WORDS_LOG2 = 1,   // log2 of 32-bit words per entry
    parameter DEPTH = 16,       // entries
    parameter ADDRESS_BITS = 4, // bits of an entry number
    parameter READS = 1         // read ports
) (
    input  wire                                  clk,
    input  wire                                  write,
    input  wire [ADDRESS_BITS+WORDS_LOG2-1:0]    write_address,
    input  wire [31:0]                           write_data,
    input  wire [READS*ADDRESS_BITS-1:0]         read_address,
    output wire [READS*(32 << WORDS_LOG2)-1:0]   read_data
);
    localparam WORDS = 1 << WORDS_LOG2;
    localparam WIDTH = 32 << WORDS_LOG2;

    reg [WIDTH-1:0] mem [0:DEPTH-1];

    wire [ADDRESS_BITS-1:0] entry = write_address[ADDRESS_BITS+WORDS_LOG2-1:WORDS_LOG2];

    genvar w, p;
    generate
        for (w = 0; w < WORDS; w = w + 1) begin : g_word
            wire selected;
            if (WORDS_LOG2 == 0) begin : g_single
                assign selected = 1'b1;
            end else begin : g_lane
                assign selected = write_address[WORDS_LOG2-1:0] == w;
            end
            always @(posedge clk)
                if (write && selected) mem[entry][w*32 +: 32] <= write_data;
        end
        for (p = 0; p < READS; p = p + 1) begin : g_read
            assign read_data[p*WIDTH +: WIDTH] = mem[read_address[p*ADDRESS_BITS +: ADDRESS_BITS]];
        end
        if (DEPTH > 1 << ADDRESS_BITS) begin : g_illegal // a module that does not exist stops every tool
            ADDRESS_BITS_must_address_DEPTH illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
