// xb_drain - send complete accumulators to the requantizer, tile by tile, column group by column group, term by term.
//
// One term per cycle while m_ready is high. Follows the program's steps in order, and in each step the places of its
// walk: an instance drains all tiles of the step, writes from its place on, and frees its accumulators (release_buffer)
// with its last term. m_window_* tell whether it is the first and the last of its pooling window. Tile entries up to
// one with tile_last are the terms of the same columns: each column group takes a term from every one of them, then the
// next group follows; its result is complete with m_emit. A term leaves as soon as its last plane is accumulated.
// Subtracts its `correction`, so that m_acc is the signed accumulator. A tile_operand takes the next operand instead,
// tile_repeats + 1 of them, a term each, as they come (operand_taken). m_* depends combinationally on accumulators and
// operands.
// An instance of a vector step sends one column group of each tile: of the number that its walk's innermost loop has
// turned to, from which columns and constants follow, while the place follows that loop by itself. It has no
// accumulators. rst clears control only.
// Python twin: codesign.mapping.pipeline
`default_nettype none
`include "xb_layout.vh"
module xb_drain #(
    parameter LANES = 4,
    parameter FIELD = 18,
    parameter BITS = 8,            // bits of an activation
    parameter GROUP_BITS = 1,
    parameter ARRAY_BITS = 3,
    parameter STEP_BITS = 4,
    parameter TILE_BITS = 5,
    parameter CONSTANT_BITS = 6,
    parameter ACTIVATION_BITS = 7  // bits of an activation number
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire [15:0]                   steps,
    output reg  [STEP_BITS-1:0]          step_address,
    input  wire                          step_vector,
    input  wire [TILE_BITS-1:0]          step_tile_first,
    input  wire [15:0]                   step_tile_count,
    input  wire [ACTIVATION_BITS-1:0]    step_write,       // first activation written in its first place
    input  wire [1:0]                    step_window,      // loops of the walk that make a pooling window
    /* verilator lint_off UNUSEDSIGNAL */ // what is read is for xb_fetch; a memory is smaller than addresses may be
    input  wire [(32 << `XB_WALK_LOG2)-1:0] walk_entry,    // of the step
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [TILE_BITS-1:0]          tile_address,
    input  wire [ARRAY_BITS-1:0]         tile_array,
    input  wire [9:0]                    tile_columns,
    input  wire [GROUP_BITS-1:0]         tile_group,       // first column group
    input  wire [FIELD-2:0]              tile_correction,
    input  wire [ACTIVATION_BITS-1:0]    tile_write,       // first activation written, from the place's on
    input  wire [CONSTANT_BITS-1:0]      tile_constant,    // constants entry of its first column group
    input  wire                          tile_last,        // last term of its columns
    input  wire                          tile_operand,
    input  wire                          tile_signed,      // the operand is two's complement
    input  wire [15:0]                   tile_repeats,     // terms - 1
    input  wire [GROUP_BITS:0]           ready_0,
    input  wire [GROUP_BITS:0]           ready_1,
    output reg                           read_buffer,
    output wire [GROUP_BITS-1:0]         read_group,
    output wire [ARRAY_BITS-1:0]         read_array,
    input  wire [LANES*FIELD-1:0]        read_data,
    output wire                          release_buffer,
    input  wire                          operand_valid,
    output wire                          operand_taken,
    input  wire [LANES*BITS-1:0]         operand_data,     // lane by lane
    output wire [CONSTANT_BITS-1:0]      constant_address,
    output wire                          m_valid,
    input  wire                          m_ready,
    output reg  [LANES*FIELD-1:0]        m_acc,            // signed
    output wire                          m_emit,           // last term of the column group
    output wire [15:0]                   m_columns,        // columns left in the tile, this column group included
    output wire [ACTIVATION_BITS-1:0]    m_write,          // first activation written
    output wire                          m_window_first,
    output wire                          m_window_last,
    output wire                          m_step_end,       // last term of an instance
    output wire                          m_image_end
);
    reg [15:0]                tile;      // first term of these columns
    reg [15:0]                term;      // entries whose terms this column group has sent
    reg [15:0]                repeats;   // terms of the next entry that it has sent
    reg [GROUP_BITS-1:0]      group;     // column group of these columns; 0 in a vector step
    reg [LANES*FIELD-1:0]     acc;
    integer lane;

    // The place of this instance.
    wire                       issue, step_end, place_last;
    wire [ACTIVATION_BITS-1:0] place;
    wire [15:0]                turn;      // of the innermost loop
    /* verilator lint_off UNUSEDSIGNAL */ // nothing depends on the first place alone
    wire                       place_first;
    /* verilator lint_on UNUSEDSIGNAL */

    xb_walk #(.VALUES(1), .BITS(ACTIVATION_BITS)) u_walk (
        .clk(clk), .rst(rst), .window(step_window), .advance(issue && step_end),
        .counts({walk_entry[`XB_WALK_COUNT_3], walk_entry[`XB_WALK_COUNT_2],
                 walk_entry[`XB_WALK_COUNT_1], walk_entry[`XB_WALK_COUNT_0]}),
        .deltas({walk_entry[`XB_WALK_WRITE_3_LOW +: ACTIVATION_BITS],
                 walk_entry[`XB_WALK_WRITE_2_LOW +: ACTIVATION_BITS],
                 walk_entry[`XB_WALK_WRITE_1_LOW +: ACTIVATION_BITS],
                 walk_entry[`XB_WALK_WRITE_0_LOW +: ACTIVATION_BITS]}),
        .base(step_write), .place(place), .first(place_first), .last(place_last),
        .window_first(m_window_first), .window_last(m_window_last), .turn(turn));

    wire [15:0] entry = tile + term;
    wire [GROUP_BITS:0] ready = read_buffer ? ready_1 : ready_0;
    wire [31:0] number = step_vector ? {16'd0, turn} : {{(32-GROUP_BITS){1'b0}}, group};  // of the tile's column group
    /* verilator lint_off UNUSEDSIGNAL */ // a tile, and a memory, is smaller than a product may be
    wire [31:0] passed = number * LANES;  // columns
    /* verilator lint_on UNUSEDSIGNAL */
    wire [9:0]  left = tile_columns - passed[9:0];
    wire entry_end = repeats == tile_repeats;
    wire tile_end = m_emit && (step_vector || {22'd0, left} <= LANES);
    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    assign issue = m_valid && m_ready;
    assign step_end = tile_end && entry == step_tile_count - 16'd1;

    assign tile_address = step_tile_first + entry[TILE_BITS-1:0];
    assign constant_address = tile_constant + number[CONSTANT_BITS-1:0];
    assign read_array = tile_array;
    assign read_group = tile_group + group;
    assign m_valid = !rst && (tile_operand ? operand_valid : ready > {1'b0, read_group});
    assign m_emit = tile_last && entry_end;
    assign m_columns = {6'd0, left};
    assign m_write = place + tile_write + (step_vector ? {ACTIVATION_BITS{1'b0}} : passed[ACTIVATION_BITS-1:0]);
    assign m_step_end = step_end;
    assign m_image_end = step_end && place_last && last_step;
    assign release_buffer = issue && step_end && !step_vector;
    assign operand_taken = issue && tile_operand;

    // Named sensitivity: @* would wake on every partial write of the temporary.
    always @(read_data or tile_correction or operand_data or tile_operand or tile_signed) begin
        acc = read_data;
        for (lane = 0; lane < LANES; lane = lane + 1)
            if (tile_operand)
                acc[lane*FIELD +: FIELD] = {{(FIELD-BITS){tile_signed && operand_data[lane*BITS + BITS-1]}},
                                            operand_data[lane*BITS +: BITS]};
            else acc[lane*FIELD +: FIELD] = read_data[lane*FIELD +: FIELD] - {1'b0, tile_correction};
        m_acc = acc;
    end

    always @(posedge clk) begin
        if (issue) begin
            repeats <= entry_end ? 16'd0 : repeats + 16'd1;
            if (entry_end) term <= tile_last ? 16'd0 : term + 16'd1;
            if (m_emit) begin
                group <= tile_end ? {GROUP_BITS{1'b0}} : group + 1'b1;
                if (tile_end) tile <= entry + 16'd1;
            end
            if (step_end) begin
                tile <= 16'd0;
                if (!step_vector) read_buffer <= !read_buffer;
                if (place_last) step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
            end
        end
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            tile <= 16'd0;
            term <= 16'd0;
            repeats <= 16'd0;
            group <= {GROUP_BITS{1'b0}};
            read_buffer <= 1'b0;
        end
    end
endmodule
`default_nettype wire
