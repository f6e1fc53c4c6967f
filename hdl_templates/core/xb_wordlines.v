// xb_wordlines - input vectors of every array, as bit planes in two banks, and the plane they drive.
//
// One bank is driven while the other is loaded. A load takes one cycle and writes the wordlines in load_lines of all
// arrays in load_arrays; the first one of an array since the last load_ends also clears its other wordlines, which
// held rows of another layer. The wordlines of the arrays in `drive` follow drive_bank and drive_bit
// combinationally, all others are 0. Array a has wordlines [a*ROWS +: ROWS]. rst clears control only: what is
// driven was loaded before.
// Python twin: codesign.fixed.bit_planes
`default_nettype none
module xb_wordlines #(
    parameter ARRAYS = 6,
    parameter ROWS = 16,
    parameter LINES = ROWS,  // wordlines that load_data has room for
    parameter BITS = 8,      // bits of an activation
`ifdef __ICARUS__
    parameter WIDE = 1       // 1: a plane goes to all arrays in one wide move, for Icarus; 0: to one after the other
`else
    parameter WIDE = 0
`endif
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [ARRAYS-1:0]      load_arrays,
    input  wire                   load_bank,
    input  wire                   load_ends,   // with or after the last load of a bank
    input  wire [ROWS-1:0]        load_lines,
    /* verilator lint_off UNUSEDSIGNAL */ // lines past the wordlines
    input  wire [LINES*BITS-1:0]  load_data,   // bit b of activation r at [b*LINES + r]; 0 outside load_lines
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [ARRAYS-1:0]      drive,
    input  wire                   drive_bank,
    input  wire [2:0]             drive_bit,
    output reg  [ARRAYS*ROWS-1:0] wordline
);
    localparam PLANE = ARRAYS * ROWS;

    reg  [PLANE-1:0]  planes [0:15];  // plane b of bank k at 8*k + b
    reg  [PLANE-1:0]  keeps;          // wordlines that a load leaves
    reg  [PLANE-1:0]  loads, drives;  // wordlines of load_arrays, and of drive
    reg  [PLANE-1:0]  moved;          // a plane of load_data, in every array of load_arrays
    reg  [ARRAYS-1:0] touched;        // loaded since the last load_ends
    integer           b, k;

    wire [PLANE-1:0]  driven = planes[{drive_bank, drive_bit}];

    // These lines of the arrays whose bit is set. By eights, because most are not.
    function [PLANE-1:0] wordlines_of;
        input [ARRAYS-1:0] arrays;
        input [ROWS-1:0]   lines;
        reg   [ARRAYS+6:0] padded;
        integer            a, j;
        begin
            padded = {7'd0, arrays};
            wordlines_of = {ARRAYS{{ROWS{1'b0}}}};
            for (j = 0; j < ARRAYS; j = j + 8)
                if (padded[j +: 8] != 8'd0)
                    for (a = j; a < j + 8 && a < ARRAYS; a = a + 1)
                        if (padded[a]) wordlines_of[a*ROWS +: ROWS] = lines;
        end
    endfunction

    always @(drive) drives = wordlines_of(drive, {ROWS{1'b1}});
    always @(driven or drives) wordline = driven & drives;

    // Masks of a load are temporaries, worked out only where there is one.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        if (load_arrays != {ARRAYS{1'b0}}) begin
            loads = wordlines_of(load_arrays, {ROWS{1'b1}});
            keeps = ~loads | wordlines_of(load_arrays & touched, ~load_lines);
            moved = {ARRAYS{{ROWS{1'b0}}}};
            touched <= touched | load_arrays;
            for (b = 0; b < BITS; b = b + 1) begin
                if (WIDE != 0) moved = {ARRAYS{load_data[b*LINES +: ROWS]}} & loads;
                else
                    for (k = 0; k < ARRAYS; k = k + 1)
                        if (load_arrays[k]) moved[k*ROWS +: ROWS] = load_data[b*LINES +: ROWS];
                planes[{load_bank, b[2:0]}] <= (planes[{load_bank, b[2:0]}] & keeps) | moved;
            end
        end
        if (rst || load_ends) touched <= {ARRAYS{1'b0}};
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
