// xb_core - the periphery of N crossbar arrays: descriptor tables, front (fetch, convert), back (reduce to memory).
//
// Descriptors in its tables (docs/image.md) decide what it computes; nothing of a network is built in. Walk 0 is: one
// place. The table's entry 0 is never read, so that a program without loops needs no walks.
// While run is low, everything but the tables is in reset, and peek_* reads the activation memory. Throughput of an
// instance of a step: input bits * ceil(columns / LANES) cycles; the stages overlap between steps. Array i owns bits
// [i*W +: W] of every array bus, W its width.
// Python twin: codesign.mapping.run (values), codesign.mapping.timing (cycles)
`default_nettype none
`include "xb_layout.vh"
module xb_core #(
    parameter ARRAYS = 6,            // crossbar arrays
    parameter ROWS = 16,             // wordlines of an array
    parameter WORD = 16,             // activations of a memory word, a power of two
    parameter LANES = 4,             // converters of an array
    parameter GROUPS = 2,            // column groups of an array
    parameter ADC_BITS = 6,          // bits of a code
    parameter BITS = 8,              // widest activation, 1..8
    parameter STREAM_BYTES = 4,      // activations of an input beat
    parameter INPUT_WORDS = 8,       // words of an input buffer
    parameter ACTIVATION_WORDS = 8,  // words of the activation memory
    parameter STEPS = 16,            // entries of each table
    parameter LOADS = 64,
    parameter TILES = 32,
    parameter CONSTANTS = 64,
    parameter WALKS = 16,
    parameter OPERANDS = 32,         // lane groups of operands that may wait
    parameter POOLS = 64,            // column groups of a pooling window
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
    input  wire                              write_walks,
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
    output wire [7:0]                        gain,
    output wire [3:0]                        shift,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0]  code,
    output wire                              image_begins,   // the first beat of an image is taken
    output wire                              frame_error,
    /* verilator lint_off UNUSEDSIGNAL */ // the register reaches the largest memory of any chip
    input  wire [23:0]                       peek_address,   // activation that peek_data begins with
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [31:0]                       peek_data       // one a byte; one cycle later, while run is low
);
    localparam GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam MASK_WORDS = (ARRAYS + 31) / 32;
    localparam STEP_LOG2 = `XB_STEP_LOG2(MASK_WORDS);
    localparam LOAD_LOG2 = `XB_LOAD_LOG2(MASK_WORDS);
    localparam CONSTANT_LOG2 = `XB_CONSTANT_LOG2(LANES);
    localparam STEP_BITS = STEPS > 1 ? $clog2(STEPS) : 1;
    localparam LOAD_BITS = LOADS > 1 ? $clog2(LOADS) : 1;
    localparam TILE_BITS = TILES > 1 ? $clog2(TILES) : 1;
    localparam CONSTANT_BITS = CONSTANTS > 1 ? $clog2(CONSTANTS) : 1;
    localparam WALK_BITS = WALKS > 1 ? $clog2(WALKS) : 1;
    localparam WORD_BITS = $clog2(WORD);
    localparam ACTIVATION_BITS = $clog2(ACTIVATION_WORDS) + WORD_BITS;
    localparam STEP_WIDTH = 32 << STEP_LOG2;
    localparam WALK_WIDTH = 32 << `XB_WALK_LOG2;
    localparam PEEK = WORD < 4 ? WORD : 4;  // activations in peek_data

    wire rst = !run;

    // Tables. Step read ports: 0 fetch, 1 convert, 2 drain; walk read ports: 0 fetch, 1 drain.
    wire [STEP_BITS-1:0]             fetch_step, convert_step, drain_step;
    wire [3*STEP_WIDTH-1:0]          step_data;
    wire [LOAD_BITS-1:0]             load_address;
    wire [(32 << LOAD_LOG2)-1:0]     load_data;
    wire [TILE_BITS-1:0]             tile_address;
    wire [(32 << `XB_TILE_LOG2)-1:0] tile_data;
    wire [CONSTANT_BITS-1:0]         constant_address;
    wire [(32 << CONSTANT_LOG2)-1:0] constant_data;
    wire [WALK_BITS-1:0]             fetch_walk, drain_walk;
    wire [2*WALK_WIDTH-1:0]          walk_data;
    reg  [WALK_WIDTH-1:0]            fetch_walk_entry, drain_walk_entry;

    xb_table #(.WORDS_LOG2(STEP_LOG2), .DEPTH(STEPS), .ADDRESS_BITS(STEP_BITS), .READS(3)) u_steps (
        .clk(clk), .write(write_steps), .write_address(write_address[STEP_BITS+STEP_LOG2-1:0]), .write_data(write_data),
        .read_address({drain_step, convert_step, fetch_step}), .read_data(step_data));
    xb_table #(.WORDS_LOG2(LOAD_LOG2), .DEPTH(LOADS), .ADDRESS_BITS(LOAD_BITS), .READS(1)) u_loads (
        .clk(clk), .write(write_loads), .write_address(write_address[LOAD_BITS+LOAD_LOG2-1:0]), .write_data(write_data),
        .read_address(load_address), .read_data(load_data));
    xb_table #(.WORDS_LOG2(`XB_TILE_LOG2), .DEPTH(TILES), .ADDRESS_BITS(TILE_BITS), .READS(1)) u_tiles (
        .clk(clk), .write(write_tiles), .write_address(write_address[TILE_BITS+`XB_TILE_LOG2-1:0]),
        .write_data(write_data),
        .read_address(tile_address), .read_data(tile_data));
    xb_table #(.WORDS_LOG2(CONSTANT_LOG2), .DEPTH(CONSTANTS), .ADDRESS_BITS(CONSTANT_BITS), .READS(1)) u_constants (
        .clk(clk), .write(write_constants), .write_address(write_address[CONSTANT_BITS+CONSTANT_LOG2-1:0]),
        .write_data(write_data),
        .read_address(constant_address), .read_data(constant_data));
    xb_table #(.WORDS_LOG2(`XB_WALK_LOG2), .DEPTH(WALKS), .ADDRESS_BITS(WALK_BITS), .READS(2)) u_walks (
        .clk(clk), .write(write_walks), .write_address(write_address[WALK_BITS+`XB_WALK_LOG2-1:0]),
        .write_data(write_data),
        .read_address({drain_walk, fetch_walk}), .read_data(walk_data));

    always @(fetch_walk or walk_data)
        fetch_walk_entry = fetch_walk == {WALK_BITS{1'b0}} ? {WALK_WIDTH{1'b0}} : walk_data[0 +: WALK_WIDTH];
    always @(drain_walk or walk_data)
        drain_walk_entry = drain_walk == {WALK_BITS{1'b0}} ? {WALK_WIDTH{1'b0}} : walk_data[WALK_WIDTH +: WALK_WIDTH];

    // The front's description of the codes, and the back's answers.
    wire                       c_valid, c_first, c_negate, c_final, c_buffer;
    wire [GROUP_BITS-1:0]      c_group;
    wire [ARRAYS-1:0]          c_enable, c_link;
    wire                       buffer_free, step_drained, front_read;
    wire [ACTIVATION_BITS-1:0] front_address;
    wire [WORD*BITS-1:0]       activation_data;
    wire                       operand_valid, operand_taken;
    wire [LANES*BITS-1:0]      operand_data;

    xb_front #(
        .ARRAYS(ARRAYS), .ROWS(ROWS), .LANES(LANES), .GROUP_BITS(GROUP_BITS), .BITS(BITS), .WORD(WORD),
        .WORD_BITS(WORD_BITS), .STREAM_BYTES(STREAM_BYTES), .INPUT_WORDS(INPUT_WORDS), .STEP_BITS(STEP_BITS),
        .LOAD_BITS(LOAD_BITS), .WALK_BITS(WALK_BITS), .ACTIVATION_BITS(ACTIVATION_BITS), .OPERANDS(OPERANDS)
    ) u_front (
        .clk(clk), .rst(rst), .program_steps(program_steps), .program_beats(program_beats),
        .fetch_step(fetch_step), .convert_step(convert_step), .load_address(load_address),
        .walk_address(fetch_walk), .walk_entry(fetch_walk_entry),
        .fetch_entry(step_data[0 +: STEP_WIDTH]), .convert_entry(step_data[STEP_WIDTH +: STEP_WIDTH]),
        .load_entry(load_data),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data), .s_keep(s_keep), .s_last(s_last),
        .image_begins(image_begins), .frame_error(frame_error),
        .activation_read(front_read), .activation_address(front_address),
        .activation_data(activation_data), .step_drained(step_drained), .buffer_free(buffer_free),
        .operand_valid(operand_valid), .operand_taken(operand_taken), .operand_data(operand_data),
        .wordline(wordline), .evaluate(evaluate), .convert(convert), .group(group), .gain(gain), .shift(shift),
        .m_valid(c_valid), .m_first(c_first), .m_negate(c_negate), .m_final(c_final), .m_buffer(c_buffer),
        .m_group(c_group), .m_enable(c_enable), .m_link(c_link));
    xb_back #(
        .ARRAYS(ARRAYS), .WORD(WORD), .WORD_BITS(WORD_BITS), .LANES(LANES), .GROUPS(GROUPS), .GROUP_BITS(GROUP_BITS),
        .ADC_BITS(ADC_BITS), .BITS(BITS), .ACTIVATION_WORDS(ACTIVATION_WORDS), .ACTIVATION_BITS(ACTIVATION_BITS),
        .STEP_BITS(STEP_BITS), .TILE_BITS(TILE_BITS), .CONSTANT_BITS(CONSTANT_BITS),
        .WALK_BITS(WALK_BITS), .POOLS(POOLS)
    ) u_back (
        .clk(clk), .rst(rst), .program_steps(program_steps),
        .drain_step(drain_step), .tile_address(tile_address), .constant_address(constant_address),
        .walk_address(drain_walk), .walk_entry(drain_walk_entry),
        .drain_entry(step_data[2*STEP_WIDTH +: STEP_WIDTH]), .tile_entry(tile_data), .constant_entry(constant_data),
        .s_valid(c_valid), .s_first(c_first), .s_negate(c_negate), .s_final(c_final), .s_buffer(c_buffer),
        .s_group(c_group), .s_enable(c_enable), .s_link(c_link), .s_code(code),
        .buffer_free(buffer_free), .step_drained(step_drained),
        .operand_valid(operand_valid), .operand_taken(operand_taken), .operand_data(operand_data),
        .activation_read(front_read || !run),
        .activation_address(run ? front_address : peek_address[ACTIVATION_BITS-1:0]),
        .activation_data(activation_data),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .m_last(m_last));

    // A stopped chip shows its activation memory: planes to bytes. Activation a lies at a modulo WORD of what is read.
    wire [WORD*BITS-1:0] shown = run ? {(WORD*BITS){1'b0}} : activation_data;
    genvar u, b;
    generate
        for (u = 0; u < 4; u = u + 1) begin : g_peek
            if (u < PEEK) begin : g_shown
                localparam AT = u;
                wire [WORD_BITS-1:0] place = peek_address[WORD_BITS-1:0] + AT[WORD_BITS-1:0];
                for (b = 0; b < BITS; b = b + 1) begin : g_bit
                    assign peek_data[8*u + b] = shown[b*WORD + place];
                end
                if (BITS < 8) begin : g_rest
                    assign peek_data[8*u+7:8*u+BITS] = {(8-BITS){1'b0}};
                end
            end else begin : g_none
                assign peek_data[8*u+7:8*u] = 8'd0;
            end
        end
    endgenerate

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (WORD < LANES) begin : g_illegal_0
            WORD_must_hold_LANES illegal ();
        end
        if (WORD < STREAM_BYTES) begin : g_illegal_1
            WORD_must_hold_STREAM_BYTES illegal ();
        end
        if (BITS < 1 || BITS > 8) begin : g_illegal_2
            BITS_must_be_1_to_8 illegal ();
        end
        if (ADC_BITS + (ARRAYS > 1 ? $clog2(ARRAYS) : 0) + BITS + 1 > 31) begin : g_illegal_3
            ADC_BITS_ARRAYS_and_BITS_need_more_than_31_bits illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
