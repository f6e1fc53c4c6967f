// array_pair - the packed array model and its readable version side by side, for bench_array.
`default_nettype none
module array_pair #(
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
    input  wire                      cell_write,
    input  wire                      trim_write,
    input  wire [WRITE_BITS-1:0]     write_address,
    input  wire [31:0]               write_data,
    output wire [LANES*ADC_BITS-1:0] packed_code,
    output wire [LANES*ADC_BITS-1:0] cells_code
);
    xb_array #(
        .INDEX(INDEX), .ROWS(ROWS), .COLUMNS(COLUMNS), .LANES(LANES), .GROUP_BITS(GROUP_BITS), .ADC_BITS(ADC_BITS),
        .CODE_BITS(CODE_BITS), .LEVEL_BITS(LEVEL_BITS), .CODES(CODES), .WRITE_BITS(WRITE_BITS)
    ) u_packed (
        .clk(clk), .wordline(wordline), .evaluate(evaluate), .convert(convert), .group(group),
        .gain(gain), .shift(shift), .code(packed_code), .cell_write(cell_write), .trim_write(trim_write),
        .write_address(write_address), .write_data(write_data));
    xb_array_cells #(
        .INDEX(INDEX), .ROWS(ROWS), .COLUMNS(COLUMNS), .LANES(LANES), .GROUP_BITS(GROUP_BITS), .ADC_BITS(ADC_BITS),
        .CODE_BITS(CODE_BITS), .LEVEL_BITS(LEVEL_BITS), .CODES(CODES), .WRITE_BITS(WRITE_BITS)
    ) u_cells (
        .clk(clk), .wordline(wordline), .evaluate(evaluate), .convert(convert), .group(group),
        .gain(gain), .shift(shift), .code(cells_code), .cell_write(cell_write), .trim_write(trim_write),
        .write_address(write_address), .write_data(write_data));
endmodule
`default_nettype wire
