// xb_join - let a run of linked arrays reach from one block of xb_sums into the next.
//
// Takes the block's own sums LOCAL cycles after s_valid and holds them ACROSS cycles more, while the blocks
// below add up; then adds their `carry` to the arrays of the run that comes in. m_sum depends combinationally
// on carry. rst clears valid bits only.
// Python twin: codesign.mapping.run.accumulate
`default_nettype none
module xb_join #(
    parameter ARRAYS = 4,
    parameter LANES = 4,
    parameter FIELD = 18,  // bits of a field
    parameter LOCAL = 1,   // stages inside a block, 1 or more
    parameter ACROSS = 1,  // and between blocks, 1 or more
`ifdef __ICARUS__
    parameter PIECES = 0   // see xb_scan
`else
    parameter PIECES = 1
`endif
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          s_valid,
    input  wire [ARRAYS-1:0]             s_link,   // bit 0: the lowest array adds the top one of the block below
    input  wire [ARRAYS*LANES*FIELD-1:0] own,      // LOCAL cycles after s_valid
    output wire                          enters,   // then: a run comes in
    output wire                          passes,   // and goes on up to the top array
    output wire [LANES*FIELD-1:0]        highest,  // sum of the top array, 0 where the block stands still
    input  wire [LANES*FIELD-1:0]        carry,    // ACROSS cycles later: sum of the run that comes in
    output wire                          m_valid,
    output reg  [ARRAYS*LANES*FIELD-1:0] m_sum
);
    localparam SLOT = LANES * FIELD;
    localparam WIDTH = ARRAYS * SLOT;
    localparam STAGES = LOCAL + ACROSS;

    reg  [STAGES-1:0] valid;
    reg  [STAGES*ARRAYS-1:0] run;  // arrays of the run that comes in, stage k at [k*ARRAYS +: ARRAYS]
    integer           k, i;

    wire              awake = s_valid || valid != {STAGES{1'b0}};
    wire [ARRAYS-1:0] run_own = run[(LOCAL-1)*ARRAYS +: ARRAYS];
    wire [ARRAYS-1:0] run_held = run[(STAGES-1)*ARRAYS +: ARRAYS];
    wire [WIDTH-1:0]  sum;

    assign enters = valid[LOCAL-1] && run_own[0];
    assign passes = valid[LOCAL-1] && run_own[ARRAYS-1];
    assign highest = valid[LOCAL-1] ? own[WIDTH-1 -: SLOT] : {SLOT{1'b0}};
    assign m_valid = valid[STAGES-1];

    always @(posedge clk) begin
        if (awake) begin
            valid[0] <= s_valid;
            if (s_valid) run[ARRAYS-1:0] <= s_link & ~(s_link + 1'b1);
            for (k = 1; k < STAGES; k = k + 1) begin
                valid[k] <= valid[k-1];
                if (valid[k-1]) run[k*ARRAYS +: ARRAYS] <= run[(k-1)*ARRAYS +: ARRAYS];
            end
        end
        if (rst) valid <= {STAGES{1'b0}};
    end

    // Each stage a register of its own, which moves only with something in it.
    genvar h;
    generate
        for (h = 0; h < ACROSS; h = h + 1) begin : g_held
            reg [WIDTH-1:0] held;
            if (h == 0) begin : g_first
                always @(posedge clk) if (valid[LOCAL-1]) held <= own;
            end else begin : g_later
                always @(posedge clk) if (valid[LOCAL+h-1]) held <= g_held[h-1].held;
            end
        end
    endgenerate
    assign sum = g_held[ACROSS-1].held;

    generate
        if (PIECES != 0) begin : g_pieces
            always @(m_valid or sum or run_held or carry) begin
                m_sum = sum;
                for (i = 0; i < ARRAYS; i = i + 1)
                    if (m_valid && run_held[i]) m_sum[i*SLOT +: SLOT] = sum[i*SLOT +: SLOT] + carry;
            end
        end else begin : g_wide
            wire [WIDTH-1:0] guard = {(ARRAYS*LANES){1'b0, {(FIELD-1){1'b1}}}};
            reg  [WIDTH-1:0] mask;

            // Changes only from step to step.
            always @(run_held)
                for (i = 0; i < ARRAYS; i = i + 1) mask[i*SLOT +: SLOT] = {LANES{1'b0, {(FIELD-1){run_held[i]}}}};

            always @(sum or run_held or mask or carry or guard)
                if (!run_held[0]) m_sum = sum;
                else m_sum = (sum & guard) + ({ARRAYS{carry}} & mask);
        end
    endgenerate
endmodule
`default_nettype wire
