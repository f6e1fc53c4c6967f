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
    parameter STAGES = 2,     // (clog2(ARRAYS) + 1) / 2, at least 1
`ifdef __ICARUS__
    parameter WIRES = 0       // 1: the wiring of codes to fields as wires; 0: the same in few wide moves, for Icarus
`else
    parameter WIRES = 1
`endif
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             s_valid,
    input  wire [ARRAYS-1:0]                s_enable,
    input  wire [ARRAYS-1:0]                s_link,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] s_code,
    output wire                             m_valid,
    output wire [ARRAYS*LANES*FIELD-1:0]    m_sum
);
    localparam ALL = ARRAYS * LANES;
    localparam CODES = LANES * ADC_BITS;
    localparam WIDTH = ALL * FIELD;
    localparam GAP = FIELD - ADC_BITS;
    localparam MOVES = ALL > 1 ? $clog2(ALL) : 1;

    wire [WIDTH-1:0] spread;

    // Bits of the codes that move k takes, before it.
    function [WIDTH-1:0] lifted;
        input [31:0] k;
        integer n;
        begin
            lifted = {WIDTH{1'b0}};
            for (n = 0; n < ALL; n = n + 1)
                if (((n >> k) & 1) == 1)
                    lifted[n*ADC_BITS + ((n >> (k+1)) << (k+1))*GAP +: ADC_BITS] = {ADC_BITS{1'b1}};
        end
    endfunction

    generate
        if (WIRES != 0) begin : g_wires
            reg [WIDTH-1:0] codes;
            integer         n;
            always @(s_valid or s_enable or s_code) begin
                codes = {WIDTH{1'b0}};
                n = 0;
                if (s_valid)
                    for (n = 0; n < ALL; n = n + 1)
                        codes[n*FIELD +: ADC_BITS] = s_code[n*ADC_BITS +: ADC_BITS] & {ADC_BITS{s_enable[n/LANES]}};
            end
            assign spread = codes;
        end else begin : g_moves
            reg [ARRAYS*CODES-1:0] enabled;
            reg [WIDTH-1:0]        codes;
            integer                i;
            always @(s_enable)
                for (i = 0; i < ARRAYS; i = i + 1) enabled[i*CODES +: CODES] = {CODES{s_enable[i]}};
            always @(s_valid or s_code or enabled)
                if (s_valid) codes = {{(ALL*GAP){1'b0}}, s_code & enabled};

            // Move k lifts the codes whose number has bit k by 2^k gaps, highest bit first.
            genvar k;
            for (k = MOVES; k >= 0; k = k - 1) begin : g_move
                reg [WIDTH-1:0] field;
                if (k == MOVES) begin : g_first
                    always @(codes) field = codes;
                end else begin : g_later
                    wire [WIDTH-1:0] taken = lifted(k);
                    wire [WIDTH-1:0] left = ~lifted(k);
                    wire [WIDTH-1:0] given = g_move[k+1].field;
                    always @(given) field = (given & left) | ((given & taken) << ((1 << k) * GAP));
                end
            end
            assign spread = g_move[0].field;
        end
    endgenerate

    xb_scan #(.ARRAYS(ARRAYS), .LANES(LANES), .FIELD(FIELD), .DISTANCE(1), .STAGES(STAGES)) u_scan (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_link(s_link), .s_sum(spread), .m_valid(m_valid), .m_sum(m_sum));
endmodule
`default_nettype wire
