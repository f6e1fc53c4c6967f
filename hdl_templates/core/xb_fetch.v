// xb_fetch - walk the program's steps and load their input vectors into the wordline registers.
//
// A step loads once for each place of its walk (an instance), one load per cycle: a run of activations from the place's
// source + offset on, or, at_write, from where it writes + offset on. A load of cycle t reads memory, appears on load_*
// in t+1 and is in the wordline registers from t+2 on; step_loaded accompanies the instance's last load. A load waits
// for a free wordline bank (two exist), until fewer than 7 instances are in flight, in the step's first instance until
// the instance `wait` ones back is drained, and until its last input activation has come; those of a step with
// step_whole wait for the whole image. A load of an operand goes to xb_operand instead (operand_loaded), and waits
// while OPERANDS were loaded and not taken; operand_taken counts from the next cycle on. An instance of a vector step
// only loads operands: it takes no bank, and has no step_loaded. release_* frees an input buffer with the last load of
// a step that releases it. Of a bounded load only what lies in the picture's rows and columns is real, wordlines
// load_real_first..load_real_end-1. rst clears control.
// Python twin: codesign.mapping.pipeline
`default_nettype none
`include "xb_layout.vh"
module xb_fetch #(
    parameter ARRAYS = 6,
    parameter STEP_BITS = 4,        // bits of a step number
    parameter LOAD_BITS = 6,        // bits of a load number
    parameter WORD_BITS = 4,        // log2 of the activations of a memory word
    parameter INPUT_DEPTH = 128,    // activations of one input buffer
    parameter INPUT_BITS = 8,       // bits of an activation number over both input buffers
    parameter ACTIVATION_BITS = 7,  // bits of an activation number
    parameter OPERANDS = 32         // that may wait for the requantizer
) (
    input  wire                       clk,
    input  wire                       rst,
    input  wire [15:0]                steps,
    output reg  [STEP_BITS-1:0]       step_address,
    input  wire [LOAD_BITS-1:0]       step_load_first,
    input  wire [15:0]                step_load_count,
    input  wire [2:0]                 step_wait,
    input  wire                       step_releases,
    input  wire                       step_whole,       // waits for the whole input image
    input  wire                       step_vector,      // converts nothing
    input  wire [23:0]                step_source,      // of its first place, as the next three
    input  wire [23:0]                step_write,
    input  wire [15:0]                step_row,         // signed
    input  wire [15:0]                step_column,      // signed, in activations
    input  wire [15:0]                step_rows,        // of the picture
    input  wire [15:0]                step_row_length,  // activations
    /* verilator lint_off UNUSEDSIGNAL */ // it has padding
    input  wire [(32 << `XB_WALK_LOG2)-1:0] walk_entry, // of the step
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [LOAD_BITS-1:0]       load_address,
    input  wire                       load_from_memory, // 1: activation memory, 0: input buffer
    input  wire                       load_operand,     // goes to no wordlines
    input  wire                       load_at_write,
    input  wire                       load_bounded,
    input  wire [23:0]                load_offset,
    input  wire [9:0]                 load_wordline,
    input  wire [9:0]                 load_run,         // activations - 1
    input  wire [7:0]                 load_row,         // signed, from the place on
    input  wire [15:0]                load_column,      // signed
    input  wire [ARRAYS-1:0]          load_mask,
    input  wire [23:0]                available_0,
    input  wire [23:0]                available_1,
    input  wire                       whole_0,          // a buffer holds its whole image
    input  wire                       whole_1,
    output wire                       release_0,
    output wire                       release_1,
    input  wire                       bank_free,        // a bank's last plane was sampled
    input  wire                       step_drained,     // an instance's results are written, or kept for its window
    input  wire                       operand_taken,
    output wire                       input_read,
    output wire [INPUT_BITS-1:0]      input_address,
    output wire                       activation_read,
    output wire [ACTIVATION_BITS-1:0] activation_address,
    output reg  [ARRAYS-1:0]          load_arrays,
    output reg                        load_bank,
    output reg                        load_select,      // 1: take the activation memory's word
    output reg  [9:0]                 load_first,       // wordline of the run's first activation
    output reg  [9:0]                 load_last,        // its activations - 1
    output reg  [9:0]                 load_real_first,  // wordline of its first real one
    output reg  [10:0]                load_real_end,    // behind the last real one; 0: none
    output reg  [WORD_BITS-1:0]       load_turn,        // from places in a word to wordlines, see xb_window.v
    output reg                        operand_loaded,
    output reg                        step_loaded
);
    localparam OPERAND_BITS = $clog2(OPERANDS + 1);
    localparam [2:0] FULL = 3'd7;  // that `wait` can count; matrix steps alone have 6 instances in flight at most

    reg [15:0] index;      // load within the instance
    reg [1:0]  occupied;   // banks loaded and not yet sampled
    reg [2:0]  in_flight;  // instances loaded and not yet drained
    reg [OPERAND_BITS-1:0] operands;  // loaded and not yet taken
    reg        bank;
    reg        buffer;     // input buffer of this image

    // The place of this instance.
    wire        ends, place_first, place_last;
    wire [23:0] place_row, place_column, place_source, place_write;
    /* verilator lint_off UNUSEDSIGNAL */ // windows and turns are the drain's
    wire        window_first, window_last;
    wire [15:0] turn_0;
    /* verilator lint_on UNUSEDSIGNAL */

    xb_walk #(.VALUES(4), .BITS(24)) u_walk (
        .clk(clk), .rst(rst), .window(2'd0), .advance(ends),
        .counts({walk_entry[`XB_WALK_COUNT_3], walk_entry[`XB_WALK_COUNT_2],
                 walk_entry[`XB_WALK_COUNT_1], walk_entry[`XB_WALK_COUNT_0]}),
        .deltas({walk_entry[`XB_WALK_WRITE_3], walk_entry[`XB_WALK_SOURCE_3],
                 walk_entry[`XB_WALK_COLUMN_3], wide(walk_entry[`XB_WALK_ROW_3]),
                 walk_entry[`XB_WALK_WRITE_2], walk_entry[`XB_WALK_SOURCE_2],
                 walk_entry[`XB_WALK_COLUMN_2], wide(walk_entry[`XB_WALK_ROW_2]),
                 walk_entry[`XB_WALK_WRITE_1], walk_entry[`XB_WALK_SOURCE_1],
                 walk_entry[`XB_WALK_COLUMN_1], wide(walk_entry[`XB_WALK_ROW_1]),
                 walk_entry[`XB_WALK_WRITE_0], walk_entry[`XB_WALK_SOURCE_0],
                 walk_entry[`XB_WALK_COLUMN_0], wide(walk_entry[`XB_WALK_ROW_0])}),
        .base({step_write, step_source, wide(step_column), wide(step_row)}),
        .place({place_write, place_source, place_column, place_row}), .first(place_first), .last(place_last),
        .window_first(window_first), .window_last(window_last), .turn(turn_0));

    function [23:0] wide;
        input [15:0] value;  // signed
        wide = {{8{value[15]}}, value};
    endfunction

    wire [23:0] available = buffer ? available_1 : available_0;
    wire        whole = buffer ? whole_1 : whole_0;
    wire [23:0] source = (load_at_write ? place_write : place_source) + load_offset;
    wire [23:0] final_one = source + {14'd0, load_run};
    /* verilator lint_off UNUSEDSIGNAL */ // a memory and its word are smaller than addresses may be
    wire [23:0] input_place = (buffer ? INPUT_DEPTH[23:0] : 24'd0) + source;
    wire [9:0]  turn = (load_from_memory ? source[9:0] : input_place[9:0]) - load_wordline;
    /* verilator lint_on UNUSEDSIGNAL */
    wire present = step_whole ? whole : available > final_one;
    wire ready = (step_vector || occupied != 2'd2) && in_flight != FULL
              && (!load_operand || operands != OPERANDS[OPERAND_BITS-1:0])
              && (!place_first || step_wait == 3'd0 || in_flight < step_wait)
              && (load_from_memory || present);
    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    wire issue = !rst && ready;
    wire step_ends = ends && place_last;

    // Bounds. Modulo 2^24 the rows above the picture come after all of its own.
    wire [23:0] row = place_row + {{16{load_row[7]}}, load_row};
    wire [23:0] column = place_column + wide(load_column);              // of the run's first activation
    wire [23:0] skipped = column[23] ? 24'd0 - column : 24'd0;          // activations before the picture's row
    wire [23:0] left = {8'd0, step_row_length} - column;                // to its end, where it has not ended
    wire [23:0] run = {14'd0, load_run};
    wire        outside = row >= {8'd0, step_rows} || skipped > run
                       || (!column[23] && column >= {8'd0, step_row_length});
    wire [10:0] behind = {1'b0, load_wordline} + {1'b0, load_run} + 11'd1;
    wire [10:0] real_end = outside ? 11'd0 : left > run ? behind : {1'b0, load_wordline} + left[10:0];

    wire operand = issue && load_operand;
    wire fills = ends && !step_vector;  // a bank

    assign ends = issue && index == step_load_count - 16'd1;
    assign load_address = step_load_first + index[LOAD_BITS-1:0];
    assign input_read = issue && !load_from_memory;
    assign activation_read = issue && load_from_memory;
    assign input_address = input_place[INPUT_BITS-1:0];
    assign activation_address = source[ACTIVATION_BITS-1:0];
    assign release_0 = step_ends && step_releases && !buffer;
    assign release_1 = step_ends && step_releases && buffer;

    always @(posedge clk) begin
        load_arrays <= issue && !load_operand ? load_mask : {ARRAYS{1'b0}};
        operand_loaded <= operand;
        load_bank <= bank;
        load_select <= load_from_memory;
        load_first <= load_wordline;
        load_last <= load_run;
        load_real_first <= load_wordline + (load_bounded ? skipped[9:0] : 10'd0);
        load_real_end <= load_bounded ? real_end : behind;
        load_turn <= turn[WORD_BITS-1:0];
        step_loaded <= fills;
        if (issue) index <= ends ? 16'd0 : index + 16'd1;
        if (fills) bank <= !bank;
        if (step_ends) begin
            step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
            if (step_releases) buffer <= !buffer;
        end
        occupied <= occupied + {1'b0, fills} - {1'b0, bank_free};
        in_flight <= in_flight + {2'd0, ends} - {2'd0, step_drained};
        if (operand != operand_taken) operands <= operand ? operands + 1'b1 : operands - 1'b1;
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            index <= 16'd0;
            occupied <= 2'd0;
            in_flight <= 3'd0;
            operands <= {OPERAND_BITS{1'b0}};
            bank <= 1'b0;
            buffer <= 1'b0;
            load_arrays <= {ARRAYS{1'b0}};
            operand_loaded <= 1'b0;
            step_loaded <= 1'b0;
        end
    end
endmodule
`default_nettype wire
