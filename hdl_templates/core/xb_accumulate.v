// xb_accumulate - shift and add bit planes, top plane first, for every array, lane and column group of a block.
//
// One column group per cycle, written at the end of that cycle. acc = first ? sum : 2*acc + sum; the
// top plane of a signed input enters as its complement, -sum - 1 + 2^SUM_BITS, so that fields stay
// unsigned; xb_drain subtracts the constant that this and the offset-binary codes leave in the sum.
// Two buffers: one fills while the other is read out. The read port is combinational, and 0 while `read` is low.
// No reset.
// Python twin: codesign.fixed.plane_weights, codesign.mapping.plan.correction
`default_nettype none
module xb_accumulate #(
    parameter ARRAYS = 6,
    parameter LANES = 4,
    parameter GROUPS = 2,
    parameter GROUP_BITS = 1,
    parameter ARRAY_BITS = 3,
    parameter SUM_BITS = 9,   // bits of a sum
    parameter FIELD = 18      // bits of a field: SUM_BITS + activation bits + 1
) (
    input  wire                          clk,
    input  wire                          s_valid,
    input  wire                          s_first,
    input  wire                          s_negate,
    input  wire                          s_buffer,
    input  wire [GROUP_BITS-1:0]         s_group,
    input  wire [ARRAYS*LANES*FIELD-1:0] s_sum,
    input  wire                          read,
    input  wire                          read_buffer,
    input  wire [GROUP_BITS-1:0]         read_group,
    input  wire [ARRAY_BITS-1:0]         read_array,
    output reg  [LANES*FIELD-1:0]        read_data
);
    localparam WIDTH = ARRAYS * LANES * FIELD;
    localparam SLOT = LANES * FIELD;
    localparam ENTRY_BITS = $clog2(2 * GROUPS);

    // As wires: Icarus puts a wide literal together anew wherever it stands.
    wire [WIDTH-1:0] guard = {(ARRAYS*LANES){1'b0, {(FIELD-1){1'b1}}}};
    wire [WIDTH-1:0] ones = {(ARRAYS*LANES){{(FIELD-SUM_BITS){1'b0}}, {SUM_BITS{1'b1}}}};

    reg  [WIDTH-1:0] acc [0:2*GROUPS-1];

    wire [ENTRY_BITS-1:0] entry =
        (s_buffer ? GROUPS : {ENTRY_BITS{1'b0}}) + {{(ENTRY_BITS-GROUP_BITS){1'b0}}, s_group};
    wire [ENTRY_BITS-1:0] read_entry =
        (read_buffer ? GROUPS : {ENTRY_BITS{1'b0}}) + {{(ENTRY_BITS-GROUP_BITS){1'b0}}, read_group};
    wire [WIDTH-1:0]      row = acc[read_entry];

    always @(read or row or read_array)
        if (read) read_data = row[read_array*SLOT +: SLOT];
        else read_data = {SLOT{1'b0}};

    always @(posedge clk)
        if (s_valid) begin
            if (!s_first) acc[entry] <= ({acc[entry][WIDTH-2:0], 1'b0} & guard) + (s_sum & guard);
            else acc[entry] <= s_negate ? ~s_sum & ones : s_sum;
        end
endmodule
`default_nettype wire
