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

    reg  [PLANE-1:0] planes [0:15];  // plane b of bank k at 8*k + b
    reg  [PLANE-1:0] loads, drives;  // wordlines of load_arrays, and of drive
    integer          b;

    wire [PLANE-1:0] driven = planes[{drive_bank, drive_bit}];

    // Wordlines of the arrays whose bit is set. By eights, because most are not.
    function [PLANE-1:0] wordlines_of;
        input [ARRAYS-1:0] arrays;
        reg   [ARRAYS+6:0] padded;
        integer            a, k;
        begin
            padded = {7'd0, arrays};
            wordlines_of = {ARRAYS{{ROWS{1'b0}}}};
            for (k = 0; k < ARRAYS; k = k + 8)
                if (padded[k +: 8] != 8'd0)
                    for (a = k; a < k + 8 && a < ARRAYS; a = a + 1)
                        if (padded[a]) wordlines_of[a*ROWS +: ROWS] = {ROWS{1'b1}};
        end
    endfunction

    always @(load_arrays) loads = wordlines_of(load_arrays);
    always @(drive) drives = wordlines_of(drive);
    always @(driven or drives) wordline = driven & drives;

    always @(posedge clk)
        if (load_arrays != {ARRAYS{1'b0}})
            for (b = 0; b < BITS; b = b + 1)
                planes[{load_bank, b[2:0]}] <= (planes[{load_bank, b[2:0]}] & ~loads)
                                             | ({ARRAYS{load_data[b*ROWS +: ROWS]}} & loads);
endmodule
`default_nettype wire
