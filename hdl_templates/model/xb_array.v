// xb_array - behavioural model of one ReRAM crossbar macro: cells, sample-and-hold, converters.
//
// Simulation only; synthesis uses the black box of the same name in stub/. Pins are digital.
//   evaluate  samples every bitline current of the driven wordlines into the hold capacitors, and takes the range
//             (gain, shift) with which this sample is converted
//   convert   turns LANES signed columns of `group` into codes, from the sample taken before this edge
// Both may happen on one edge. Latency: 1 cycle from convert to code. Codes are offset binary.
//   code = clamp((I * gain + offset + 2^(shift-1)) >> shift) + 2^(ADC_BITS-1),  I = I(2j) - I(2j+1)
// xb_array_packed.v does all this, in wide vectors; xb_array_cells.v is the readable version, one loop per cell.
// Cells: a programmed level conducts its CODES entry, unless +die=DIR names a map of the codes that this
// die really holds (DIR/array_<INDEX>.hex, one wordline a line). With +die_fraction=F (1..8) it counts 2^-F codes,
// in CODE_BITS + F bits a cell, and so does I:
//   code = clamp((I * gain + offset * 2^F + 2^(shift+F-1)) >> (shift+F)) + 2^(ADC_BITS-1)
// +backdoor=DIR programs at the first clock edge.
// +arrays=MASK (hexadecimal, bit INDEX) names the arrays whose files must be there; a missing one
// ends the simulation. Other arrays may have none. Paths of up to 1,000 bytes.
// Python twin: codesign.fixed.convert, codesign.mapping.run.accumulate
`default_nettype none
module xb_array #(
    parameter INDEX = 0,           // position on the chip
    parameter ROWS = 16,           // wordlines
    parameter COLUMNS = 16,        // bitlines, even
    parameter LANES = 4,           // converters
    parameter GROUP_BITS = 1,      // bits of a column group number
    parameter ADC_BITS = 6,        // 2..12
    parameter CODE_BITS = 2,       // bits of a conductance code
    parameter LEVEL_BITS = 2,      // bits of a stored level
    parameter [(CODE_BITS << LEVEL_BITS)-1:0] CODES = 8'he4, // code of level l at [l*CODE_BITS +: CODE_BITS]
    parameter WRITE_BITS = 20      // programming address, in words
) (
    input  wire                      clk,
    input  wire [ROWS-1:0]           wordline,
    input  wire                      evaluate,
    input  wire                      convert,
    input  wire [GROUP_BITS-1:0]     group,
    input  wire [7:0]                gain,          // with evaluate: range of the conversions of this sample
    input  wire [3:0]                shift,
    output wire [LANES*ADC_BITS-1:0] code,
    input  wire                      cell_write,    // address: wordline * ROW_WORDS + word
    input  wire                      trim_write,    // the offset of each column
    input  wire [WRITE_BITS-1:0]     write_address,
    input  wire [31:0]               write_data
);
    xb_array_packed #(
        .ROWS(ROWS), .COLUMNS(COLUMNS), .LANES(LANES), .GROUP_BITS(GROUP_BITS), .ADC_BITS(ADC_BITS),
        .CODE_BITS(CODE_BITS), .LEVEL_BITS(LEVEL_BITS), .CODES(CODES), .WRITE_BITS(WRITE_BITS)
    ) u_packed (
        .clk(clk), .index(INDEX), .wordline(wordline), .evaluate(evaluate), .convert(convert), .group(group),
        .gain(gain), .shift(shift), .code(code), .cell_write(cell_write), .trim_write(trim_write),
        .write_address(write_address), .write_data(write_data));
endmodule
`default_nettype wire
