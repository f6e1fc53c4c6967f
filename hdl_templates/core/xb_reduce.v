// xb_reduce - add up the codes of arrays that hold rows of the same outputs.
//
// Latency STAGES cycles, throughput one set of codes per cycle. Array i adds the sum of array i-1
// where link[i] is set, so the top array of each linked run carries the sum of the run; an array
// that is not enabled adds 0. Codes are offset binary; lane l of array i leaves in field
// [(i*LANES + l)*FIELD +: FIELD]. rst clears valid bits only.
// Python twin: codesign.mapping.run.accumulate
`default_nettype none
module xb_reduce #(
    parameter ARRAYS = 6,
    parameter LANES = 4,
    parameter ADC_BITS = 6,
    parameter FIELD = 18,     // bits of a field, at least ADC_BITS + clog2(ARRAYS) + 1
    parameter CONTROL = 4,    // bits that travel along
    parameter STAGES = 2      // (clog2(ARRAYS) + 1) / 2, at least 1
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             s_valid,
    input  wire [CONTROL-1:0]               s_control,
    input  wire [ARRAYS-1:0]                s_enable,
    input  wire [ARRAYS-1:0]                s_link,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] s_code,
    output wire                             m_valid,
    output wire [CONTROL-1:0]               m_control,
    output wire [ARRAYS*LANES*FIELD-1:0]    m_sum
);
    localparam WIDTH = ARRAYS * LANES * FIELD;

    localparam SLOT = LANES * FIELD;
    localparam MOVES = LANES > 1 ? $clog2(LANES) : 1;
    localparam GAP = FIELD - ADC_BITS;

    // Bits of the lanes that move d takes, before it, at [d*SLOT +: SLOT].
    function [MOVES*SLOT-1:0] lanes_of_moves;
        input [31:0] moves;
        integer l, d;
        begin
            lanes_of_moves = {(MOVES*SLOT){1'b0}};
            for (d = 0; d < moves; d = d + 1)
                for (l = 0; l < LANES; l = l + 1)
                    if (((l >> d) & 1) == 1)
                        lanes_of_moves[d*SLOT + l*ADC_BITS + ((l >> (d+1)) << (d+1))*GAP +: ADC_BITS]
                            = {ADC_BITS{1'b1}};
        end
    endfunction

    localparam [MOVES*SLOT-1:0] TAKEN = lanes_of_moves(MOVES);

    // Codes reach their fields in log2(LANES) moves of all arrays at once: move k lifts the lanes whose
    // number has bit k by 2^k gaps, highest bit first. All masks are constants: this is wiring.
    // Named sensitivity: @* would wake on every partial write of the temporary.
    reg [WIDTH-1:0] spread, field, mask;
    integer i, k;

    always @(s_valid or s_enable or s_code) begin
        field = {WIDTH{1'b0}};
        for (i = 0; i < ARRAYS; i = i + 1)
            if (s_valid && s_enable[i])
                field[i*SLOT +: LANES*ADC_BITS] = s_code[i*LANES*ADC_BITS +: LANES*ADC_BITS];
        for (k = MOVES - 1; k >= 0; k = k - 1) begin
            mask = {ARRAYS{TAKEN[k*SLOT +: SLOT]}};
            field = (field & ~mask) | ((field & mask) << ((1 << k) * GAP));
        end
        spread = field;
    end

    xb_scan #(
        .ARRAYS(ARRAYS), .LANES(LANES), .FIELD(FIELD), .DISTANCE(1), .CONTROL(CONTROL), .STAGES(STAGES)
    ) u_scan (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_control(s_control), .s_link(s_link), .s_sum(spread),
        .m_valid(m_valid), .m_control(m_control), .m_sum(m_sum));
endmodule
`default_nettype wire
