// xb_back - the second half of the core: reduce, accumulate, requantize, activation memory, output stream.
//
// Takes the codes of the array macros with their description (s_*, see xb_convert) and operands from xb_front, follows
// the program's steps, and writes results to the activation memory, keeps them for their pooling window, or sends them
// out. step_drained: the activation memory, the pooling buffer, or the register of the output stream has taken all
// results of an instance. buffer_free, operand_taken and step_drained depend combinationally on m_ready. rst clears
// control only.
// Python twin: codesign.mapping.run (values), codesign.mapping.timing (cycles)
`default_nettype none
`include "xb_layout.vh"
module xb_back #(
    parameter ARRAYS = 6,            // crossbar arrays
    parameter WORD = 16,             // activations of a memory word, a power of two
    parameter WORD_BITS = 4,         // its log2
    parameter LANES = 4,             // converters of an array
    parameter GROUPS = 2,            // column groups of an array
    parameter GROUP_BITS = 1,        // bits of a column group number
    parameter ADC_BITS = 6,          // bits of a code
    parameter BITS = 8,              // widest activation, 1..8
    parameter ACTIVATION_WORDS = 8,  // words of the activation memory
    parameter ACTIVATION_BITS = 7,   // bits of an activation number
    parameter STEP_BITS = 4,         // bits of a step number
    parameter TILE_BITS = 5,         // bits of a tile number
    parameter CONSTANT_BITS = 6,     // bits of a constants entry number
    parameter WALK_BITS = 4,         // bits of a walk number
    parameter POOLS = 64             // column groups of a pooling window
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire [15:0]                      program_steps,
    // Table ports read whole entries: padding, and fields for the front, stay unused here.
    output wire [STEP_BITS-1:0]             drain_step,
    output wire [TILE_BITS-1:0]             tile_address,
    output wire [CONSTANT_BITS-1:0]         constant_address,
    output wire [WALK_BITS-1:0]             walk_address,
    /* verilator lint_off UNUSEDSIGNAL */ // see above
    input  wire [(32 << `XB_STEP_LOG2((ARRAYS + 31) / 32))-1:0] drain_entry,
    input  wire [(32 << `XB_TILE_LOG2)-1:0]                     tile_entry,
    input  wire [(32 << `XB_CONSTANT_LOG2(LANES))-1:0]          constant_entry,
    input  wire [(32 << `XB_WALK_LOG2)-1:0]                     walk_entry,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire                             s_valid,
    input  wire                             s_first,
    input  wire                             s_negate,
    input  wire                             s_final,
    input  wire                             s_buffer,
    input  wire [GROUP_BITS-1:0]            s_group,
    input  wire [ARRAYS-1:0]                s_enable,
    input  wire [ARRAYS-1:0]                s_link,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] s_code,
    output wire                             buffer_free,
    input  wire                             operand_valid,
    output wire                             operand_taken,
    input  wire [LANES*BITS-1:0]            operand_data,   // lane by lane
    input  wire                             activation_read,
    input  wire [ACTIVATION_BITS-1:0]       activation_address,
    output wire [WORD*BITS-1:0]             activation_data,
    output wire                             step_drained,
    output wire                             m_valid,
    input  wire                             m_ready,
    output wire [31:0]                      m_data,
    output wire                             m_last
);
    localparam ARRAY_BITS = ARRAYS > 1 ? $clog2(ARRAYS) : 1;
    localparam SUM_BITS = ADC_BITS + (ARRAYS > 1 ? $clog2(ARRAYS) : 0);
    localparam FIELD = SUM_BITS + BITS + 1;
    localparam SCAN_STAGES = ARRAYS > 4 ? ($clog2(ARRAYS) + 1) / 2 : 1;
    localparam COUNT_BITS = $clog2(LANES + 1);
    localparam TAG = 5 + ACTIVATION_BITS;

    // Reduce and accumulate.
    wire                   read_buffer;
    wire [GROUP_BITS-1:0]  read_group;
    wire [ARRAY_BITS-1:0]  read_array;
    wire [LANES*FIELD-1:0] read_data;
    wire [GROUP_BITS:0]    ready_0, ready_1;

    xb_sums #(
        .ARRAYS(ARRAYS), .LANES(LANES), .GROUPS(GROUPS), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(ARRAY_BITS),
        .ADC_BITS(ADC_BITS), .SUM_BITS(SUM_BITS), .FIELD(FIELD), .STAGES(SCAN_STAGES)
    ) u_sums (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_first(s_first), .s_negate(s_negate), .s_final(s_final),
        .s_buffer(s_buffer), .s_group(s_group), .s_enable(s_enable), .s_link(s_link), .s_code(s_code),
        .release_buffer(buffer_free), .read_buffer(read_buffer), .read_group(read_group), .read_array(read_array),
        .read_data(read_data), .ready_0(ready_0), .ready_1(ready_1));

    // Drain, requantize, write back or send.
    wire                       d_valid, d_ready, d_emit, d_window_first, d_window_last, d_step_end, d_image_end;
    wire [LANES*FIELD-1:0]     d_acc;
    wire [15:0]                d_columns, q_columns;
    wire [ACTIVATION_BITS-1:0] d_write;
    wire                       q_valid, q_raw, o_ready, activation_valid, activation_write;
    wire [LANES*BITS-1:0]      q_planes, activation_written;
    wire [COUNT_BITS-1:0]      activation_count;
    wire [TAG-1:0]             q_tag;
    wire [LANES*32-1:0]        q_words;
    wire                       q_ready = q_raw ? o_ready : 1'b1;

    xb_drain #(
        .LANES(LANES), .FIELD(FIELD), .BITS(BITS), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(ARRAY_BITS),
        .STEP_BITS(STEP_BITS), .TILE_BITS(TILE_BITS), .CONSTANT_BITS(CONSTANT_BITS),
        .ACTIVATION_BITS(ACTIVATION_BITS)
    ) u_drain (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(drain_step),
        .step_vector(drain_entry[`XB_STEP_VECTOR]),
        .step_tile_first(drain_entry[`XB_STEP_FIRST_TILE_LOW +: TILE_BITS]),
        .step_tile_count(drain_entry[`XB_STEP_TILES]),
        .step_write(drain_entry[`XB_STEP_WRITE_LOW +: ACTIVATION_BITS]),
        .step_window(drain_entry[`XB_STEP_WINDOW]), .walk_entry(walk_entry),
        .tile_address(tile_address), .tile_array(tile_entry[`XB_TILE_ARRAY_LOW +: ARRAY_BITS]),
        .tile_columns(tile_entry[`XB_TILE_COLUMNS]),
        .tile_group(tile_entry[`XB_TILE_FIRST_GROUP_LOW +: GROUP_BITS]),
        .tile_write(tile_entry[`XB_TILE_WRITE_LOW +: ACTIVATION_BITS]),
        .tile_constant(tile_entry[`XB_TILE_FIRST_CONSTANT_LOW +: CONSTANT_BITS]),
        .tile_last(tile_entry[`XB_TILE_LAST]), .tile_operand(tile_entry[`XB_TILE_FROM_OPERAND]),
        .tile_signed(tile_entry[`XB_TILE_OPERAND_SIGNED]), .tile_repeats(tile_entry[`XB_TILE_REPEATS]),
        .tile_correction(tile_entry[`XB_TILE_CORRECTION_LOW +: FIELD-1]),
        .ready_0(ready_0), .ready_1(ready_1), .read_buffer(read_buffer), .read_group(read_group),
        .read_array(read_array), .read_data(read_data), .release_buffer(buffer_free),
        .operand_valid(operand_valid), .operand_taken(operand_taken), .operand_data(operand_data),
        .constant_address(constant_address),
        .m_valid(d_valid), .m_ready(d_ready), .m_acc(d_acc), .m_emit(d_emit), .m_columns(d_columns),
        .m_write(d_write),
        .m_window_first(d_window_first), .m_window_last(d_window_last), .m_step_end(d_step_end),
        .m_image_end(d_image_end));
    wire below_zero = drain_entry[`XB_STEP_LO_LOW + `XB_STEP_LO_SIZE - 1];  // activations may be

    xb_requant #(.LANES(LANES), .FIELD(FIELD), .BITS(BITS), .TAG(TAG)) u_requant (
        .clk(clk), .rst(rst), .s_valid(d_valid), .s_ready(d_ready), .s_acc(d_acc),
        .s_constants(constant_entry[LANES*`XB_CONSTANT_UNIT-1:0]), .s_shift(drain_entry[`XB_STEP_SHIFT]),
        .s_lo(drain_entry[`XB_STEP_LO]), .s_hi(drain_entry[`XB_STEP_HI]), .s_raw(drain_entry[`XB_STEP_RAW]),
        .s_op(tile_entry[`XB_TILE_OP]), .s_emit(d_emit),
        .s_columns(d_columns),
        .s_tag({d_write, below_zero, d_window_last, d_window_first, d_image_end, d_step_end}),
        .m_valid(q_valid), .m_ready(q_ready), .m_raw(q_raw), .m_columns(q_columns), .m_tag(q_tag),
        .m_words(q_words), .m_planes(q_planes));
    xb_stream_out #(.LANES(LANES)) u_stream_out (
        .clk(clk), .rst(rst), .s_valid(q_valid && q_raw), .s_ready(o_ready), .s_words(q_words),
        .s_columns(q_columns), .s_last(q_tag[1]),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .m_last(m_last));

    assign walk_address = drain_entry[`XB_STEP_WALK_LOW +: WALK_BITS];
    assign step_drained = q_valid && q_ready && q_tag[0];
    assign activation_valid = q_valid && !q_raw;
    assign activation_count = q_columns > LANES ? LANES[COUNT_BITS-1:0] : q_columns[COUNT_BITS-1:0];

    // Pool. What it needs to know of a step came with its terms: a next step may be in the requantizer already.
    xb_pool #(.POOLS(POOLS), .LANES(LANES), .BITS(BITS)) u_pool (
        .clk(clk), .rst(rst), .s_valid(activation_valid), .s_first(q_tag[2]), .s_last(q_tag[3]),
        .s_signed(q_tag[4]), .s_end(q_tag[0]), .s_data(q_planes),
        .m_valid(activation_write), .m_data(activation_written));
    xb_memory #(
        .COUNT(LANES), .COUNT_BITS(COUNT_BITS), .WORD(WORD), .WORD_BITS(WORD_BITS), .BITS(BITS),
        .DEPTH(ACTIVATION_WORDS), .ADDRESS_BITS(ACTIVATION_BITS)
    ) u_activations (
        .clk(clk), .write(activation_write), .write_address(q_tag[5 +: ACTIVATION_BITS]),
        .write_count(activation_count), .write_data(activation_written),
        .read(activation_read), .read_address(activation_address), .read_data(activation_data));
endmodule
`default_nettype wire
