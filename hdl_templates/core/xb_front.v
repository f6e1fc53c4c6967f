// xb_front - the first half of the core: input buffer, fetch, wordline registers, operands, converter schedule.
//
// Takes images from the stream, loads the wordline registers step by step and drives the array macros. m_* tells
// xb_back what to do with the codes that arrive one cycle after `convert`; operand_* is the next operand. Array i owns
// bits [i*W +: W] of every array bus, W its width. s_ready depends on registers only. rst clears control and the macro
// pins.
// Python twin: codesign.mapping.timing
`default_nettype none
`include "xb_layout.vh"
module xb_front #(
    parameter ARRAYS = 6,            // crossbar arrays
    parameter ROWS = 16,             // wordlines of an array
    parameter LANES = 4,             // converters of an array
    parameter GROUP_BITS = 1,        // bits of a column group number
    parameter BITS = 8,              // widest activation, 1..8
    parameter WORD = 16,             // activations of a memory word, a power of two
    parameter WORD_BITS = 4,         // its log2
    parameter STREAM_BYTES = 4,      // activations of an input beat
    parameter INPUT_WORDS = 8,       // words of an input buffer
    parameter STEP_BITS = 4,         // bits of a step number
    parameter LOAD_BITS = 6,         // bits of a load number
    parameter WALK_BITS = 4,         // bits of a walk number
    parameter ACTIVATION_BITS = 7,   // bits of an activation number
    parameter OPERANDS = 32          // that may wait for the requantizer
) (
    input  wire                       clk,
    input  wire                       rst,
    input  wire [15:0]                program_steps,
    input  wire [15:0]                program_beats,
    // Table ports read whole entries: padding, and fields for the back, stay unused here.
    output wire [STEP_BITS-1:0]       fetch_step,
    output wire [STEP_BITS-1:0]       convert_step,
    output wire [LOAD_BITS-1:0]       load_address,
    output wire [WALK_BITS-1:0]       walk_address,
    /* verilator lint_off UNUSEDSIGNAL */ // see above
    input  wire [(32 << `XB_STEP_LOG2((ARRAYS + 31) / 32))-1:0] fetch_entry,
    input  wire [(32 << `XB_STEP_LOG2((ARRAYS + 31) / 32))-1:0] convert_entry,
    input  wire [(32 << `XB_LOAD_LOG2((ARRAYS + 31) / 32))-1:0] load_entry,
    input  wire [(32 << `XB_WALK_LOG2)-1:0] walk_entry,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire                       s_valid,
    output wire                       s_ready,
    input  wire [STREAM_BYTES*8-1:0]  s_data,
    input  wire [STREAM_BYTES-1:0]    s_keep,
    input  wire                       s_last,
    output wire                       image_begins,   // its first beat is taken
    output wire                       frame_error,
    output wire                       activation_read,
    output wire [ACTIVATION_BITS-1:0] activation_address,
    input  wire [WORD*BITS-1:0]       activation_data,
    input  wire                       step_drained,   // an instance's results are written, or kept
    input  wire                       buffer_free,    // an accumulator buffer was read out
    output wire                       operand_valid,
    input  wire                       operand_taken,
    output wire [LANES*BITS-1:0]      operand_data,   // lane by lane
    output wire [ARRAYS*ROWS-1:0]     wordline,
    output wire [ARRAYS-1:0]          evaluate,
    output wire [ARRAYS-1:0]          convert,
    output wire [GROUP_BITS-1:0]      group,
    output wire [7:0]                 gain,
    output wire [3:0]                 shift,
    output wire                       m_valid,
    output wire                       m_first,
    output wire                       m_negate,
    output wire                       m_final,
    output wire                       m_buffer,
    output wire [GROUP_BITS-1:0]      m_group,
    output wire [ARRAYS-1:0]          m_enable,
    output wire [ARRAYS-1:0]          m_link
);
    localparam MASK_WORDS = (ARRAYS + 31) / 32;
    localparam INPUT_BITS = $clog2(2 * INPUT_WORDS) + WORD_BITS;
    localparam BEAT_BITS = $clog2(STREAM_BYTES + 1);
    localparam LINES = ROWS > LANES ? ROWS : LANES;  // that a load may reach

    // Input stream and its double buffer.
    wire                             input_write, input_read;
    wire [INPUT_BITS-1:0]            input_write_address, input_read_address;
    wire [STREAM_BYTES*BITS-1:0]     beat_data;
    wire [WORD*BITS-1:0]             input_data;
    wire [23:0]                      available_0, available_1;
    wire                             whole_0, whole_1, release_0, release_1;

    xb_stream_in #(
        .BYTES(STREAM_BYTES), .BITS(BITS), .DEPTH(INPUT_WORDS*WORD), .ADDRESS_BITS(INPUT_BITS)
    ) u_stream_in (
        .clk(clk), .rst(rst), .beats(program_beats),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data), .s_keep(s_keep), .s_last(s_last),
        .write(input_write), .write_address(input_write_address), .write_data(beat_data),
        .available_0(available_0), .available_1(available_1), .whole_0(whole_0), .whole_1(whole_1),
        .release_0(release_0), .release_1(release_1), .begins(image_begins), .frame_error(frame_error));
    xb_memory #(
        .COUNT(STREAM_BYTES), .COUNT_BITS(BEAT_BITS), .WORD(WORD), .WORD_BITS(WORD_BITS), .BITS(BITS),
        .DEPTH(2*INPUT_WORDS), .ADDRESS_BITS(INPUT_BITS)
    ) u_input (
        .clk(clk), .write(input_write), .write_address(input_write_address),
        .write_count(STREAM_BYTES[BEAT_BITS-1:0]), .write_data(beat_data),
        .read(input_read), .read_address(input_read_address), .read_data(input_data));

    // Fetch into the wordline registers, or the operands.
    wire              load_bank, load_select, step_loaded, operand_loaded, bank_free;
    wire [ARRAYS-1:0] load_arrays;
    wire [9:0]           load_first, load_last, load_real_first;
    wire [10:0]          load_real_end;
    wire [WORD_BITS-1:0] load_turn;

    xb_fetch #(
        .ARRAYS(ARRAYS), .STEP_BITS(STEP_BITS), .LOAD_BITS(LOAD_BITS), .WORD_BITS(WORD_BITS),
        .INPUT_DEPTH(INPUT_WORDS*WORD), .INPUT_BITS(INPUT_BITS), .ACTIVATION_BITS(ACTIVATION_BITS),
        .OPERANDS(OPERANDS)
    ) u_fetch (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(fetch_step),
        .step_load_first(fetch_entry[`XB_STEP_FIRST_LOAD_LOW +: LOAD_BITS]),
        .step_load_count(fetch_entry[`XB_STEP_LOADS]),
        .step_wait(fetch_entry[`XB_STEP_WAIT]), .step_releases(fetch_entry[`XB_STEP_RELEASES_INPUT]),
        .step_whole(fetch_entry[`XB_STEP_WHOLE_INPUT]), .step_vector(fetch_entry[`XB_STEP_VECTOR]),
        .step_source(fetch_entry[`XB_STEP_SOURCE]), .step_write(fetch_entry[`XB_STEP_WRITE]),
        .step_row(fetch_entry[`XB_STEP_ROW]), .step_column(fetch_entry[`XB_STEP_COLUMN]),
        .step_rows(fetch_entry[`XB_STEP_ROWS]), .step_row_length(fetch_entry[`XB_STEP_ROW_LENGTH]),
        .walk_entry(walk_entry),
        .load_address(load_address), .load_from_memory(load_entry[`XB_LOAD_FROM_MEMORY]),
        .load_operand(load_entry[`XB_LOAD_OPERAND]), .load_at_write(load_entry[`XB_LOAD_AT_WRITE]),
        .load_bounded(load_entry[`XB_LOAD_BOUNDED]), .load_offset(load_entry[`XB_LOAD_OFFSET]),
        .load_wordline(load_entry[`XB_LOAD_WORDLINE]), .load_run(load_entry[`XB_LOAD_COUNT]),
        .load_row(load_entry[`XB_LOAD_ROW]), .load_column(load_entry[`XB_LOAD_COLUMN]),
        .load_mask(load_entry[`XB_LOAD_ARRAYS_LOW(MASK_WORDS) +: ARRAYS]),
        .available_0(available_0), .available_1(available_1), .whole_0(whole_0), .whole_1(whole_1),
        .release_0(release_0), .release_1(release_1),
        .bank_free(bank_free), .step_drained(step_drained), .operand_taken(operand_taken),
        .input_read(input_read), .input_address(input_read_address),
        .activation_read(activation_read), .activation_address(activation_address),
        .load_arrays(load_arrays), .load_bank(load_bank), .load_select(load_select),
        .load_first(load_first), .load_last(load_last),
        .load_real_first(load_real_first), .load_real_end(load_real_end), .load_turn(load_turn),
        .operand_loaded(operand_loaded), .step_loaded(step_loaded));

    assign walk_address = fetch_entry[`XB_STEP_WALK_LOW +: WALK_BITS];

    // Drive and convert.
    wire                  drive_bank;
    wire [2:0]            drive_bit;
    wire [ARRAYS-1:0]     drive;
    /* verilator lint_off UNUSEDSIGNAL */ // operands may reach past the wordlines
    wire [LINES-1:0]      load_lines;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [LINES*BITS-1:0] load_data;

    xb_window #(.WORD(WORD), .WORD_BITS(WORD_BITS), .ROWS(LINES), .BITS(BITS)) u_window (
        .s_data(load_select ? activation_data : input_data), .turn(load_turn), .first(load_first), .last(load_last),
        .real_first(load_real_first), .real_end(load_real_end), .m_data(load_data), .m_lines(load_lines));

    xb_operand #(.DEPTH(OPERANDS), .LANES(LANES), .LINES(LINES), .BITS(BITS)) u_operand (
        .clk(clk), .rst(rst), .s_valid(operand_loaded), .s_data(load_data),
        .m_valid(operand_valid), .m_ready(operand_taken), .m_data(operand_data));
    xb_wordlines #(.ARRAYS(ARRAYS), .ROWS(ROWS), .LINES(LINES), .BITS(BITS)) u_wordlines (
        .clk(clk), .rst(rst), .load_arrays(load_arrays), .load_bank(load_bank), .load_ends(step_loaded),
        .load_lines(load_lines[ROWS-1:0]), .load_data(load_data),
        .drive(drive), .drive_bank(drive_bank), .drive_bit(drive_bit), .wordline(wordline));
    xb_convert #(.ARRAYS(ARRAYS), .STEP_BITS(STEP_BITS), .GROUP_BITS(GROUP_BITS)) u_convert (
        .clk(clk), .rst(rst), .steps(program_steps), .step_address(convert_step),
        .step_vector(convert_entry[`XB_STEP_VECTOR]),
        .step_top(convert_entry[`XB_STEP_INPUT_BITS]), .step_signed(convert_entry[`XB_STEP_INPUT_SIGNED]),
        .step_instances(convert_entry[`XB_STEP_INSTANCES]),
        .step_first_group(convert_entry[`XB_STEP_FIRST_GROUP_LOW +: GROUP_BITS]),
        .step_last_group(convert_entry[`XB_STEP_COLUMN_GROUPS_LOW +: GROUP_BITS]),
        .step_gain(convert_entry[`XB_STEP_RANGE_GAIN]), .step_shift(convert_entry[`XB_STEP_RANGE_SHIFT]),
        .step_enable(convert_entry[`XB_STEP_ENABLED_LOW(MASK_WORDS) +: ARRAYS]),
        .step_link(convert_entry[`XB_STEP_LINKED_LOW(MASK_WORDS) +: ARRAYS]),
        .step_loaded(step_loaded), .bank_free(bank_free), .buffer_free(buffer_free),
        .drive(drive), .drive_bank(drive_bank), .drive_bit(drive_bit),
        .evaluate(evaluate), .convert(convert), .group(group), .gain(gain), .shift(shift),
        .m_valid(m_valid), .m_first(m_first), .m_negate(m_negate), .m_final(m_final), .m_buffer(m_buffer),
        .m_group(m_group), .m_enable(m_enable), .m_link(m_link));
endmodule
`default_nettype wire
