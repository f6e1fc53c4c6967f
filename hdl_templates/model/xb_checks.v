// xb_checks - invariants of xb_chip, watched in every simulation of a chip.
//
// Simulation only; the generated harness connects it to signals inside the chip. The first reset arms it.
// A violation prints one line and ends the simulation, which every bench reports as a failure.
// Python twin: codesign.mapping.pipeline.MOST
`default_nettype none
module xb_checks #(
    parameter ARRAYS = 6,
    parameter ROWS = 16,
    parameter LANES = 4,
    parameter FIELD = 18,
    parameter GROUP_BITS = 1,
    parameter WRITE_BITS = 20
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          run,
    // Instances in flight.
    input  wire [2:0]                    in_flight,   // loaded and not yet drained
    input  wire [1:0]                    occupied,    // wordline banks: loaded and not yet sampled
    input  wire [1:0]                    loaded,      // the same, one cycle later
    input  wire [1:0]                    buffers,     // accumulator buffers in use
    // Operands.
    input  wire                          operand_loaded,
    input  wire                          operand_full, // as many wait as there is room for
    // Terms that leave.
    input  wire                          drain_valid,
    input  wire                          drain_operand, // the term is no accumulator
    input  wire                          drain_ready,
    input  wire                          drain_writes, // last term of a column group for the activation memory
    input  wire [LANES*FIELD-1:0]        drain_data,
    input  wire                          activation_valid, // a column group leaves the requantizer for the memory
    input  wire                          activation_write,
    // Programming.
    input  wire [4:0]                    table_writes,
    // Pins of the macros.
    input  wire [ARRAYS-1:0]             cell_write,
    input  wire [ARRAYS-1:0]             trim_write,
    /* verilator lint_off UNUSEDSIGNAL */ // in Verilator nothing is X
    input  wire [ARRAYS*ROWS-1:0]        wordline,
    input  wire [ARRAYS-1:0]             evaluate,
    input  wire [ARRAYS-1:0]             convert,
    input  wire [GROUP_BITS-1:0]         group,
    input  wire [7:0]                    gain,
    input  wire [3:0]                    shift,
    input  wire [WRITE_BITS-1:0]         write_address,
    input  wire [31:0]                   write_data
    /* verilator lint_on UNUSEDSIGNAL */
);
    reg            armed;
    reg [1:0]      pending;  // column groups in the requantizer for the activation memory
    reg [2:0]      flew;     // in_flight of the cycle before
    reg [8*48-1:0] what;     // the violation; 0: none

    wire [LANES*FIELD-1:0] tops = {LANES{1'b1, {(FIELD-1){1'b0}}}};
    wire [2*ARRAYS+4:0] writes = {table_writes, cell_write, trim_write};
    wire                enters = drain_valid && drain_ready && drain_writes;

`ifndef VERILATOR
    localparam PINS = 4*ARRAYS + GROUP_BITS + 12 + 5 + WRITE_BITS + 32;

    reg [PINS-1:0]        pins;
    reg [ARRAYS*ROWS-1:0] seen;  // wordlines known to be good

    initial seen = {(ARRAYS*ROWS){1'b0}};
`endif

    initial armed = 1'b0;

    // An unknown condition counts as violated.
    /* verilator lint_off BLKSEQ */ // `what` and `pins` are temporaries, nobody else reads `seen`
    always @(posedge clk) begin
        pending <= run ? pending + {1'b0, enters} - {1'b0, activation_valid} : 2'd0;
        flew <= rst ? 3'd0 : in_flight;
        what = 0;
        if (rst) armed <= 1'b1;
        else if (armed) begin
            if ((!run || ({flew, in_flight} != 6'o70 && {flew, in_flight} != 6'o07)) !== 1'b1)
                what = "instances in flight were miscounted";
            if ((occupied <= 2'd2 && loaded <= 2'd2) !== 1'b1) what = "more than 2 wordline banks in use";
            if ((buffers <= 2'd2) !== 1'b1) what = "more than 2 accumulator buffers in use";
            if (((writes & (writes - 1'b1)) == 0) !== 1'b1) what = "two memories are written at once";
            if ((!run || !activation_write || pending != 2'd0) !== 1'b1)
                what = "an activation is written that was not drained";
            if ((operand_loaded && operand_full) !== 1'b0) what = "an operand comes that has no room";
            if (drain_valid && !drain_operand)
                if ((drain_data & tops) !== 0) what = "an accumulator reaches its field's top bit";
`ifndef VERILATOR
            // A difference is X where a bit is. Icarus goes through it by words, and through a reduction by bits.
            pins = {evaluate, convert, group, evaluate == 0 ? 12'd0 : {gain, shift}, writes, write_address, write_data};
            if ((pins - pins) !== 0) what = "X on a macro pin";
            if (wordline !== seen) begin
                if ((wordline - wordline) !== 0) what = "X on a wordline";
                seen = wordline;
            end
`endif
        end
        if (what != 0) begin
            $display("codesign: violated: %m, time %0t: %0s", $time, what);
            $finish;
        end
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
