// xb_check_sums - watch the sums that a block of arrays accumulates: the top bit of every field stays 0.
//
// Simulation only. A violation prints the instance's path and ends the simulation.
// Python twin: codesign.mapping.plan.correction
`default_nettype none
module xb_check_sums #(
    parameter FIELDS = 24,
    parameter FIELD = 18
) (
    input  wire                    clk,
    input  wire                    run,
    input  wire                    valid,
    input  wire [FIELDS*FIELD-1:0] sum
);
    wire [FIELDS*FIELD-1:0] tops = {FIELDS{1'b1, {(FIELD-1){1'b0}}}};

    always @(posedge clk)
        if (run && valid)
            if ((sum & tops) !== {(FIELDS*FIELD){1'b0}}) begin
                $display("codesign: violated: %m, time %0t: a sum reaches its field's top bit", $time);
                $finish;
            end
endmodule
`default_nettype wire
