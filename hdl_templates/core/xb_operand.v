// xb_operand - lane groups of operands, loaded ahead of the requantizer, first in first out.
//
// One comes and one leaves a cycle. What comes in cycle t waits at the head from t+1 on, if nothing is ahead of it.
// m_data is the head while m_valid is high; m_ready takes it. There is no s_ready: who loads counts what it has sent
// and what was taken, and sends nothing while DEPTH are on their way or wait.
// Bit b of lane l is at [b*LINES + l] of s_data, where xb_window puts it, and at [l*BITS + b] of m_data. rst clears
// control only.
// Python twin: codesign.mapping.pipeline
`default_nettype none
module xb_operand #(
    parameter DEPTH = 32,      // lane groups, 2 or more
    parameter LANES = 4,
    parameter LINES = LANES,   // lanes that s_data has room for
    parameter BITS = 8         // bits of an activation
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  s_valid,
    /* verilator lint_off UNUSEDSIGNAL */ // lines past the lanes
    input  wire [LINES*BITS-1:0] s_data,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire                  m_valid,
    input  wire                  m_ready,
    output wire [LANES*BITS-1:0] m_data
);
    localparam INDEX_BITS = $clog2(DEPTH);
    localparam COUNT_BITS = $clog2(DEPTH + 1);
    localparam [INDEX_BITS-1:0] LAST = DEPTH[INDEX_BITS-1:0] - 1'b1;

    reg  [LANES*BITS-1:0] groups [0:DEPTH-1];
    reg  [LANES*BITS-1:0] lanes;
    reg  [INDEX_BITS-1:0] head, tail;
    reg  [COUNT_BITS-1:0] count;
    integer               b, l;

    wire take = m_valid && m_ready;

    assign m_valid = count != {COUNT_BITS{1'b0}};
    assign m_data = groups[head];

    // The lanes are a temporary, put together only when some come.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        if (s_valid) begin
            for (l = 0; l < LANES; l = l + 1)
                for (b = 0; b < BITS; b = b + 1) lanes[l*BITS + b] = s_data[b*LINES + l];
            groups[tail] <= lanes;
            tail <= tail == LAST ? {INDEX_BITS{1'b0}} : tail + 1'b1;
        end
        if (take) head <= head == LAST ? {INDEX_BITS{1'b0}} : head + 1'b1;
        if (s_valid != take) count <= s_valid ? count + 1'b1 : count - 1'b1;
        if (rst) begin
            head <= {INDEX_BITS{1'b0}};
            tail <= {INDEX_BITS{1'b0}};
            count <= {COUNT_BITS{1'b0}};
        end
    end
    /* verilator lint_on BLKSEQ */

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (DEPTH < 2 || LINES < LANES) begin : g_illegal
            DEPTH_must_be_2_or_more_and_LINES_hold_LANES illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
