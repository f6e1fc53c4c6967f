// xb_array_cells - readable version of xb_array: the same macro, one loop per cell, plain integers.
//
// Simulation only, and slow. Ports, parameters, files and timing are those of xb_array.v: evaluate
// samples every bitline current and takes the range, convert turns LANES signed columns of `group` into offset-binary
// codes one cycle later, from the sample taken before this edge:
//   code = clamp((I * gain + offset + 2^(shift-1)) >> shift) + 2^(ADC_BITS-1),  I = I(2j) - I(2j+1)
// Currents count 2^-fraction of a code, if a die's map does.
// A lane past the last column gives the code of 0. No reset: cells keep what they were programmed to.
// Python twin: codesign.fixed.convert, codesign.mapping.run.accumulate
`default_nettype none
module xb_array_cells #(
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
    output reg  [LANES*ADC_BITS-1:0] code,
    input  wire                      cell_write,    // address: wordline * ROW_WORDS + word
    input  wire                      trim_write,    // the offset of each column
    input  wire [WRITE_BITS-1:0]     write_address,
    input  wire [31:0]               write_data
);
    localparam ROW_WORDS = (COLUMNS * LEVEL_BITS + 31) / 32;
    localparam PAIRS = COLUMNS / 2;
    localparam TRIM_BITS = PAIRS > 1 ? $clog2(PAIRS) : 1;
    localparam LOWEST = -(1 << (ADC_BITS - 1));
    localparam signed [63:0] LIMIT = 64'sd1 <<< (ADC_BITS - 1);
    localparam DIE_BITS = CODE_BITS + 8;           // of a cell of a map, at most

    reg [ROW_WORDS*32-1:0]      level [0:ROWS-1];  // cell k of a wordline at [k*LEVEL_BITS +: LEVEL_BITS]
    reg [COLUMNS*DIE_BITS-1:0]  die [0:ROWS-1];    // what this die holds, in 2^-fraction of a code: cell k at
                                                   // [k*(CODE_BITS+fraction) +: CODE_BITS+fraction]
    reg [31:0]                  trim [0:PAIRS-1];  // offset of each column
    reg                         has_die, missing;
    reg [8191:0]                folder, file;
    reg [1023:0]                named;             // arrays whose files must be there
    reg [LEVEL_BITS-1:0]        cell_level;
    integer current [0:COLUMNS-1];                 // sampled current of each bitline
    integer held_gain, held_shift;                 // range of the sample
    integer r, k, lane, column, value, total, handle;
    integer fraction;                              // of the die's map, 0..8
    reg [DIE_BITS-1:0]          die_code;
    reg signed [63:0]           wide, offset;      // a current and an offset in 2^-fraction of a code
    reg signed [63:0]           wide_gain;

    // All below is one sequence, and nothing but `code` is read elsewhere.
    /* verilator lint_off BLKSEQ */

    // Conductance code of cell `column` of wordline r, into `value`.
    task conductance;
        begin
            cell_level = level[r][column*LEVEL_BITS +: LEVEL_BITS];
            value = 0;
            if (has_die) begin
                die_code = die[r][column*(CODE_BITS+fraction) +: DIE_BITS];
                die_code = die_code & ~({DIE_BITS{1'b1}} << (CODE_BITS + fraction));
                value[DIE_BITS-1:0] = die_code;
            end else value[CODE_BITS-1:0] = CODES[cell_level*CODE_BITS +: CODE_BITS];
        end
    endtask

    initial begin
        has_die = 1'b0;
        fraction = 0;
        for (k = 0; k < COLUMNS; k = k + 1) current[k] = 0;
        for (r = 0; r < ROWS; r = r + 1) level[r] = 0;
        for (k = 0; k < PAIRS; k = k + 1) trim[k] = 0;
        held_gain = 1;
        held_shift = 0;
        missing = 1'b0;
        if (!$value$plusargs("arrays=%h", named)) named = 0;
        if ($value$plusargs("die=%s", folder)) begin
            $sformat(file, "%0s/array_%0d.hex", folder, INDEX);
            handle = $fopen(file, "r");
            if (handle != 0) begin
                $fclose(handle);
                $readmemh(file, die);
                if (!$value$plusargs("die_fraction=%d", fraction)) fraction = 0;
                has_die = 1'b1;
            end else if (named[INDEX]) missing = 1'b1;
        end
        if (!missing && $value$plusargs("backdoor=%s", folder)) begin
            $sformat(file, "%0s/array_%0d.hex", folder, INDEX);
            handle = $fopen(file, "r");
            if (handle != 0) begin
                $fclose(handle);
                $readmemh(file, level);
                $sformat(file, "%0s/array_%0d_trim.hex", folder, INDEX);
                handle = $fopen(file, "r");
                if (handle != 0) begin
                    $fclose(handle);
                    $readmemh(file, trim);
                end else missing = 1'b1;
            end else if (named[INDEX]) missing = 1'b1;
        end
        if (missing) begin
            $display("codesign: cannot open %0s", file);
            $finish;
        end
    end

    // One block, in this order: conversion uses the sample, and both use the cells, from before the edge.
    always @(posedge clk) begin
        if (convert) begin
            for (lane = 0; lane < LANES; lane = lane + 1) begin
                column = group * LANES + lane;
                value = 0;
                if (column < PAIRS) begin
                    value = current[2*column] - current[2*column+1];
                    wide = {{32{value[31]}}, value};
                    total = trim[column];
                    offset = {{32{total[31]}}, total};
                    wide_gain = {32'd0, held_gain};
                    wide = wide * wide_gain + (offset <<< fraction);
                    if (held_shift + fraction > 0)
                        wide = (wide + (64'sd1 <<< (held_shift + fraction - 1))) >>> (held_shift + fraction);
                    if (wide < -LIMIT) wide = -LIMIT;
                    if (wide > LIMIT - 64'sd1) wide = LIMIT - 64'sd1;
                    value = wide[31:0];
                end
                value = value - LOWEST;
                code[lane*ADC_BITS +: ADC_BITS] <= value[ADC_BITS-1:0];
            end
        end
        if (evaluate) begin
            held_gain = {24'd0, gain};
            held_shift = {28'd0, shift};
            for (column = 0; column < COLUMNS; column = column + 1) begin
                total = 0;
                for (r = 0; r < ROWS; r = r + 1)
                    if (wordline[r]) begin
                        conductance;
                        total = total + value;
                    end
                current[column] = total;
            end
        end
        if (cell_write) level[write_address / ROW_WORDS][(write_address % ROW_WORDS) * 32 +: 32] = write_data;
        if (trim_write) trim[write_address[TRIM_BITS-1:0]] = write_data;
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
