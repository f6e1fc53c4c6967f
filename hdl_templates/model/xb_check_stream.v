// xb_check_stream - watch a stream: valid must stay, with stable data, until the word is taken.
//
// Simulation only. A violation prints the instance's path and ends the simulation.
// Python twin: codesign.sim.streams.Source
`default_nettype none
module xb_check_stream #(
    parameter WIDTH = 32
) (
    input  wire             clk,
    input  wire             run,    // low: the stream may drop a waiting word
    input  wire             valid,
    input  wire             ready,
    input  wire [WIDTH-1:0] data
);
    reg             waiting;
    reg [WIDTH-1:0] offered;

    always @(posedge clk) begin
        waiting <= run && valid && !ready;
        offered <= data;
        if (run && waiting === 1'b1 && (valid !== 1'b1 || data !== offered)) begin
            $display("codesign: violated: %m, time %0t: an offered word was dropped or changed", $time);
            $finish;
        end
    end
endmodule
`default_nettype wire
