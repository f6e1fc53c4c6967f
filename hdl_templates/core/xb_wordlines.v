// xb_wordlines - input vectors of every array, as bit planes in two banks, and the plane they drive.
//
// One bank is driven while the other is loaded. A load goes to all arrays in load_arrays at once and
// takes one cycle; the wordlines of the arrays in `drive` follow drive_bank and drive_bit combinationally,
// all others are 0. Array a has wordlines [a*ROWS +: ROWS]. No reset: what is driven was loaded before.
// Python twin: codesign.fixed.bit_planes
`default_nettype none
module xb_wordlines #(
    parameter ARRAYS = 6,
    parameter ROWS = 16,
    parameter BITS = 8    // bits of an activation
) (
    input  wire                   clk,
    input  wire [ARRAYS-1:0]      load_arrays,
    input  wire                   load_bank,
    input  wire [ROWS*BITS-1:0]   load_data,   // bit b of activation r at [b*ROWS + r]
    input  wire [ARRAYS-1:0]      drive,
    input  wire                   drive_bank,
    input  wire [2:0]             drive_bit,
    output reg  [ARRAYS*ROWS-1:0] wordline
);
    localparam PLANE = ARRAYS * ROWS;

    reg [PLANE*BITS-1:0] bank_0, bank_1;  // plane b at [b*PLANE +: PLANE]
    reg [PLANE*BITS-1:0] loaded;
    reg [PLANE-1:0]      spread, mask;
    integer a, b, d;

    // Arrays to wordlines: changes only from step to step. Named sensitivity: @* would wake on every
    // partial write of the temporary.
    always @(drive) begin
        for (d = 0; d < ARRAYS; d = d + 1) spread[d*ROWS +: ROWS] = {ROWS{drive[d]}};
        mask = spread;
    end

    always @*
        if (drive_bank) wordline = bank_1[drive_bit*PLANE +: PLANE] & mask;
        else wordline = bank_0[drive_bit*PLANE +: PLANE] & mask;

    // A temporary and one whole-vector assignment are cheap in an event-driven simulator.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        if (|load_arrays) begin
            loaded = load_bank ? bank_1 : bank_0;
            for (a = 0; a < ARRAYS; a = a + 1)
                if (load_arrays[a])
                    for (b = 0; b < BITS; b = b + 1)
                        loaded[b*PLANE + a*ROWS +: ROWS] = load_data[b*ROWS +: ROWS];
            if (load_bank) bank_1 <= loaded;
            else bank_0 <= loaded;
        end
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
