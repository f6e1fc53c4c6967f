// xb_fetch - walk the program's steps and load their input vectors into the wordline registers.
//
// One load per cycle: a run of activations from source + offset on. A load of cycle t reads memory, appears on
// load_* in t+1 and is in the wordline registers from t+2 on; step_loaded accompanies the step's last load. A load
// waits for a free wordline bank (two exist), until the step `wait` steps back is drained, and until its last input
// activation has come. release_* frees an input buffer with the last load of a step that releases it. rst clears
// control.
// Python twin: codesign.mapping.timing
`default_nettype none
module xb_fetch #(
    parameter ARRAYS = 6,
    parameter STEP_BITS = 4,        // bits of a step number
    parameter LOAD_BITS = 6,        // bits of a load number
    parameter WORD_BITS = 4,        // log2 of the activations of a memory word
    parameter INPUT_DEPTH = 128,    // activations of one input buffer
    parameter INPUT_BITS = 8,       // bits of an activation number over both input buffers
    parameter ACTIVATION_BITS = 7   // bits of an activation number
) (
    input  wire                       clk,
    input  wire                       rst,
    input  wire [15:0]                steps,
    output reg  [STEP_BITS-1:0]       step_address,
    input  wire [LOAD_BITS-1:0]       step_load_first,
    input  wire [15:0]                step_load_count,
    input  wire [2:0]                 step_wait,
    input  wire                       step_releases,
    input  wire [23:0]                step_source,
    output wire [LOAD_BITS-1:0]       load_address,
    input  wire                       load_from_memory, // 1: activation memory, 0: input buffer
    input  wire [23:0]                load_offset,
    input  wire [9:0]                 load_wordline,
    input  wire [9:0]                 load_run,         // activations - 1
    input  wire [ARRAYS-1:0]          load_mask,
    input  wire [23:0]                available_0,
    input  wire [23:0]                available_1,
    output wire                       release_0,
    output wire                       release_1,
    input  wire                       bank_free,        // a bank's last plane was sampled
    input  wire                       step_drained,     // a step's results are written
    output wire                       input_read,
    output wire [INPUT_BITS-1:0]      input_address,
    output wire                       activation_read,
    output wire [ACTIVATION_BITS-1:0] activation_address,
    output reg  [ARRAYS-1:0]          load_arrays,
    output reg                        load_bank,
    output reg                        load_select,      // 1: take the activation memory's word
    output reg  [9:0]                 load_first,       // wordline of the run's first activation
    output reg  [9:0]                 load_last,        // its activations - 1
    output reg  [WORD_BITS-1:0]       load_turn,        // from places in a word to wordlines, see xb_window.v
    output reg                        step_loaded
);
    reg [15:0] index;      // load within the step
    reg [1:0]  occupied;   // banks loaded and not yet sampled
    reg [2:0]  in_flight;  // steps loaded and not yet drained
    reg        bank;
    reg        buffer;     // input buffer of this image

    localparam [2:0] FULL = 3'd7;  // guards the counter; two banks, two buffers and the drain hold 6 steps at most

    wire [23:0] available = buffer ? available_1 : available_0;
    wire [23:0] source = step_source + load_offset;
    wire [23:0] final_one = source + {14'd0, load_run};
    /* verilator lint_off UNUSEDSIGNAL */ // a memory and its word are smaller than addresses may be
    wire [23:0] input_place = (buffer ? INPUT_DEPTH[23:0] : 24'd0) + source;
    wire [9:0]  turn = (load_from_memory ? source[9:0] : input_place[9:0]) - load_wordline;
    /* verilator lint_on UNUSEDSIGNAL */
    wire ready = occupied != 2'd2 && in_flight != FULL
              && (step_wait == 3'd0 || in_flight < step_wait)
              && (load_from_memory || available > final_one);
    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    wire issue = !rst && ready;
    wire ends = issue && index == step_load_count - 16'd1;

    assign load_address = step_load_first + index[LOAD_BITS-1:0];
    assign input_read = issue && !load_from_memory;
    assign activation_read = issue && load_from_memory;
    assign input_address = input_place[INPUT_BITS-1:0];
    assign activation_address = source[ACTIVATION_BITS-1:0];
    assign release_0 = ends && step_releases && !buffer;
    assign release_1 = ends && step_releases && buffer;

    always @(posedge clk) begin
        load_arrays <= issue ? load_mask : {ARRAYS{1'b0}};
        load_bank <= bank;
        load_select <= load_from_memory;
        load_first <= load_wordline;
        load_last <= load_run;
        load_turn <= turn[WORD_BITS-1:0];
        step_loaded <= ends;
        if (issue) index <= ends ? 16'd0 : index + 16'd1;
        if (ends) begin
            step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
            bank <= !bank;
            if (step_releases) buffer <= !buffer;
        end
        occupied <= occupied + {1'b0, ends} - {1'b0, bank_free};
        in_flight <= in_flight + {2'd0, ends} - {2'd0, step_drained};
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            index <= 16'd0;
            occupied <= 2'd0;
            in_flight <= 3'd0;
            bank <= 1'b0;
            buffer <= 1'b0;
            load_arrays <= {ARRAYS{1'b0}};
            step_loaded <= 1'b0;
        end
    end
endmodule
`default_nettype wire
