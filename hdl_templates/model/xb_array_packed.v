// xb_array_packed - what is inside the model of a crossbar macro: cells, sample-and-hold, converters, in wide vectors.
//
// Simulation only; pins, files and meaning are those of xb_array.v, whose parameter INDEX is a port here: so a
// compiled simulator has one piece of code for all arrays of a chip. Latency: 1 cycle from convert to code.
// A wordline is kept as one packed vector, the sum over columns j of (g(2j) - g(2j+1)) * 2^(j*FIELD): fields may borrow
// from each other, until `centre` makes every one positive. The sums of all subsets of four wordlines are kept too, so
// a sample is at most one wide addition per four wordlines.
// A die's map that counts fractions of a code has a second vector for these, `fine`, and no plain samples.
// Python twin: codesign.fixed.convert, codesign.mapping.run.accumulate
`default_nettype none
module xb_array_packed #(
    parameter ROWS = 16,           // wordlines
    parameter COLUMNS = 16,        // bitlines, even
    parameter LANES = 4,           // converters
    parameter GROUP_BITS = 1,      // bits of a column group number
    parameter ADC_BITS = 6,        // 2..12
    parameter CODE_BITS = 2,       // bits of a conductance code
    parameter LEVEL_BITS = 2,      // bits of a stored level
    parameter [(CODE_BITS << LEVEL_BITS)-1:0] CODES = 8'he4, // code of level l at [l*CODE_BITS +: CODE_BITS]
    parameter WRITE_BITS = 20,     // programming address, in words
`ifdef __ICARUS__
    parameter WIDE = 1             // 1: plain samples convert at once, in few wide moves, for Icarus; 0: by groups
`else
    parameter WIDE = 0
`endif
) (
    input  wire                      clk,
    input  wire [31:0]               index,         // position on the chip
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
    localparam PADDED = (PAIRS + LANES - 1) / LANES * LANES;  // columns that conversion goes through
    localparam MIDDLE = 1 << (ADC_BITS - 1);
    localparam SUM_BITS = CODE_BITS + $clog2(ROWS + 1);
    localparam FIELD = (SUM_BITS > ADC_BITS ? SUM_BITS : ADC_BITS) + 2;  // a column current, with room for signs
    localparam SLOT = LANES * FIELD;
    localparam SIDE = PADDED * FIELD;                          // all columns
    localparam QUADS = (ROWS + 3) / 4;                         // wordlines by fours
    localparam MOVES = $clog2(LANES);
    localparam signed [63:0] WIDE_MIDDLE = 64'sd1 <<< (ADC_BITS - 1);
    localparam DIE_BITS = CODE_BITS + 8;                       // of a cell of a map, at most
    localparam FINE = 8 + $clog2(ROWS + 1) + 2;                // fractions of a column current, with room for signs
    localparam FINE_SIDE = PADDED * FINE;

    reg [ROW_WORDS*32-1:0]        level [0:ROWS-1];        // cell k of a wordline at [k*LEVEL_BITS +: LEVEL_BITS]
    reg [COLUMNS*DIE_BITS-1:0]    die [0:ROWS-1];          // what this die holds, in 2^-fraction of a code: cell k at
                                                           // [k*(CODE_BITS+fraction) +: CODE_BITS+fraction]
    reg [31:0]                    trim [0:PAIRS-1];        // offset of each column
    // Constants in registers: Icarus puts a wide literal together anew, 32 bits at a time, wherever it stands.
    reg [SIDE-1:0]                one, centre;             // 1, and 2^(FIELD-1) + 2^(ADC_BITS-1), in each field
    reg [SIDE-1:0]                below_top;               // all bits but the highest, in each field
    reg [SIDE-1:0]                reaches_top;             // what makes 2^ADC_BITS and more reach the highest
    reg [SIDE-1:0]                stays [0:MOVES];         // codes that move k to the right leaves where they are
    reg [SIDE-1:0]                conductance [0:16*QUADS-1]; // wordlines 4q + b, b in the set s, at 16q + s
    reg [SIDE-1:0]                current;
    reg [SIDE-1:0]                hold;                    // the sample: centre + I
    reg [SIDE-1:0]                above, not_below;
    reg [SIDE-1:0]                plain_codes;             // of plain trims: group g at [g*SLOT +: LANES*ADC_BITS]
    reg [LANES*FIELD-1:0]         sample;                  // the group being converted
    reg [LANES*ADC_BITS-1:0]      next_code;
    reg [ROWS+6:0]                lines;                   // the wordlines, with room for the last eight
    reg [7:0]                     driven;                  // eight wordlines
    reg                           centred;              // no column has an offset
    reg                           plain;                   // nor the sample a range: gain 1, shift 0
    reg                           stale;                   // conductances do not follow from levels yet
    reg                           settles;                 // stale, and programmed or read from files
    reg                           has_die, has_blank, missing;
    reg                           opened;                  // files have been read
    reg [8191:0]                  folder;
    reg [8191:0]                  file;
    reg [1023:0]                  named;                   // arrays whose files must be there
    reg [ROW_WORDS*32-1:0]        level_row;
    reg [COLUMNS*DIE_BITS-1:0]    die_row;
    reg [DIE_BITS-1:0]            plus_code, minus_code;
    reg [SIDE-1:0]                row, other, blank;
    reg [FINE_SIDE-1:0]           fine [0:16*QUADS-1];     // as `conductance`
    reg [FINE_SIDE-1:0]           fine_row, fine_other, fine_centre, fine_hold;
    reg [FINE-1:0]                fine_field;
    reg signed [63:0]             wide, wide_offset;       // a current in 2^-fraction of a code
    reg signed [63:0]             wide_gain;
    reg [LEVEL_BITS-1:0]          plus_level, minus_level;
    integer r, k, s, at, lane, column, value, handle;
    integer held_gain, held_shift, half, idle;             // range of the sample
    integer fraction, fine_value;                          // of the die's map, 0..8
    integer rows, pairs, moves;                            // no constants: loops unrolled would outgrow a cache

    initial begin
        has_die = 1'b0;
        fraction = 0;
        fine_centre = 0;
        for (k = 0; k < PADDED; k = k + 1) fine_centre[k*FINE + FINE - 1] = 1'b1;
        fine_hold = fine_centre;
        stale = 1'b1;
        settles = 1'b0;
        idle = 0;
        rows = ROWS;
        pairs = PAIRS;
        moves = MOVES;
        one = 0;
        for (k = 0; k < PADDED; k = k + 1) one[k*FIELD] = 1'b1;
        centre = (one << (FIELD - 1)) + (one << (ADC_BITS - 1));
        below_top = (one << (FIELD - 1)) - one;
        reaches_top = (one << (FIELD - 1)) - (one << ADC_BITS);
        hold = centre;
        for (k = 0; k <= MOVES; k = k + 1) begin
            row = 0;
            for (lane = 0; lane < PADDED; lane = lane + 1)
                if (((lane % LANES >> k) & 1) == 0)
                    row[lane*FIELD - (lane % LANES) % (1 << k) * (FIELD - ADC_BITS) +: ADC_BITS] = {ADC_BITS{1'b1}};
            stays[k] = row;
        end
        for (r = 0; r < ROWS; r = r + 1) level[r] = 0;
        for (k = 0; k < PAIRS; k = k + 1) trim[k] = 0;
        plain = 1'b0;
        held_gain = 1;
        held_shift = 0;
        half = 0;
        opened = 1'b0;
    end

    // An array that is not in use does not wake at every edge: a chip may have hundreds. (In Verilator it does, and a
    // wire would cost another call.)
`ifndef VERILATOR
    wire awake = evaluate || convert || cell_write || trim_write || settles || !opened;
`endif

    // What others read, code, is assigned without blocking, and so are level and trim, whose words are written one by
    // one. The rest is only read here; the sample is read before it changes. (Verilator clears and copies wide vectors
    // that are assigned without blocking at every edge.)
    /* verilator lint_off BLKSEQ */
`ifdef VERILATOR
    always @(posedge clk) begin
`else
    always begin
        wait (awake);
        @(posedge clk);
`endif
        // Files that plusargs name, at the first edge: `index` needs not be there at time 0.
        if (!opened) begin
            opened = 1'b1;
            missing = 1'b0;
            if (!$value$plusargs("arrays=%h", named)) named = 0;
            if ($value$plusargs("die=%s", folder)) begin
                $sformat(file, "%0s/array_%0d.hex", folder, index);
                handle = $fopen(file, "r");
                if (handle != 0) begin
                    $fclose(handle);
                    $readmemh(file, die);
                    if (!$value$plusargs("die_fraction=%d", fraction)) fraction = 0;
                    has_die = 1'b1;
                    settles = 1'b1;
                end else if (named[index[9:0]]) missing = 1'b1;
            end
            if (!missing && $value$plusargs("backdoor=%s", folder)) begin
                $sformat(file, "%0s/array_%0d.hex", folder, index);
                handle = $fopen(file, "r");
                if (handle != 0) begin
                    $fclose(handle);
                    $readmemh(file, level);
                    settles = 1'b1;
                    $sformat(file, "%0s/array_%0d_trim.hex", folder, index);
                    handle = $fopen(file, "r");
                    if (handle != 0) begin
                        $fclose(handle);
                        $readmemh(file, trim);
                    end else missing = 1'b1;
                end else if (named[index[9:0]]) missing = 1'b1;
            end
            if (missing) begin
                $display("codesign: cannot open %0s", file);
                $finish;
            end
        end
        if (evaluate || convert || cell_write || trim_write || settles) begin
            // The sample before this edge: a new one may be taken while the last group converts.
            if (convert && plain && WIDE != 0) code <= plain_codes[group*SLOT +: LANES*ADC_BITS];
            else if (convert) begin
                sample = hold[group*SLOT +: SLOT];
                for (lane = 0; lane < LANES; lane = lane + 1) begin
                    value = {{(32-FIELD){1'b0}}, sample[lane*FIELD +: FIELD]};
                    value = value - (1 << (FIELD - 1)) - MIDDLE;
                    if (!plain) begin
                        column = group * LANES + lane;
                        if (column >= PAIRS) value = 0;
                        else if (fraction != 0) begin
                            fine_field = fine_hold[column*FINE +: FINE];
                            fine_value = {{(32-FINE){1'b0}}, fine_field};
                            fine_value = fine_value - (1 << (FINE - 1));
                            wide = {{32{value[31]}}, value};
                            wide = (wide <<< fraction) + {{32{fine_value[31]}}, fine_value};
                            wide_gain = {32'd0, held_gain};
                            fine_value = trim[column];
                            wide_offset = {{32{fine_value[31]}}, fine_value};
                            wide = wide * wide_gain + (wide_offset <<< fraction);
                            wide = (wide + (64'sd1 <<< (held_shift + fraction - 1))) >>> (held_shift + fraction);
                            if (wide < -WIDE_MIDDLE) wide = -WIDE_MIDDLE;
                            if (wide > WIDE_MIDDLE - 64'sd1) wide = WIDE_MIDDLE - 64'sd1;
                            value = wide[31:0];
                        end else value = (value * held_gain + $signed(trim[column]) + half) >>> held_shift;
                    end
                    if (value < -MIDDLE) value = -MIDDLE;
                    if (value > MIDDLE - 1) value = MIDDLE - 1;
                    value = value + MIDDLE;
                    next_code[lane*ADC_BITS +: ADC_BITS] = value[ADC_BITS-1:0];
                end
                code <= next_code;
            end
            // Conductances follow from levels once programming pauses, at the latest for the next sample.
            // Wordlines at level 0 throughout are copies of the first such line.
            if (settles) idle = idle + 1;
            if (stale && (evaluate || idle == 8)) begin
                has_blank = 1'b0;
                for (r = 0; r < rows; r = r + 1) begin
                    level_row = level[r];
                    die_row = die[r];
                    if (has_die || level_row != 0 || !has_blank) begin
                        row = 0;
                        other = 0;
                        fine_row = 0;
                        fine_other = 0;
                        for (k = 0; k < pairs; k = k + 1) begin
                            plus_level = level_row[2*k*LEVEL_BITS +: LEVEL_BITS];
                            minus_level = level_row[(2*k+1)*LEVEL_BITS +: LEVEL_BITS];
                            if (has_die) begin
                                plus_code = die_row[2*k*(CODE_BITS+fraction) +: DIE_BITS];
                                minus_code = die_row[(2*k+1)*(CODE_BITS+fraction) +: DIE_BITS];
                                fine_row[k*FINE +: 8] = plus_code[7:0] & ~(8'hff << fraction);
                                fine_other[k*FINE +: 8] = minus_code[7:0] & ~(8'hff << fraction);
                                plus_code = plus_code >> fraction;
                                minus_code = minus_code >> fraction;
                                row[k*FIELD +: CODE_BITS] = plus_code[CODE_BITS-1:0];
                                other[k*FIELD +: CODE_BITS] = minus_code[CODE_BITS-1:0];
                            end else begin
                                row[k*FIELD +: CODE_BITS] = CODES[plus_level*CODE_BITS +: CODE_BITS];
                                other[k*FIELD +: CODE_BITS] = CODES[minus_level*CODE_BITS +: CODE_BITS];
                            end
                        end
                        row = row - other;
                        fine_row = fine_row - fine_other;
                        if (level_row == 0) begin
                            blank = row;
                            has_blank = 1'b1;
                        end
                    end else row = blank;
                    at = 16 * (r / 4);
                    if (r % 4 == 0) conductance[at] = 0;
                    k = 1 << r % 4;
                    for (s = 0; s < k; s = s + 1) conductance[at + k + s] = conductance[at + s] + row;
                    if (fraction != 0) begin
                        if (k == 1) fine[at] = 0;
                        for (s = 0; s < k; s = s + 1) fine[at + k + s] = fine[at + s] + fine_row;
                    end
                end
                centred = 1'b1;
                for (k = 0; k < pairs; k = k + 1) centred = centred && trim[k] == 0;
                stale = 1'b0;
                settles = 1'b0;
            end
            if (evaluate) begin
                held_gain = {24'd0, gain};
                held_shift = {28'd0, shift};
                half = (held_shift == 0) ? 0 : (1 << (held_shift - 1));
                plain = centred && held_gain == 1 && held_shift == 0 && fraction == 0;
                current = centre;
                lines = {7'd0, wordline};
                at = 0;
                for (k = 0; k < rows; k = k + 8) begin
                    driven = lines[k +: 8];
                    if (driven[3:0] != 4'd0) current = current + conductance[at + {28'd0, driven[3:0]}];
                    if (driven[7:4] != 4'd0) current = current + conductance[at + 16 + {28'd0, driven[7:4]}];
                    at = at + 32;
                end
                hold = current;
                if (fraction != 0) begin
                    fine_hold = fine_centre;
                    for (k = 0; k < rows; k = k + 4) begin
                        driven[3:0] = lines[k +: 4];
                        if (driven[3:0] != 4'd0) fine_hold = fine_hold + fine[4 * k + {28'd0, driven[3:0]}];
                    end
                end
                if (plain && WIDE != 0) begin
                    // All columns at once: the top bit of a field says "not below the range".
                    not_below = (current >> (FIELD - 1)) & one;
                    above = (((current & below_top) + reaches_top) >> (FIELD - 1)) & not_below;
                    row = (current & ((not_below << ADC_BITS) - not_below)) | ((above << ADC_BITS) - above);
                    // Then the codes of a group close up, lanes with bit k of their number in move k.
                    for (k = 0; k < moves; k = k + 1)
                        row = (row & stays[k]) | ((row & ~stays[k]) >> ((1 << k) * (FIELD - ADC_BITS)));
                    plain_codes = row;
                end
            end
            if (cell_write) level[write_address / ROW_WORDS][(write_address % ROW_WORDS)*32 +: 32] <= write_data;
            if (trim_write) trim[write_address[TRIM_BITS-1:0]] <= write_data;
            if (cell_write || trim_write) begin
                stale = 1'b1;
                settles = 1'b1;
                idle = 0;
            end
        end
    end
    /* verilator lint_on BLKSEQ */
endmodule
`default_nettype wire
