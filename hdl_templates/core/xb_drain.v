// xb_drain - send complete accumulators to the requantizer, tile by tile, column group by column group, term by term.
//
// One term per cycle while m_ready is high. Follows the program's steps in order. Tile entries up to one with tile_last
// are the terms of the same columns: each column group takes a term from every one of them, then the next group
// follows. A term leaves as soon as its last plane is accumulated. Subtracts its `correction`, so that m_acc is the
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
    parameter ACTIVATION_BITS = 7  // bits of an activation number
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire [15:0]                   steps,
    output reg  [STEP_BITS-1:0]          step_address,
    input  wire [TILE_BITS-1:0]          step_tile_first,
    input  wire [15:0]                   step_tile_count,
    input  wire [ACTIVATION_BITS-1:0]    step_write,       // first activation written
    output wire [TILE_BITS-1:0]          tile_address,
    input  wire [ARRAY_BITS-1:0]         tile_array,
    input  wire [9:0]                    tile_columns,
    input  wire [GROUP_BITS-1:0]         tile_group,       // first column group
    input  wire [FIELD-2:0]              tile_correction,
    input  wire [ACTIVATION_BITS-1:0]    tile_write,       // first activation written, from the step's on
    input  wire [CONSTANT_BITS-1:0]      tile_constant,    // constants entry of its first column group
    input  wire                          tile_last,        // last term of its columns
    input  wire [GROUP_BITS:0]           ready_0,
    input  wire [GROUP_BITS:0]           ready_1,
    output reg                           read_buffer,
    output wire [GROUP_BITS-1:0]         read_group,
    output wire [ARRAY_BITS-1:0]         read_array,
    input  wire [LANES*FIELD-1:0]        read_data,
    output wire                          release_buffer,
    output wire [CONSTANT_BITS-1:0]      constant_address,
    output wire                          m_valid,
    input  wire                          m_ready,
    output reg  [LANES*FIELD-1:0]        m_acc,            // signed
    output wire [15:0]                   m_columns,        // columns left in the tile, this column group included
    output wire [ACTIVATION_BITS-1:0]    m_write,          // first activation written
    output wire                          m_step_end,
    output wire                          m_image_end
);
    reg [15:0]                tile;      // first term of these columns
    reg [15:0]                term;      // terms that this column group has sent
    reg [9:0]                 left_q;    // columns left in the tile, from its second column group on
    reg                       started;   // left_q counts
    reg [GROUP_BITS-1:0]      group;     // column group of these columns
    reg [LANES*FIELD-1:0]     acc;
    integer lane;

    wire [15:0] entry = tile + term;
    wire [9:0]  left = started ? left_q : tile_columns;
    wire [GROUP_BITS:0] ready = read_buffer ? ready_1 : ready_0;
    wire tile_end = tile_last && {22'd0, left} <= LANES;
    wire step_end = tile_end && entry == step_tile_count - 16'd1;
    wire last_step = {{(16-STEP_BITS){1'b0}}, step_address} == steps - 16'd1;
    wire issue = m_valid && m_ready;
    wire [31:0] group_number = {{(32-GROUP_BITS){1'b0}}, group};
    /* verilator lint_off UNUSEDSIGNAL */ // a memory is smaller than a product may be
    wire [31:0] written = group_number * LANES;
    /* verilator lint_on UNUSEDSIGNAL */

    assign tile_address = step_tile_first + entry[TILE_BITS-1:0];
    assign constant_address = tile_constant + group_number[CONSTANT_BITS-1:0];
    assign read_array = tile_array;
    assign read_group = tile_group + group;
    assign m_valid = !rst && ready > {1'b0, read_group};
    assign m_columns = {6'd0, left};
    assign m_write = step_write + tile_write + written[ACTIVATION_BITS-1:0];
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
            term <= tile_last ? 16'd0 : term + 16'd1;
            if (tile_last) begin
                started <= !tile_end;
                left_q <= left - LANES;
                group <= tile_end ? {GROUP_BITS{1'b0}} : group + 1'b1;
                if (tile_end) tile <= entry + 16'd1;
            end
            if (step_end) begin
                tile <= 16'd0;
                read_buffer <= !read_buffer;
                step_address <= last_step ? {STEP_BITS{1'b0}} : step_address + 1'b1;
            end
        end
        if (rst) begin
            step_address <= {STEP_BITS{1'b0}};
            tile <= 16'd0;
            term <= 16'd0;
            started <= 1'b0;
            group <= {GROUP_BITS{1'b0}};
            read_buffer <= 1'b0;
        end
    end
endmodule
`default_nettype wire
