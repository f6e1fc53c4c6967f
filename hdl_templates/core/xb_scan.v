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
    parameter STAGES = 2,    // 1 or more
`ifdef __ICARUS__
    parameter PIECES = 0     // 1: moves the sums of single arrays; 0: the same in few wide moves, for Icarus
`else
    parameter PIECES = 1
`endif
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
    reg               valid;
    reg [WIDTH-1:0]   total;
    reg [WIDTH-1:0]   sum;

    generate
        if (STAGES > 1) begin : g_more
            reg [ARRAYS-1:0] link;
            always @(posedge clk)
                if (s_valid) link <= link_1 & (link_1 << (2 * DISTANCE));
            xb_scan #(
                .ARRAYS(ARRAYS), .LANES(LANES), .FIELD(FIELD), .DISTANCE(4*DISTANCE),
                .STAGES(STAGES > 1 ? STAGES-1 : 1), .PIECES(PIECES)
            ) u_scan (
                .clk(clk), .rst(rst), .s_valid(valid), .s_link(link), .s_sum(total),
                .m_valid(m_valid), .m_sum(m_sum)
            );
        end else begin : g_last
            assign m_valid = valid;
            assign m_sum = total;
        end
    endgenerate

    /* verilator lint_off BLKSEQ */ // `sum` is a temporary
    generate
        if (PIECES != 0) begin : g_pieces
            // Sums of the arrays whose bit is set in `link`, moved up by `distance` arrays; 0 elsewhere.
            function [WIDTH-1:0] moved;
                input [WIDTH-1:0] sums;
                input [ARRAYS-1:0] link;
                input [31:0] distance;
                integer i;
                begin
                    moved = {WIDTH{1'b0}};
                    for (i = 0; i < ARRAYS; i = i + 1)
                        if (i >= distance && link[i])
                            moved[i*SLOT +: SLOT] = sums[(i >= distance ? i-distance : 0)*SLOT +: SLOT];
                end
            endfunction

            always @(posedge clk) begin
                valid <= s_valid && !rst;
                if (s_valid) begin
                    sum = (s_sum & guard) + moved(s_sum, s_link, DISTANCE);
                    total <= (sum & guard) + moved(sum, link_1, 2*DISTANCE);
                end
            end
        end else begin : g_wide
            reg [WIDTH-1:0] mask_0, mask_1;
            integer i;

            // Links to masks: changes only from step to step.
            always @(s_link or link_1)
                for (i = 0; i < ARRAYS; i = i + 1) begin
                    mask_0[i*SLOT +: SLOT] = {LANES{1'b0, {(FIELD-1){s_link[i]}}}};
                    mask_1[i*SLOT +: SLOT] = {LANES{1'b0, {(FIELD-1){link_1[i]}}}};
                end

            // A temporary and one whole-vector assignment are cheap in an event-driven simulator.
            always @(posedge clk) begin
                valid <= s_valid && !rst;
                if (s_valid) begin
                    sum = (s_sum & guard) + ((s_sum << (DISTANCE*SLOT)) & mask_0);
                    total <= (sum & guard) + ((sum << (2*DISTANCE*SLOT)) & mask_1);
                end
            end
        end
    endgenerate
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
