// xb_sums - from the codes of all arrays to accumulators: arrays in blocks, so that idle ones stand still.
//
// Each block of BLOCK arrays reduces and accumulates on its own. It moves only while one of its arrays converts
// or links; sums of runs that reach into the next block are carried over. Latency STAGES + 1 cycles from codes
// to accumulators, throughput one column group per cycle. ready_* counts the complete column groups of each of
// the two accumulator buffers. Only accumulators of arrays that convert hold meaning. The read port is
// combinational. rst clears valid bits and ready_*.
// Python twin: codesign.mapping.run.accumulate, codesign.fixed.plane_weights
`default_nettype none
module xb_sums #(
    parameter ARRAYS = 6,
    parameter LANES = 4,
    parameter GROUPS = 2,
    parameter GROUP_BITS = 1,
    parameter ARRAY_BITS = 3,
    parameter ADC_BITS = 6,
    parameter SUM_BITS = 9,   // bits of a sum
    parameter FIELD = 18,     // bits of a field: SUM_BITS + activation bits + 1
    parameter STAGES = 2,     // (clog2(ARRAYS) + 1) / 2, at least 1
    parameter BLOCK_LOG4 = 1  // log4 of the arrays of a block
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             s_valid,
    input  wire                             s_first,
    input  wire                             s_negate,
    input  wire                             s_final,
    input  wire                             s_buffer,
    input  wire [GROUP_BITS-1:0]            s_group,
    input  wire [ARRAYS-1:0]                s_enable,
    input  wire [ARRAYS-1:0]                s_link,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] s_code,
    input  wire                             release_buffer,  // with read_buffer: start over
    input  wire                             read_buffer,
    input  wire [GROUP_BITS-1:0]            read_group,
    input  wire [ARRAY_BITS-1:0]            read_array,
    output wire [LANES*FIELD-1:0]           read_data,
    output reg  [GROUP_BITS:0]              ready_0,
    output reg  [GROUP_BITS:0]              ready_1
);
    localparam BLOCK = 1 << 2*BLOCK_LOG4;
    localparam BLOCKS = (ARRAYS + BLOCK - 1) / BLOCK;
    localparam LOCAL = BLOCKS > 1 ? BLOCK_LOG4 : STAGES;  // stages inside a block
    localparam ACROSS = BLOCKS > 1 ? STAGES - LOCAL : 1;  // and between blocks
    localparam SLOT = LANES * FIELD;
    localparam CODES = LANES * ADC_BITS;
    localparam CONTROL = GROUP_BITS + 4;
    localparam LOCAL_BITS = ARRAY_BITS < 2*BLOCK_LOG4 ? ARRAY_BITS : 2*BLOCK_LOG4;

    // What to do with the sums, when they have arrived.
    reg  [STAGES-1:0]     pending;
    reg  [STAGES*CONTROL-1:0] control;
    wire                  valid = pending[STAGES-1];
    wire                  first, negate, final_plane, buffer;
    wire [GROUP_BITS-1:0] group;
    integer               k;

    assign {group, buffer, final_plane, negate, first} = control[(STAGES-1)*CONTROL +: CONTROL];

    always @(posedge clk) begin
        pending[0] <= s_valid;
        if (s_valid) control[CONTROL-1:0] <= {s_group, s_buffer, s_final, s_negate, s_first};
        for (k = 1; k < STAGES; k = k + 1) begin
            pending[k] <= pending[k-1];
            if (pending[k-1]) control[k*CONTROL +: CONTROL] <= control[(k-1)*CONTROL +: CONTROL];
        end
        if (rst) pending <= {STAGES{1'b0}};
    end

    always @(posedge clk) begin
        if (valid && final_plane && !buffer) ready_0 <= {1'b0, group} + 1'b1;
        if (valid && final_plane && buffer) ready_1 <= {1'b0, group} + 1'b1;
        if (release_buffer && !read_buffer) ready_0 <= {(GROUP_BITS+1){1'b0}};
        if (release_buffer && read_buffer) ready_1 <= {(GROUP_BITS+1){1'b0}};
        if (rst) begin
            ready_0 <= {(GROUP_BITS+1){1'b0}};
            ready_1 <= {(GROUP_BITS+1){1'b0}};
        end
    end

    wire [ARRAYS-1:0]      links = s_link & ~({ARRAYS{1'b0}} + 1'b1);  // nothing lies below array 0
    wire [BLOCKS-1:0]      reads;           // the block that is read
    wire [SLOT-1:0]        read_block [0:BLOCKS-1];
    /* verilator lint_off UNUSEDSIGNAL */ // no block lies above the last one, and one alone has no neighbours
    reg  [BLOCKS*SLOT-1:0] highest;         // sum of a block's top array
    wire [BLOCKS*SLOT-1:0] carry;           // of all arrays of its run
    wire [BLOCKS-1:0]      enters, passes;  // a run comes in from the block below; and reaches the top array
    /* verilator lint_on UNUSEDSIGNAL */

    genvar b;
    generate
        for (b = 0; b < BLOCKS; b = b + 1) begin : g_block
            localparam HERE = b < BLOCKS - 1 ? BLOCK : ARRAYS - b*BLOCK;
            wire [HERE-1:0] enable = s_enable[b*BLOCK +: HERE];
            wire [HERE-1:0] link = links[b*BLOCK +: HERE];
            wire [SLOT-1:0] top_sum;

            always @(top_sum) highest[b*SLOT +: SLOT] = top_sum;
            xb_block #(
                .ARRAYS(HERE), .LANES(LANES), .GROUPS(GROUPS), .GROUP_BITS(GROUP_BITS), .ARRAY_BITS(LOCAL_BITS),
                .ADC_BITS(ADC_BITS), .SUM_BITS(SUM_BITS), .FIELD(FIELD), .LOCAL(LOCAL), .ACROSS(ACROSS),
                .JOINED(BLOCKS > 1 ? 1 : 0)
            ) u_block (
                .clk(clk), .rst(rst), .s_valid(s_valid && (enable != {HERE{1'b0}} || link != {HERE{1'b0}})),
                .s_enable(enable), .s_link(link), .s_code(s_code[b*BLOCK*CODES +: HERE*CODES]),
                .enters(enters[b]), .passes(passes[b]), .highest(top_sum),
                .carry(carry[(b == 0 ? 0 : b-1)*SLOT +: SLOT]),
                .first(first), .negate(negate), .buffer(buffer), .group(group),
                .read(reads[b]), .read_buffer(read_buffer), .read_group(read_group),
                .read_array(read_array[LOCAL_BITS-1:0]), .read_data(read_block[b]));
        end
        if (BLOCKS == 1) begin : g_read
            assign reads = 1'b1;
            assign carry = {SLOT{1'b0}};
            assign read_data = read_block[0];
        end else begin : g_across
            xb_scan #(.ARRAYS(BLOCKS), .LANES(LANES), .FIELD(FIELD), .DISTANCE(1), .STAGES(ACROSS)) u_scan (
                .clk(clk), .rst(rst), .s_valid(enters != {BLOCKS{1'b0}}), .s_link(passes), .s_sum(highest),
                /* verilator lint_off PINCONNECTEMPTY */ // each block knows when to add its carry
                .m_valid(),
                /* verilator lint_on PINCONNECTEMPTY */
                .m_sum(carry));
            for (b = 0; b < BLOCKS; b = b + 1) begin : g_reads
                assign reads[b] = {{(32-ARRAY_BITS+LOCAL_BITS){1'b0}}, read_array[ARRAY_BITS-1:LOCAL_BITS]} == b;
            end
            assign read_data = read_block[read_array[ARRAY_BITS-1:LOCAL_BITS]];
        end
    endgenerate
endmodule
`default_nettype wire
