// xb_memory - activation memory: writes a unit of UNIT activations, reads a word of ROWS activations.
//
// Registered read (1 cycle). Writing unit 0 of a word clears its other units, so that a partly filled
// word drives no stale wordline. Data are bit planes: bit b of activation u at
// [b*UNIT + u] of a unit and at [b*ROWS + u] of a word. No reset of the contents.
// Python twin: codesign.fixed.bit_planes
`default_nettype none
module xb_memory #(
    parameter UNIT = 4,          // activations of one write
    parameter UNITS = 4,         // units in a word
    parameter BITS = 8,          // bits of an activation
    parameter DEPTH = 8,         // words
    parameter ADDRESS_BITS = 3,
    parameter UNIT_BITS = 2      // bits of a unit number
) (
    input  wire                        clk,
    input  wire                        write,
    input  wire [ADDRESS_BITS-1:0]     write_address,
    input  wire [UNIT_BITS-1:0]        write_unit,
    input  wire [UNIT*BITS-1:0]        write_data,
    input  wire                        read,
    input  wire [ADDRESS_BITS-1:0]     read_address,
    output reg  [UNITS*UNIT*BITS-1:0]  read_data
);
    localparam ROWS = UNITS * UNIT;

    reg [ROWS*BITS-1:0] mem [0:DEPTH-1];
    reg [ROWS*BITS-1:0] fresh;  // a word with this unit alone
    integer b;

    always @* begin
        fresh = {(ROWS*BITS){1'b0}};
        for (b = 0; b < BITS; b = b + 1) fresh[b*ROWS +: UNIT] = write_data[b*UNIT +: UNIT];
    end

    always @(posedge clk) begin
        if (write && write_unit == {UNIT_BITS{1'b0}}) mem[write_address] <= fresh;
        else if (write)
            for (b = 0; b < BITS; b = b + 1)
                mem[write_address][b*ROWS + write_unit*UNIT +: UNIT] <= write_data[b*UNIT +: UNIT];
        if (read) read_data <= mem[read_address];
    end

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (DEPTH > 1 << ADDRESS_BITS) begin : g_illegal_0
            ADDRESS_BITS_must_address_DEPTH illegal ();
        end
        if (UNITS > 1 << UNIT_BITS) begin : g_illegal_1
            UNIT_BITS_must_number_UNITS illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
