// xb_drain - send complete accumulators to the requantizer, tile by tile, column group by column group.
//
// One column group per cycle while m_ready is high. Follows the program's steps in order; a column group
// leaves as soon as its last plane is accumulated. Subtracts the tile's `correction`, so that m_acc is the
// signed accumulator. m_* depends combinationally on the accumulators. rst clears control only.
// Python twin: codesign.mapping.timing
`default_nettype none
module xb_drain #(
    parameter LANES = 4,
    parameter FIELD = 18,
    parameter GROUP_BITS = 1,
    parameter ARRAY_BITS = 3,
    parameter STEP_BITS = 4,
    parameter TILE_BITS = 5,
    parameter CONSTANT_BITS = 6,
    parameter UNITS = 4,           // column groups of an activation word
    parameter UNIT_BITS = 2,
    parameter ACTIVATION_BITS = 3  // bits of an activation word number
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire [15:0]                   steps,
    output reg  [STEP_BITS-1:0]          step_address,
    input  wire [TILE_BITS-1:0]          step_tile_first,
    input  wire [15:0]                   step_tile_count,
    input  wire [CONSTANT_BITS-1:0]      step_constant_first,
    input  wire [ACTIVATION_BITS-1:0]    step_word,        // first activation word written
    output wire [TILE_BITS-1:0]          tile_address,
    input  wire [ARRAY_BITS-1:0]         tile_array,
    input  wire [15:0]                   tile_columns,
    input  wire [FIELD-2:0]              tile_correction,
    input  wire [GROUP_BITS:0]           ready_0,
    input  wire [GROUP_BITS:0]           ready_1,
    output reg                           read_buffer,
    output reg  [GROUP_BITS-1:0]         read_group,
    output wire [ARRAY_BITS-1:0]         read_array,
    input  wire [LANES*FIELD-1:0]        read_data,
    output wire                          release_buffer,
    output wire [CONSTANT_BITS-1:0]      constant_address,
    output wire                          m_valid,
    input  wire                          m_ready,
    output reg  [LANES*FIELD-1:0]        m_acc,            // signed
    output wire [15:0]                   m_columns,        // columns left in the tile, this column group included
    output wire [ACTIVATION_BITS-1:0]    m_word,
    output wire [UNIT_BITS-1:0]          m_unit,
    output wire                          m_step_end,
    output wire                          m_image_end
);
    reg [15:0]                tile;
    reg [15:0]                left_q;     // columns left in the tile, from its second column group on
    reg                       started;    // left_q counts
    reg [CONSTANT_BITS-1:0]   group_count;
    reg [ACTIVATION_BITS-1:0] word;
    reg [UNIT_BITS-1:0]       unit;
    reg [LANES*FIELD-1:0]     acc;
    integer lane;

    wire [15:0] left = started ? left_q : tile_columns;
    wire [GROUP_BITS:0] ready = read_buffer ? ready_1 : ready_0;
    wire tile_end = left <= LANES;
    wire step_end = tile_end && tile == step_tile_count - 16'd1;
    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    wire issue = m_valid && m_ready;
    wire last_unit = {{(32-UNIT_BITS){1'b0}}, unit} == UNITS - 1;

    assign tile_address = step_tile_first + tile[TILE_BITS-1:0];
    assign constant_address = step_constant_first + group_count;
    assign read_array = tile_array;
    assign m_valid = !rst && ready > {1'b0, read_group};
    assign m_columns = left;
    assign m_word = step_word + word;
    assign m_unit = unit;
    assign m_step_end = step_end;
    assign m_image_end = step_end && last_step;
    assign release_buffer = issue && step_end;

    // Named sensitivity: @* would wake on every partial write of the temporary.
    always @(read_data or tile_correction) begin
        acc = read_data;
        for (lane = 0; lane < LANES; lane = lane + 1)
            acc[lane*FIELD +: FIELD] = read_data[lane*FIELD +: FIELD] - {1'b0, tile_correction};
        m_acc = acc;
    end

    always @(posedge clk) begin
        if (issue) begin
            started <= !tile_end;
            left_q <= left - LANES;
            read_group <= tile_end ? {GROUP_BITS{1'b0}} : read_group + 1'b1;
            group_count <= group_count + 1'b1;
            unit <= last_unit ? {UNIT_BITS{1'b0}} : unit + 1'b1;
            if (last_unit) word <= word + 1'b1;
            if (tile_end) tile <= tile + 16'd1;
            if (step_end) begin
                tile <= 16'd0;
                group_count <= {CONSTANT_BITS{1'b0}};
                unit <= {UNIT_BITS{1'b0}};
                word <= {ACTIVATION_BITS{1'b0}};
                read_buffer <= !read_buffer;
                step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
            end
        end
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            tile <= 16'd0;
            started <= 1'b0;
            read_group <= {GROUP_BITS{1'b0}};
            read_buffer <= 1'b0;
            group_count <= {CONSTANT_BITS{1'b0}};
            unit <= {UNIT_BITS{1'b0}};
            word <= {ACTIVATION_BITS{1'b0}};
        end
    end
endmodule
`default_nettype wire
