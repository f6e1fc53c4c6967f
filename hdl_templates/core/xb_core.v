// xb_core - the periphery of N crossbar arrays: fetch, convert, reduce, accumulate, requantize.
//
// What it computes is decided by descriptors in its tables (docs/image.md); nothing of a network is
// built in. With run low everything is in reset but the tables. Throughput of a step:
// input bits * ceil(columns / LANES) cycles; the stages overlap between steps. Array i owns bits
// [i*W +: W] of every array bus, W its width.
// Python twin: codesign.mapping.run (values), codesign.mapping.timing (cycles)
`default_nettype none
module xb_core #(
    parameter ARRAYS = 6,            // crossbar arrays
    parameter ROWS = 16,             // wordlines of an array
    parameter LANES = 4,             // converters of an array, divides ROWS
    parameter GROUPS = 2,            // column groups of an array
    parameter ADC_BITS = 6,          // bits of a code
    parameter BITS = 8,              // widest activation, 1..8
    parameter STREAM_BYTES = 4,      // activations of an input beat, divides ROWS
    parameter INPUT_WORDS = 8,       // words of an input buffer
    parameter ACTIVATION_WORDS = 8,  // words of the activation memory
    parameter STEPS = 16,            // entries of each table
    parameter LOADS = 64,
    parameter TILES = 32,
    parameter CONSTANTS = 64,
    parameter WRITE_BITS = 20        // programming address, in words
) (
    input  wire                              clk,
    input  wire                              run,
    input  wire [15:0]                       program_steps,
    input  wire [15:0]                       program_beats,
    input  wire                              write_steps,
    input  wire                              write_loads,
    input  wire                              write_tiles,
    input  wire                              write_constants,
    /* verilator lint_off UNUSEDSIGNAL */ // the address reaches the largest memory of the chip, cells included
    input  wire [WRITE_BITS-1:0]             write_address,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [31:0]                       write_data,
    input  wire                              s_valid,
    output wire                              s_ready,
    input  wire [STREAM_BYTES*8-1:0]         s_data,
    input  wire [STREAM_BYTES-1:0]           s_keep,
    input  wire                              s_last,
    output wire                              m_valid,
    input  wire                              m_ready,
    output wire [31:0]                       m_data,
    output wire                              m_last,
    output wire [ARRAYS*ROWS-1:0]            wordline,
    output wire [ARRAYS-1:0]                 evaluate,
    output wire [ARRAYS-1:0]                 convert,
    output wire [(GROUPS > 1 ? $clog2(GROUPS) : 1)-1:0] group,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0]  code,
    output wire                              frame_error
);
    localparam GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam ARRAY_BITS = ARRAYS > 1 ? $clog2(ARRAYS) : 1;
    localparam SUM_BITS = ADC_BITS + (ARRAYS > 1 ? $clog2(ARRAYS) : 0);
    localparam FIELD = SUM_BITS + BITS + 1;
    localparam SCAN_STAGES = ARRAYS > 4 ? ($clog2(ARRAYS) + 1) / 2 : 1;
    localparam MASK_WORDS = (ARRAYS + 31) / 32;
    localparam STEP_LOG2 = $clog2(6 + 2 * MASK_WORDS);
    localparam LOAD_LOG2 = $clog2(1 + MASK_WORDS);
    localparam CONSTANT_LOG2 = $clog2((LANES * 48 + 31) / 32);
    localparam STEP_BITS = STEPS > 1 ? $clog2(STEPS) : 1;
    localparam LOAD_BITS = LOADS > 1 ? $clog2(LOADS) : 1;
    localparam TILE_BITS = TILES > 1 ? $clog2(TILES) : 1;
    localparam CONSTANT_BITS = CONSTANTS > 1 ? $clog2(CONSTANTS) : 1;
    localparam INPUT_UNITS = ROWS / STREAM_BYTES;
    localparam INPUT_UNIT_BITS = INPUT_UNITS > 1 ? $clog2(INPUT_UNITS) : 1;
    localparam INPUT_BITS = $clog2(2 * INPUT_WORDS);
    localparam UNITS = ROWS / LANES;
    localparam UNIT_BITS = UNITS > 1 ? $clog2(UNITS) : 1;
    localparam ACTIVATION_BITS = ACTIVATION_WORDS > 1 ? $clog2(ACTIVATION_WORDS) : 1;
    localparam STEP_WIDTH = 32 << STEP_LOG2;
    localparam TAG = 2 + ACTIVATION_BITS + UNIT_BITS;
    localparam CONTROL = 4 + GROUP_BITS;

    wire rst = !run;

    // Tables. Step read ports: 0 fetch, 1 convert, 2 drain.
    // A port reads a whole entry: padding, and fields that other ports use, stay unused here.
    /* verilator lint_off UNUSEDSIGNAL */
    wire [STEP_BITS-1:0]             fetch_step, convert_step, drain_step;
    wire [3*STEP_WIDTH-1:0]          step_data;
    wire [STEP_WIDTH-1:0]            at_fetch = step_data[0 +: STEP_WIDTH];
    wire [STEP_WIDTH-1:0]            at_convert = step_data[STEP_WIDTH +: STEP_WIDTH];
    wire [STEP_WIDTH-1:0]            at_drain = step_data[2*STEP_WIDTH +: STEP_WIDTH];
    wire [LOAD_BITS-1:0]             load_address;
    wire [(32 << LOAD_LOG2)-1:0]     load_data;
    wire [TILE_BITS-1:0]             tile_address;
    wire [63:0]                      tile_data;
    wire [CONSTANT_BITS-1:0]         constant_address;
    wire [(32 << CONSTANT_LOG2)-1:0] constant_data;
    /* verilator lint_on UNUSEDSIGNAL */

    xb_table #(.WORDS_LOG2(STEP_LOG2), .DEPTH(STEPS), .ADDRESS_BITS(STEP_BITS), .READS(3)) u_steps (
        .clk(clk), .write(write_steps), .write_address(write_address[STEP_BITS+STEP_LOG2-1:0]), .write_data(write_data),
        .read_address({drain_step, convert_step, fetch_step}), .read_data(step_data));
    xb_table #(.WORDS_LOG2(LOAD_LOG2), .DEPTH(LOADS), .ADDRESS_BITS(LOAD_BITS), .READS(1)) u_loads (
        .clk(clk), .write(write_loads), .write_address(write_address[LOAD_BITS+LOAD_LOG2-1:0]), .write_data(write_data),
        .read_address(load_address), .read_data(load_data));
    xb_table #(.WORDS_LOG2(1), .DEPTH(TILES), .ADDRESS_BITS(TILE_BITS), .READS(1)) u_tiles (
        .clk(clk), .write(write_tiles), .write_address(write_address[TILE_BITS:0]), .write_data(write_data),
        .read_address(tile_address), .read_data(tile_data));
    xb_table #(.WORDS_LOG2(CONSTANT_LOG2), .DEPTH(CONSTANTS), .ADDRESS_BITS(CONSTANT_BITS), .READS(1)) u_constants (
        .clk(clk), .write(write_constants), .write_address(write_address[CONSTANT_BITS+CONSTANT_LOG2-1:0]),
        .write_data(write_data),
        .read_address(constant_address), .read_data(constant_data));

    // Input stream and its double buffer.
    wire                             input_write, input_read;
    wire [INPUT_BITS-1:0]            input_write_address, input_read_address;
    wire [INPUT_UNIT_BITS-1:0]       input_unit;
    wire [STREAM_BYTES*BITS-1:0]     input_data;
    wire [ROWS*BITS-1:0]             input_vector;
    wire [15:0]                      available_0, available_1;
    wire                             release_0, release_1;

    xb_stream_in #(
        .BYTES(STREAM_BYTES), .UNITS(INPUT_UNITS), .UNIT_BITS(INPUT_UNIT_BITS), .BITS(BITS),
        .WORDS(INPUT_WORDS), .ADDRESS_BITS(INPUT_BITS)
    ) u_stream_in (
        .clk(clk), .rst(rst), .beats(program_beats),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data), .s_keep(s_keep), .s_last(s_last),
        .write(input_write), .write_address(input_write_address), .write_unit(input_unit), .write_data(input_data),
        .available_0(available_0), .available_1(available_1), .release_0(release_0), .release_1(release_1),
        .frame_error(frame_error));
    xb_memory #(
        .UNIT(STREAM_BYTES), .UNITS(INPUT_UNITS), .BITS(BITS), .DEPTH(2*INPUT_WORDS),
        .ADDRESS_BITS(INPUT_BITS), .UNIT_BITS(INPUT_UNIT_BITS)
    ) u_input (
        .clk(clk), .write(input_write), .write_address(input_write_address), .write_unit(input_unit),
        .write_data(input_data), .read(input_read), .read_address(input_read_address), .read_data(input_vector));

    // Fetch into the wordline registers.
    wire                       hidden_read, hidden_write, load_bank, load_from_hidden, step_loaded;
    wire                       bank_free, step_drained;
    wire [ACTIVATION_BITS-1:0] hidden_read_address, hidden_write_address;
    wire [ROWS*BITS-1:0]       hidden_vector;
    wire [ARRAYS-1:0]          load_arrays;
    wire [UNIT_BITS-1:0]       hidden_unit;
    wire [LANES*BITS-1:0]      hidden_data;

    xb_fetch #(
        .ARRAYS(ARRAYS), .STEP_BITS(STEP_BITS), .LOAD_BITS(LOAD_BITS), .INPUT_WORDS(INPUT_WORDS),
        .INPUT_BITS(INPUT_BITS), .ACTIVATION_BITS(ACTIVATION_BITS)
    ) u_fetch (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(fetch_step),
        .step_load_first(at_fetch[32 +: LOAD_BITS]), .step_load_count(at_fetch[63:48]),
        .step_wait(at_fetch[10:8]), .step_releases(at_fetch[6]),
        .load_address(load_address), .load_hidden(load_data[31]), .load_word(load_data[15:0]),
        .load_mask(load_data[32 +: ARRAYS]),
        .available_0(available_0), .available_1(available_1), .release_0(release_0), .release_1(release_1),
        .bank_free(bank_free), .step_drained(step_drained),
        .input_read(input_read), .input_address(input_read_address),
        .activation_read(hidden_read), .activation_address(hidden_read_address),
        .load_arrays(load_arrays), .load_bank(load_bank), .load_from_hidden(load_from_hidden),
        .step_loaded(step_loaded));
    xb_memory #(
        .UNIT(LANES), .UNITS(UNITS), .BITS(BITS), .DEPTH(ACTIVATION_WORDS),
        .ADDRESS_BITS(ACTIVATION_BITS), .UNIT_BITS(UNIT_BITS)
    ) u_hidden (
        .clk(clk), .write(hidden_write), .write_address(hidden_write_address), .write_unit(hidden_unit),
        .write_data(hidden_data), .read(hidden_read), .read_address(hidden_read_address), .read_data(hidden_vector));

    wire                 drive_bank;
    wire [2:0]           drive_bit;
    wire [ARRAYS-1:0]    drive;
    wire [ROWS*BITS-1:0] load_vector = load_from_hidden ? hidden_vector : input_vector;
    xb_wordlines #(.ARRAYS(ARRAYS), .ROWS(ROWS), .BITS(BITS)) u_wordlines (
        .clk(clk), .load_arrays(load_arrays), .load_bank(load_bank), .load_data(load_vector),
        .drive(drive), .drive_bank(drive_bank), .drive_bit(drive_bit), .wordline(wordline));

    // Convert, reduce, accumulate.
    wire                          buffer_free;
    wire                          c_valid, c_first, c_negate, c_final, c_buffer;
    wire [GROUP_BITS-1:0]         c_group;
    wire [ARRAYS-1:0]             c_enable, c_link;
    wire                          r_valid;
    wire [CONTROL-1:0]            r_control;
    wire [ARRAYS*LANES*FIELD-1:0] r_sum;
    wire                          read_buffer;
    wire [GROUP_BITS-1:0]         read_group;
    wire [ARRAY_BITS-1:0]         read_array;
    wire [LANES*FIELD-1:0]        read_data;
    wire [GROUP_BITS:0]           ready_0, ready_1;

    xb_convert #(.ARRAYS(ARRAYS), .STEP_BITS(STEP_BITS), .GROUP_BITS(GROUP_BITS)) u_convert (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(convert_step),
        .step_top(at_convert[2:0]), .step_signed(at_convert[4]), .step_last_group(at_convert[96 +: GROUP_BITS]),
        .step_enable(at_convert[192 +: ARRAYS]), .step_link(at_convert[192+32*MASK_WORDS +: ARRAYS]),
        .step_loaded(step_loaded), .bank_free(bank_free), .buffer_free(buffer_free),
        .drive(drive), .drive_bank(drive_bank), .drive_bit(drive_bit),
        .evaluate(evaluate), .convert(convert), .group(group),
        .m_valid(c_valid), .m_first(c_first), .m_negate(c_negate), .m_final(c_final), .m_buffer(c_buffer),
        .m_group(c_group), .m_enable(c_enable), .m_link(c_link));
    xb_reduce #(
        .ARRAYS(ARRAYS), .LANES(LANES), .ADC_BITS(ADC_BITS), .FIELD(FIELD), .CONTROL(CONTROL), .STAGES(SCAN_STAGES)
    ) u_reduce (
        .clk(clk), .rst(rst), .s_valid(c_valid), .s_control({c_group, c_buffer, c_final, c_negate, c_first}),
        .s_enable(c_enable), .s_link(c_link), .s_code(code),
        .m_valid(r_valid), .m_control(r_control), .m_sum(r_sum));
    xb_accumulate #(
        .ARRAYS(ARRAYS), .LANES(LANES), .GROUPS(GROUPS), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(ARRAY_BITS),
        .SUM_BITS(SUM_BITS), .FIELD(FIELD)
    ) u_accumulate (
        .clk(clk), .rst(rst), .s_valid(r_valid), .s_first(r_control[0]), .s_negate(r_control[1]),
        .s_final(r_control[2]), .s_buffer(r_control[3]), .s_group(r_control[CONTROL-1:4]), .s_sum(r_sum),
        .release_buffer(buffer_free), .read_buffer(read_buffer), .read_group(read_group), .read_array(read_array),
        .read_data(read_data), .ready_0(ready_0), .ready_1(ready_1));

    // Drain, requantize, write back or send.
    wire                       d_valid, d_ready, d_step_end, d_image_end;
    wire [LANES*FIELD-1:0]     d_acc;
    wire [15:0]                d_columns, q_columns;
    wire [ACTIVATION_BITS-1:0] d_word;
    wire [UNIT_BITS-1:0]       d_unit;
    wire                       q_valid, q_raw, o_ready;
    wire [TAG-1:0]             q_tag;
    wire [LANES*32-1:0]        q_words;
    wire                       q_ready = q_raw ? o_ready : 1'b1;

    xb_drain #(
        .LANES(LANES), .FIELD(FIELD), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(ARRAY_BITS), .STEP_BITS(STEP_BITS),
        .TILE_BITS(TILE_BITS), .CONSTANT_BITS(CONSTANT_BITS), .UNITS(UNITS), .UNIT_BITS(UNIT_BITS),
        .ACTIVATION_BITS(ACTIVATION_BITS)
    ) u_drain (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(drain_step),
        .step_tile_first(at_drain[64 +: TILE_BITS]), .step_tile_count(at_drain[95:80]),
        .step_constant_first(at_drain[112 +: CONSTANT_BITS]), .step_word(at_drain[128 +: ACTIVATION_BITS]),
        .tile_address(tile_address), .tile_array(tile_data[ARRAY_BITS-1:0]), .tile_columns(tile_data[31:16]),
        .tile_correction(tile_data[32 +: FIELD-1]),
        .ready_0(ready_0), .ready_1(ready_1), .read_buffer(read_buffer), .read_group(read_group),
        .read_array(read_array), .read_data(read_data), .release_buffer(buffer_free),
        .constant_address(constant_address),
        .m_valid(d_valid), .m_ready(d_ready), .m_acc(d_acc), .m_columns(d_columns), .m_word(d_word), .m_unit(d_unit),
        .m_step_end(d_step_end), .m_image_end(d_image_end));
    xb_requant #(.LANES(LANES), .FIELD(FIELD), .BITS(BITS), .TAG(TAG)) u_requant (
        .clk(clk), .rst(rst), .s_valid(d_valid), .s_ready(d_ready), .s_acc(d_acc),
        .s_constants(constant_data[LANES*48-1:0]), .s_shift(at_drain[20:16]),
        .s_lo(at_drain[175:160]), .s_hi(at_drain[191:176]), .s_raw(at_drain[5]),
        .s_columns(d_columns), .s_tag({d_unit, d_word, d_image_end, d_step_end}),
        .m_valid(q_valid), .m_ready(q_ready), .m_raw(q_raw), .m_columns(q_columns), .m_tag(q_tag),
        .m_words(q_words), .m_planes(hidden_data));
    xb_stream_out #(.LANES(LANES)) u_stream_out (
        .clk(clk), .rst(rst), .s_valid(q_valid && q_raw), .s_ready(o_ready), .s_words(q_words),
        .s_columns(q_columns), .s_last(q_tag[1]),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .m_last(m_last));

    assign step_drained = q_valid && q_ready && q_tag[0];
    assign hidden_write = q_valid && !q_raw;
    assign hidden_write_address = q_tag[2 +: ACTIVATION_BITS];
    assign hidden_unit = q_tag[2+ACTIVATION_BITS +: UNIT_BITS];

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (ROWS % LANES != 0) begin : g_illegal_0
            LANES_must_divide_ROWS illegal ();
        end
        if (ROWS % STREAM_BYTES != 0) begin : g_illegal_1
            STREAM_BYTES_must_divide_ROWS illegal ();
        end
        if (BITS < 1 || BITS > 8) begin : g_illegal_2
            BITS_must_be_1_to_8 illegal ();
        end
        if (FIELD > 31) begin : g_illegal_3
            ADC_BITS_ARRAYS_and_BITS_need_more_than_31_bits illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
