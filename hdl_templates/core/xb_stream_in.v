// xb_stream_in - receive input images over AXI4-Stream into the double input buffer.
//
// One beat per cycle while a buffer is free; s_ready depends on registers only. An activation is one
// byte; bits above BITS are dropped, bytes with keep = 0 become 0. `available_*` counts the activations
// in each buffer, `whole_*` is high while they are a whole image; `release_*` frees it. s_last must mark
// beat number `beats` of each image and no other, else frame_error is set and the stream stops. rst
// clears control only.
// Python twin: codesign.sim.streams.beats (values), codesign.mapping.timing (cycles)
`default_nettype none
module xb_stream_in #(
    parameter BYTES = 4,        // activations per beat
    parameter BITS = 8,         // bits of an activation
    parameter DEPTH = 128,      // activations of one buffer
    parameter ADDRESS_BITS = 8  // bits of an activation number over both buffers
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [15:0]             beats,
    input  wire                    s_valid,
    output wire                    s_ready,
    input  wire [BYTES*8-1:0]      s_data,
    input  wire [BYTES-1:0]        s_keep,
    input  wire                    s_last,
    output wire                    write,
    output wire [ADDRESS_BITS-1:0] write_address,
    output wire [BYTES*BITS-1:0]   write_data,
    output reg  [23:0]             available_0,
    output reg  [23:0]             available_1,
    output wire                    whole_0,
    output wire                    whole_1,
    input  wire                    release_0,
    input  wire                    release_1,
    output wire                    begins,       // the first beat of an image is taken
    output reg                     frame_error
);
    reg                    buffer;
    reg [1:0]              full;
    reg [15:0]             beat;
    reg [23:0]             taken;  // activations of this image
    wire [BYTES*8-1:0]     kept;

    wire take = s_valid && s_ready;
    wire ends = beat == beats - 16'd1;
    wire [23:0] after = taken + BYTES;

    assign s_ready = !rst && !full[buffer] && !frame_error;
    assign write = take;
    assign begins = take && beat == 16'd0;
    assign {whole_1, whole_0} = full;
    assign write_address = (buffer ? DEPTH[ADDRESS_BITS-1:0] : {ADDRESS_BITS{1'b0}}) + taken[ADDRESS_BITS-1:0];

    // Bytes with keep = 0 become 0.
    genvar u;
    generate
        for (u = 0; u < BYTES; u = u + 1) begin : g_byte
            assign kept[8*u +: 8] = {8{s_keep[u]}};
        end
    endgenerate

    xb_planes #(.COUNT(BYTES), .BITS(BITS)) u_planes (.bytes(s_data & kept), .planes(write_data));

    always @(posedge clk) begin
        if (release_0) begin full[0] <= 1'b0; available_0 <= 24'd0; end
        if (release_1) begin full[1] <= 1'b0; available_1 <= 24'd0; end
        if (take) begin
            beat <= ends ? 16'd0 : beat + 16'd1;
            taken <= ends ? 24'd0 : after;
            if (buffer) available_1 <= after; else available_0 <= after;
            if (ends) begin
                full[buffer] <= 1'b1;
                buffer <= !buffer;
            end
            if (s_last != ends) frame_error <= 1'b1;
        end
        if (rst) begin
            buffer <= 1'b0;
            full <= 2'b00;
            beat <= 16'd0;
            taken <= 24'd0;
            available_0 <= 24'd0;
            available_1 <= 24'd0;
            frame_error <= 1'b0;
        end
    end
endmodule
`default_nettype wire
