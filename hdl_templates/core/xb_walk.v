// xb_walk - the places of a step, one after another: a nest of four loops, by adders alone.
//
// place is base at first. advance steps to the next place: the innermost loop that has turns left takes one, the loops
// inside it start over, and the increments of that loop, which take back what those have added, join the place. After
// the last place (last) comes the first one again. window counts loops, from the innermost on, that make one pooling
// window: window_first and window_last tell the places with which one begins and ends, both in each place of window 0.
// place is combinational in base and deltas, every other output in counts and window. base must stay as it is while a
// walk is under way. turn: turns that the innermost loop has taken. rst clears control.
// Loop k turns counts[16*k +: 16] + 1 times. Value v is at [BITS*v +: BITS] of base and place, its increment of loop k
// at [BITS*(VALUES*k + v) +: BITS] of deltas; they count modulo 2^BITS.
// Python twin: codesign.mapping.walk.Walk
`default_nettype none
module xb_walk #(
    parameter VALUES = 3,  // numbers that make a place
    parameter BITS = 24    // bits of each
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire [63:0]              counts,
    input  wire [4*VALUES*BITS-1:0] deltas,
    input  wire [VALUES*BITS-1:0]   base,
    input  wire [1:0]               window,
    input  wire                     advance,
    output wire [VALUES*BITS-1:0]   place,
    output wire                     first,
    output wire                     last,
    output wire                     window_first,
    output wire                     window_last,
    output wire [15:0]              turn
);
    localparam WIDTH = VALUES * BITS;

    reg  [15:0]      turn_0, turn_1, turn_2, turn_3;
    reg              moved;   // not in the first place
    reg  [WIDTH-1:0] held;    // the place, once moved
    reg  [WIDTH-1:0] delta, next;
    integer          v;

    wire [3:0] ends = {turn_3 == counts[63:48], turn_2 == counts[47:32],
                       turn_1 == counts[31:16], turn_0 == counts[15:0]};
    wire [2:0] begins = {turn_2 == 16'd0, turn_1 == 16'd0, turn_0 == 16'd0};
    wire [2:0] outside = 3'b111 << window;  // loops that are not of the window

    assign place = moved ? held : base;
    assign first = !moved;
    assign last = &ends;
    assign turn = turn_0;
    assign window_first = &(begins | outside);
    assign window_last = &(ends[2:0] | outside);

    // The next place is a temporary, worked out only when it is taken.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        if (advance) begin
            casez (ends)
                4'b???0: delta = deltas[0*WIDTH +: WIDTH];
                4'b??01: delta = deltas[1*WIDTH +: WIDTH];
                4'b?011: delta = deltas[2*WIDTH +: WIDTH];
                default: delta = deltas[3*WIDTH +: WIDTH];
            endcase
            for (v = 0; v < VALUES; v = v + 1) next[v*BITS +: BITS] = place[v*BITS +: BITS] + delta[v*BITS +: BITS];
            held <= next;
            moved <= !last;
            turn_0 <= ends[0] ? 16'd0 : turn_0 + 16'd1;
            if (ends[0]) turn_1 <= ends[1] ? 16'd0 : turn_1 + 16'd1;
            if (&ends[1:0]) turn_2 <= ends[2] ? 16'd0 : turn_2 + 16'd1;
            if (&ends[2:0]) turn_3 <= ends[3] ? 16'd0 : turn_3 + 16'd1;
        end
        if (rst) begin
            moved <= 1'b0;
            {turn_0, turn_1, turn_2, turn_3} <= 64'd0;
        end
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
