// xb_array - black box of the crossbar macro, for synthesis and lint. Contract: model/xb_array.v.
//
// Latency, timing and area come from the macro's own library files.
// Python twin: codesign.fixed.convert, codesign.mapping.run.accumulate
`default_nettype none
/* verilator lint_off UNUSEDPARAM */ // a black box has nothing inside that could use its ports
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNDRIVEN */
(* blackbox *)
module xb_array #(
    parameter INDEX = 0,
    parameter ROWS = 16,
    parameter COLUMNS = 16,
    parameter LANES = 4,
    parameter GROUP_BITS = 1,
    parameter ADC_BITS = 6,
    parameter CODE_BITS = 2,
    parameter LEVEL_BITS = 2,
    parameter [(CODE_BITS << LEVEL_BITS)-1:0] CODES = 8'he4,
    parameter WRITE_BITS = 20
) (
    input  wire                      clk,
    input  wire [ROWS-1:0]           wordline,
    input  wire                      evaluate,
    input  wire                      convert,
    input  wire [GROUP_BITS-1:0]     group,
    input  wire [7:0]                gain,
    input  wire [3:0]                shift,
    output wire [LANES*ADC_BITS-1:0] code,
    input  wire                      cell_write,
    input  wire                      trim_write,
    input  wire [WRITE_BITS-1:0]     write_address,
    input  wire [31:0]               write_data
);
endmodule
/* verilator lint_on UNDRIVEN */
/* verilator lint_on UNUSEDSIGNAL */
/* verilator lint_on UNUSEDPARAM */
`default_nettype wire
