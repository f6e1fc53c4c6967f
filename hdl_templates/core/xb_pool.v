// xb_pool - the largest of the values of a pooling window, column group by column group.
//
// Combinational, one column group a cycle, never stops. Column group number k of an instance, counted from 0 over all
// its tiles, meets what the instances before it have left at k in the same window: the first one (s_first) leaves its
// values, each other the larger ones, lane by lane, compared as two's complement with s_signed. Only what the last one
// (s_last) gives is for the memory (m_valid). An instance of a step without a window is the first and the last, and
// passes unchanged. An instance ends with s_end; in a window it has at most POOLS column groups. Data are bit planes:
// bit b of lane l at [b*LANES + l]. rst clears control only.
// Python twin: codesign.mapping.run
`default_nettype none
module xb_pool #(
    parameter POOLS = 64,  // column groups that are kept
    parameter LANES = 4,
    parameter BITS = 8     // bits of an activation
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  s_valid,
    input  wire                  s_first,   // first instance of the window
    input  wire                  s_last,    // last instance of the window
    input  wire                  s_signed,
    input  wire                  s_end,     // last column group of the instance
    input  wire [LANES*BITS-1:0] s_data,
    output wire                  m_valid,
    output reg  [LANES*BITS-1:0] m_data
);
    localparam POOL_BITS = POOLS > 1 ? $clog2(POOLS) : 1;
    localparam WIDTH = LANES * BITS;

    reg  [WIDTH-1:0]     kept [0:POOLS-1];
    reg  [POOL_BITS-1:0] index;
    reg  [LANES-1:0]     open;    // lanes whose numbers are equal so far
    reg  [LANES-1:0]     wins;    // lanes whose kept number is the larger one
    reg  [LANES-1:0]     differ;
    integer              b;

    wire             meets = s_valid && !s_first;
    wire [WIDTH-1:0] so_far = kept[index];

    assign m_valid = s_valid && s_last;

    // Plane by plane from the top, all lanes at once: the first bit in which two numbers differ decides.
    always @(meets or s_signed or s_data or so_far) begin
        open = {LANES{meets}};
        wins = {LANES{1'b0}};
        differ = {LANES{1'b0}};
        m_data = s_data;
        b = 0;
        if (meets) begin
            for (b = BITS - 1; b >= 0; b = b - 1) begin
                differ = open & (s_data[b*LANES +: LANES] ^ so_far[b*LANES +: LANES]);
                wins = wins | (differ & (so_far[b*LANES +: LANES] ^ {LANES{b == BITS - 1 && s_signed}}));
                open = open & ~differ;
            end
            m_data = (s_data & ~{BITS{wins}}) | (so_far & {BITS{wins}});
        end
    end

    always @(posedge clk) begin
        if (s_valid) begin
            index <= s_end ? {POOL_BITS{1'b0}} : index + 1'b1;
            if (!s_last) kept[index] <= m_data;
        end
        if (rst) index <= {POOL_BITS{1'b0}};
    end
endmodule
`default_nettype wire
