// xb_memory - activation memory: writes a few activations at any address, reads WORD of them from any address.
//
// Words of WORD activations lie in two banks, even ones in the first, so that an access may cross from one word into
// the next. Registered read (1 cycle): activation number a of those from read_address on lies at a modulo WORD.
// Data are bit planes: bit b of activation u at [b*COUNT + u] of write_data and at [b*WORD + u] of read_data. What
// is read past the last word has no meaning. No reset of the contents.
// Python twin: codesign.fixed.bit_planes, codesign.mapping.loads.window
`default_nettype none
module xb_memory #(
    parameter COUNT = 4,         // activations of a write, at most WORD
    parameter COUNT_BITS = 3,    // bits of a number 0..COUNT
    parameter WORD = 16,         // activations of a word, a power of two
    parameter WORD_BITS = 4,     // log2 of WORD
    parameter BITS = 8,          // bits of an activation
    parameter DEPTH = 8,         // words, 2 or more
    parameter ADDRESS_BITS = 7   // bits of an activation number
) (
    input  wire                    clk,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [COUNT_BITS-1:0]   write_count,    // activations to write, 1..COUNT
    input  wire [COUNT*BITS-1:0]   write_data,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WORD*BITS-1:0]    read_data
);
    localparam INDEX_BITS = ADDRESS_BITS - WORD_BITS;
    localparam EVENS = (DEPTH + 1) / 2;
    localparam ODDS = DEPTH / 2;
    localparam EVEN_BITS = EVENS > 1 ? $clog2(EVENS) : 1;
    localparam ODD_BITS = ODDS > 1 ? $clog2(ODDS) : 1;
    localparam WIDTH = WORD * BITS;

    reg  [WIDTH-1:0] even [0:EVENS-1];
    reg  [WIDTH-1:0] odd [0:ODDS-1];

    // A write spans two words: the one of its address, and the next.
    wire [INDEX_BITS-1:0] write_word = write_address[ADDRESS_BITS-1:WORD_BITS];
    wire [EVEN_BITS-1:0]  write_even_row;
    wire [ODD_BITS-1:0]   write_odd_row;
    wire                  write_odd = write_word[0];
    reg  [2*WORD-1:0]     written, plane;
    reg  [WIDTH-1:0]      low, high, low_lines, high_lines;  // data and places in the two words
    integer               b;

    always @(write_address or write_count or write_data) begin
        written = ~({(2*WORD){1'b1}} << write_count) << write_address[WORD_BITS-1:0];
        for (b = 0; b < BITS; b = b + 1) begin
            plane = {{(2*WORD-COUNT){1'b0}}, write_data[b*COUNT +: COUNT]} << write_address[WORD_BITS-1:0];
            plane = plane & written;
            low[b*WORD +: WORD] = plane[WORD-1:0];
            high[b*WORD +: WORD] = plane[2*WORD-1:WORD];
        end
        low_lines = {BITS{written[WORD-1:0]}};
        high_lines = {BITS{written[2*WORD-1:WORD]}};
    end

    wire [WIDTH-1:0] even_data = write_odd ? high : low;
    wire [WIDTH-1:0] even_lines = write_odd ? high_lines : low_lines;
    wire [WIDTH-1:0] odd_data = write_odd ? low : high;
    wire [WIDTH-1:0] odd_lines = write_odd ? low_lines : high_lines;

    // A read takes a word of each bank, and what lies below the address comes from the later one.
    wire [INDEX_BITS-1:0] read_word = read_address[ADDRESS_BITS-1:WORD_BITS];
    wire [EVEN_BITS-1:0]  read_even_row;
    wire [ODD_BITS-1:0]   read_odd_row;
    reg  [WIDTH-1:0]      read_even, read_odd;
    reg  [WORD_BITS-1:0]  place;
    reg                   starts_odd;
    reg  [WIDTH-1:0]      later;                             // places below the address

    always @(place) later = {BITS{~({WORD{1'b1}} << place)}};
    always @(read_even or read_odd or later or starts_odd)
        if (starts_odd) read_data = (read_odd & ~later) | (read_even & later);
        else read_data = (read_even & ~later) | (read_odd & later);

    always @(posedge clk) begin
        if (write) begin
            if (even_lines != {WIDTH{1'b0}})
                even[write_even_row] <= (even[write_even_row] & ~even_lines) | even_data;
            if (odd_lines != {WIDTH{1'b0}})
                odd[write_odd_row] <= (odd[write_odd_row] & ~odd_lines) | odd_data;
        end
        if (read) begin
            read_even <= even[read_even_row];
            read_odd <= odd[read_odd_row];
            place <= read_address[WORD_BITS-1:0];
            starts_odd <= read_word[0];
        end
    end

    // Rows of the banks. Past the last word they wrap around; nothing is written there, and what is read is not used.
    /* verilator lint_off UNUSEDSIGNAL */ // a bank may need fewer bits than its memory's words
    wire [INDEX_BITS-1:0] write_half = write_word >> 1;
    wire [INDEX_BITS-1:0] write_next = (write_word + 1'b1) >> 1;
    wire [INDEX_BITS-1:0] read_half = read_word >> 1;
    wire [INDEX_BITS-1:0] read_next = (read_word + 1'b1) >> 1;
    /* verilator lint_on UNUSEDSIGNAL */
    assign write_even_row = write_next[EVEN_BITS-1:0];
    assign write_odd_row = write_half[ODD_BITS-1:0];
    assign read_even_row = read_next[EVEN_BITS-1:0];
    assign read_odd_row = read_half[ODD_BITS-1:0];

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (WORD != 1 << WORD_BITS || COUNT > WORD) begin : g_illegal_0
            WORD_must_be_2_to_WORD_BITS_and_hold_COUNT illegal ();
        end
        if (DEPTH * WORD > 1 << ADDRESS_BITS || DEPTH < 2) begin : g_illegal_1
            ADDRESS_BITS_must_address_DEPTH_words illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
