// xb_scan - segmented scan over arrays: sum up linked neighbours, STAGES stages of two levels each.
//
// Latency STAGES cycles, throughput one set per cycle. At distance D array i adds the sum of array i-D
// where its link bit is set; then at 2D, 4D, ... so that the top array of a linked run of up to
// 4^STAGES arrays ends with the run's sum. The module instantiates itself for the stages after the first.
// Lane l of array i is field [(i*LANES + l)*FIELD +: FIELD]. Fields hold any sum and their top bit
// stays 0, so no carry crosses fields. rst clears the valid bits only.
// Python twin: codesign.mapping.run.accumulate
`default_nettype none
module xb_scan #(
    parameter ARRAYS = 6,
    parameter LANES = 4,
    parameter FIELD = 18,    // bits of a field
    parameter DISTANCE = 1,  // D, a power of 4
    parameter STAGES = 2     // 1 or more
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          s_valid,
    input  wire [ARRAYS-1:0]             s_link,
    input  wire [ARRAYS*LANES*FIELD-1:0] s_sum,
    output wire                          m_valid,
    output wire [ARRAYS*LANES*FIELD-1:0] m_sum
);
    localparam SLOT = LANES * FIELD;
    localparam WIDTH = ARRAYS * SLOT;

    wire [WIDTH-1:0]  guard = {(ARRAYS*LANES){1'b0, {(FIELD-1){1'b1}}}};
    wire [ARRAYS-1:0] link_1 = s_link & (s_link << DISTANCE);
    reg [WIDTH-1:0]   mask_0, mask_1;
    reg               valid;
    reg [WIDTH-1:0]   total;
    reg [WIDTH-1:0]   sum;
    integer i;

    generate
        if (STAGES > 1) begin : g_more
            reg [ARRAYS-1:0] link;
            always @(posedge clk)
                if (s_valid) link <= link_1 & (link_1 << (2 * DISTANCE));
            xb_scan #(
                .ARRAYS(ARRAYS), .LANES(LANES), .FIELD(FIELD), .DISTANCE(4*DISTANCE),
                .STAGES(STAGES > 1 ? STAGES-1 : 1)
            ) u_scan (
                .clk(clk), .rst(rst), .s_valid(valid), .s_link(link), .s_sum(total),
                .m_valid(m_valid), .m_sum(m_sum)
            );
        end else begin : g_last
            assign m_valid = valid;
            assign m_sum = total;
        end
    endgenerate

    // Links to masks: changes only from step to step.
    always @(s_link or link_1)
        for (i = 0; i < ARRAYS; i = i + 1) begin
            mask_0[i*SLOT +: SLOT] = {LANES{1'b0, {(FIELD-1){s_link[i]}}}};
            mask_1[i*SLOT +: SLOT] = {LANES{1'b0, {(FIELD-1){link_1[i]}}}};
        end

    // A temporary and one whole-vector assignment are cheap in an event-driven simulator.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        valid <= s_valid && !rst;
        if (s_valid) begin
            sum = (s_sum & guard) + ((s_sum << (DISTANCE*SLOT)) & mask_0);
            total <= (sum & guard) + ((sum << (2*DISTANCE*SLOT)) & mask_1);
        end
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
