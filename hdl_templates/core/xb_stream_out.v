// xb_stream_out - send column groups word by word over AXI4-Stream.
//
// The first word leaves one cycle after its column group is taken, then one word per cycle; the next group
// is taken with the last word of the one before (s_ready depends combinationally on m_ready). m_last marks
// the last word of an image. rst clears control only.
// Python twin: codesign.mapping.pipeline
`default_nettype none
module xb_stream_out #(
    parameter LANES = 4
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                s_valid,
    output wire                s_ready,
    input  wire [LANES*32-1:0] s_words,
    input  wire [15:0]         s_columns,  // words to send: min(LANES, s_columns)
    input  wire                s_last,
    output wire                m_valid,
    input  wire                m_ready,
    output wire [31:0]         m_data,
    output wire                m_last
);
    reg [LANES*32-1:0] words;
    reg [15:0]         left;
    reg                last;

    wire done = m_valid && m_ready && left == 16'd1;

    assign m_valid = left != 16'd0;
    assign m_data = words[31:0];
    assign m_last = last && left == 16'd1;
    assign s_ready = !m_valid || done;

    always @(posedge clk) begin
        if (s_valid && s_ready) begin
            words <= s_words;
            left <= s_columns > LANES ? LANES : s_columns;
            last <= s_last;
        end else if (m_valid && m_ready) begin
            words <= words >> 32;
            left <= left - 16'd1;
        end
        if (rst) left <= 16'd0;
    end
endmodule
`default_nettype wire
