// xb_requant - scale accumulators, round, clamp: one column group per cycle.
//
// Latency 2 cycles, throughput 1 term of a column group per cycle; s_ready depends combinationally on m_ready. Per lane
//   scaled = acc * mult + bias                 (s_op first)
//          | acc * mult + scaled               (add: the bias came with the first term)
//          | max(acc * mult + bias, scaled)    (max)
//   y = clamp((scaled + 2^(shift-1)) >> shift, lo, hi),  no rounding term at shift 0;
// y leaves with the term that has s_emit. The terms of a column group come one after another; scaled must fit 47 bits.
// Raw column groups skip the clamp and leave as 32-bit words. Lanes past `columns` are 0 in m_planes.
// m_planes holds bit b of lane l at [b*LANES + l]. rst clears the valid bits only.
// Python twin: codesign.fixed.requantize, codesign.fixed.lane_values
`default_nettype none
`include "xb_layout.vh"
module xb_requant #(
    parameter LANES = 4,
    parameter FIELD = 18,    // bits of a signed accumulator, up to 31
    parameter BITS = 8,      // bits of an activation
    parameter TAG = 4        // bits that travel along
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   s_valid,
    output wire                   s_ready,
    input  wire [LANES*FIELD-1:0] s_acc,
    input  wire [LANES*`XB_CONSTANT_UNIT-1:0] s_constants,  // per lane bias and mult, both signed
    input  wire [4:0]             s_shift,
    input  wire [15:0]            s_lo,         // signed
    input  wire [15:0]            s_hi,         // signed
    input  wire                   s_raw,
    input  wire [1:0]             s_op,
    input  wire                   s_emit,
    input  wire [15:0]            s_columns,    // lanes in use, or more
    input  wire [TAG-1:0]         s_tag,
    output wire                   m_valid,
    input  wire                   m_ready,
    output wire                   m_raw,
    output wire [15:0]            m_columns,
    output wire [TAG-1:0]         m_tag,
    output reg  [LANES*32-1:0]    m_words,
    output wire [LANES*BITS-1:0]  m_planes
);
    localparam CONTROL = 5 + 16 + 16 + 1 + 16 + TAG;
    localparam UNIT = `XB_CONSTANT_UNIT;
    localparam MULT = `XB_CONSTANT_MULT_SIZE;
    localparam BIAS = `XB_CONSTANT_BIAS_SIZE;
    localparam WIDE = 48;  // holds FIELD + 16 bits of product plus the bias

    reg                     valid_1, valid_2;  // a term waits to be scaled; a result waits to leave
    reg  [1:0]              op;
    reg                     emit;
    reg  [CONTROL-1:0]      control_1, control_2;
    reg  [LANES*FIELD-1:0]  acc;
    reg  [LANES*UNIT-1:0]   constants;
    reg  [LANES*WIDE-1:0]   scaled;
    reg  [LANES*WIDE-1:0]   next_scaled;
    reg  [LANES*32-1:0]     words;
    reg  [LANES*8-1:0]      bytes, m_bytes;
    reg  [LANES*WIDE-1:0]   sums;
    reg  [MULT-1:0]         mult;
    reg  [BIAS-1:0]         bias;
    reg  signed [WIDE-1:0]  product, factor, earlier, value, low, high, half;
    reg  [TAG-1:0]          tag;
    reg  [15:0]             columns, lo, hi;
    reg                     raw;
    reg  [4:0]              shift;
    integer i, lane;

    wire        move_2 = !valid_2 || m_ready;
    wire        move_1 = !valid_1 || move_2;

    assign s_ready = move_1;
    assign m_valid = valid_2;

    // Named sensitivity: @* would wake on every partial write of the temporary.
    always @(acc or constants or op or scaled) begin
        sums = {(LANES*WIDE){1'b0}};
        for (i = 0; i < LANES; i = i + 1) begin
            mult = constants[i*UNIT + `XB_CONSTANT_MULT_LOW +: MULT];
            bias = constants[i*UNIT + `XB_CONSTANT_BIAS_LOW +: BIAS];
            factor = {{(WIDE-MULT){mult[MULT-1]}}, mult};
            product = {{(WIDE-FIELD){acc[i*FIELD+FIELD-1]}}, acc[i*FIELD +: FIELD]};
            product = product * factor;
            earlier = scaled[i*WIDE +: WIDE];
            product = product + (op == `XB_OP_ADD ? earlier : {{(WIDE-BIAS){bias[BIAS-1]}}, bias});
            if (op == `XB_OP_MAX && earlier > product) product = earlier;
            sums[i*WIDE +: WIDE] = product;
        end
        next_scaled = sums;
    end

    // Of control_2 itself: its parts would wake this once more.
    always @(scaled or control_2) begin
        {tag, columns, raw, hi, lo, shift} = control_2;
        half = shift == 5'd0 ? {WIDE{1'b0}} : {{(WIDE-1){1'b0}}, 1'b1} << (shift - 5'd1);
        low = {{(WIDE-16){lo[15]}}, lo};
        high = {{(WIDE-16){hi[15]}}, hi};
        words = {(LANES*32){1'b0}};
        bytes = {(LANES*8){1'b0}};
        for (lane = 0; lane < LANES; lane = lane + 1) begin
            value = scaled[lane*WIDE +: WIDE];
            value = (value + half) >>> shift;
            words[lane*32 +: 32] = value[31:0];
            if (value < low) value = low;
            if (value > high) value = high;
            if ({16'd0, columns} > lane) bytes[lane*8 +: 8] = value[7:0];
        end
        m_words = words;
        m_bytes = bytes;
    end

    assign {m_tag, m_columns, m_raw} = {tag, columns, raw};
    xb_planes #(.COUNT(LANES), .BITS(BITS)) u_planes (.bytes(m_bytes), .planes(m_planes));

    always @(posedge clk) begin
        if (move_1) begin
            valid_1 <= s_valid;
            if (s_valid) begin
                acc <= s_acc;
                constants <= s_constants;
                op <= s_op;
                emit <= s_emit;
                control_1 <= {s_tag, s_columns, s_raw, s_hi, s_lo, s_shift};
            end
        end
        if (move_2) begin
            valid_2 <= valid_1 && emit;
            if (valid_1) begin
                scaled <= next_scaled;
                control_2 <= control_1;
            end
        end
        if (rst) begin
            valid_1 <= 1'b0;
            valid_2 <= 1'b0;
        end
    end
endmodule
`default_nettype wire
