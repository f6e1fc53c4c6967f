// xb_block - codes to accumulators for a block of neighbouring arrays, which stands still while none of them works.
//
// Reduces the codes of its arrays, adds what a run of linked arrays brings from the blocks below (JOINED), and
// accumulates. s_* comes with the codes; `first`, `negate`, `buffer` and `group` LOCAL + ACROSS cycles later (LOCAL
// cycles if not joined), when `sum` is there. s_valid: one of the block's arrays converts or links. enters, passes,
// highest and carry: see xb_join. read_data is 0 while `read` is low. rst clears valid bits only.
// Python twin: codesign.mapping.run.accumulate, codesign.fixed.plane_weights
`default_nettype none
module xb_block #(
    parameter ARRAYS = 4,
    parameter LANES = 4,
    parameter GROUPS = 2,
    parameter GROUP_BITS = 1,
    parameter ARRAY_BITS = 2,
    parameter ADC_BITS = 6,
    parameter SUM_BITS = 9,   // bits of a sum, over all blocks
    parameter FIELD = 18,     // bits of a field: SUM_BITS + activation bits + 1
    parameter LOCAL = 1,      // stages inside the block, 1 or more
    parameter ACROSS = 1,     // and between blocks, 1 or more
    parameter JOINED = 1      // 0: there are no other blocks
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             s_valid,
    input  wire [ARRAYS-1:0]                s_enable,
    input  wire [ARRAYS-1:0]                s_link,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] s_code,
    output wire                             enters,
    output wire                             passes,
    output wire [LANES*FIELD-1:0]           highest,
    /* verilator lint_off UNUSEDSIGNAL */ // one block alone has no neighbours
    input  wire [LANES*FIELD-1:0]           carry,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire                             first,
    input  wire                             negate,
    input  wire                             buffer,
    input  wire [GROUP_BITS-1:0]            group,
    input  wire                             read,
    input  wire                             read_buffer,
    input  wire [GROUP_BITS-1:0]            read_group,
    input  wire [ARRAY_BITS-1:0]            read_array,
    output wire [LANES*FIELD-1:0]           read_data
);
    localparam WIDTH = ARRAYS * LANES * FIELD;

    wire             moves;
    /* verilator lint_off UNUSEDSIGNAL */ // xb_join counts for itself
    wire             reduced;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [WIDTH-1:0] own, sum;

    xb_reduce #(.ARRAYS(ARRAYS), .LANES(LANES), .ADC_BITS(ADC_BITS), .FIELD(FIELD), .STAGES(LOCAL)) u_reduce (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_enable(s_enable), .s_link(s_link), .s_code(s_code),
        .m_valid(reduced), .m_sum(own));
    generate
        if (JOINED == 0) begin : g_alone
            assign moves = reduced;
            assign sum = own;
            assign enters = 1'b0;
            assign passes = 1'b0;
            assign highest = {(LANES*FIELD){1'b0}};
        end else begin : g_joined
            xb_join #(.ARRAYS(ARRAYS), .LANES(LANES), .FIELD(FIELD), .LOCAL(LOCAL), .ACROSS(ACROSS)) u_join (
                .clk(clk), .rst(rst), .s_valid(s_valid), .s_link(s_link), .own(own), .enters(enters),
                .passes(passes), .highest(highest), .carry(carry), .m_valid(moves), .m_sum(sum));
        end
    endgenerate
    xb_accumulate #(
        .ARRAYS(ARRAYS), .LANES(LANES), .GROUPS(GROUPS), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(ARRAY_BITS),
        .SUM_BITS(SUM_BITS), .FIELD(FIELD)
    ) u_accumulate (
        .clk(clk), .s_valid(moves), .s_first(first), .s_negate(negate), .s_buffer(buffer), .s_group(group),
        .s_sum(sum), .read(read), .read_buffer(read_buffer), .read_group(read_group), .read_array(read_array),
        .read_data(read_data));
endmodule
`default_nettype wire
