// xb_convert - the converter schedule: sample a bit plane, convert its column groups, plane by plane.
//
// A step is converted once for each of its instances. The top plane is sampled first. A plane takes one cycle per
// column group; the next plane, also the first one of the next instance, is sampled during the last of them, so that
// the converters never idle while work is ready. An instance starts when its wordlines are loaded and an accumulator
// buffer is free (two exist). A vector step converts nothing: it is passed over in a cycle, also while the last
// groups before it are converted.
// Wordlines are driven from when an instance's vectors are loaded until its last plane is sampled. gain and shift, the
// range of the step's converters, are valid with evaluate. Accumulators count column groups from 0, wherever in the
// arrays the step's first one lies.
// m_* describes the codes that arrive one cycle after `convert`. rst clears control and the macro pins.
// Python twin: codesign.mapping.pipeline
`default_nettype none
module xb_convert #(
    parameter ARRAYS = 6,
    parameter STEP_BITS = 4,   // bits of a step number
    parameter GROUP_BITS = 1   // bits of a column group number
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire [15:0]           steps,
    output reg  [STEP_BITS-1:0]  step_address,
    input  wire                  step_vector,
    input  wire [2:0]            step_top,       // input bits - 1
    input  wire                  step_signed,
    input  wire [23:0]           step_instances, // - 1
    input  wire [GROUP_BITS-1:0] step_first_group,
    input  wire [GROUP_BITS-1:0] step_last_group,  // column groups - 1
    input  wire [7:0]            step_gain,
    input  wire [3:0]            step_shift,
    input  wire [ARRAYS-1:0]     step_enable,
    input  wire [ARRAYS-1:0]     step_link,
    input  wire                  step_loaded,    // an instance, of no vector step
    output wire                  bank_free,
    input  wire                  buffer_free,    // an accumulator buffer was read out
    output reg                   drive_bank,
    output wire [2:0]            drive_bit,
    output wire [ARRAYS-1:0]     drive,          // arrays whose wordlines are driven, all others rest at 0
    output wire [ARRAYS-1:0]     evaluate,
    output wire [ARRAYS-1:0]     convert,
    output reg  [GROUP_BITS-1:0] group,
    output wire [7:0]            gain,
    output wire [3:0]            shift,
    output reg                   m_valid,
    output reg                   m_first,        // top plane: starts the accumulation
    output reg                   m_negate,       // top plane of a signed input
    output reg                   m_final,        // plane 0: completes the accumulation
    output reg                   m_buffer,
    output reg  [GROUP_BITS-1:0] m_group,
    output reg  [ARRAYS-1:0]     m_enable,
    output reg  [ARRAYS-1:0]     m_link          // array adds the sum of its lower neighbour
);
    reg [23:0]           instance_number;  // of the step
    reg [1:0]            loaded;   // instances waiting in the wordline banks
    reg [1:0]            buffers;  // accumulator buffers in use
    reg [2:0]            plane;    // planes of the instance sampled so far
    reg                  buffer;
    reg                  active;
    reg                  first, negate, closing;
    reg                  active_buffer;
    reg [GROUP_BITS-1:0] index, last_group;  // column group within the step
    reg [ARRAYS-1:0]     enable, link;

    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    wire last_instance = instance_number == step_instances;
    wire begins = plane == 3'd0;
    wire ends = plane == step_top;
    wire turn = !active || index == last_group;
    wire sample = !rst && !step_vector && turn && (!begins || (loaded != 2'd0 && buffers != 2'd2));
    wire step_ends = step_vector || (sample && ends && last_instance);

    assign drive_bit = step_top - plane;
    assign drive = step_enable & {ARRAYS{loaded != 2'd0 && !step_vector}};
    assign evaluate = step_enable & {ARRAYS{sample}};
    assign convert = enable & {ARRAYS{active}};
    assign gain = step_gain;
    assign shift = step_shift;
    assign bank_free = sample && ends;

    always @(posedge clk) begin
        if (sample) begin
            active <= 1'b1;
            group <= step_first_group;
            index <= {GROUP_BITS{1'b0}};
            first <= begins;
            negate <= begins && step_signed;
            closing <= ends;
            active_buffer <= buffer;
            last_group <= step_last_group;
            enable <= step_enable;
            link <= step_link;
            plane <= ends ? 3'd0 : plane + 3'd1;
            if (ends) begin
                instance_number <= last_instance ? 24'd0 : instance_number + 24'd1;
                drive_bank <= !drive_bank;
                buffer <= !buffer;
            end
        end else if (turn) active <= 1'b0;
        else begin
            group <= group + 1'b1;
            index <= index + 1'b1;
        end
        if (step_ends) step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
        loaded <= loaded + {1'b0, step_loaded} - {1'b0, bank_free};
        buffers <= buffers + {1'b0, sample && begins} - {1'b0, buffer_free};
        m_valid <= active;
        m_first <= first;
        m_negate <= negate;
        m_final <= closing;
        m_buffer <= active_buffer;
        m_group <= index;
        m_enable <= enable;
        m_link <= link;
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            instance_number <= 24'd0;
            drive_bank <= 1'b0;
            buffer <= 1'b0;
            plane <= 3'd0;
            active <= 1'b0;
            group <= {GROUP_BITS{1'b0}};
            index <= {GROUP_BITS{1'b0}};
            loaded <= 2'd0;
            buffers <= 2'd0;
            m_valid <= 1'b0;
        end
    end
endmodule
`default_nettype wire
