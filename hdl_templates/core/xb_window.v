// xb_window - turn a run of activations from its place in a memory word to its wordlines.
//
// Combinational. Place p of the word goes to every wordline w with (w + turn) modulo WORD = p, so that an activation of
// address a that belongs on wordline w needs turn = a - w modulo WORD. m_lines marks wordlines first..first+last.
// Wordlines outside real_first..real_end-1, which must lie among those, are 0 in m_data, whatever s_data holds there.
// Data are bit planes: bit b of place p at [b*WORD + p], of wordline w at [b*ROWS + w].
// Python twin: codesign.mapping.loads.window
`default_nettype none
module xb_window #(
    parameter WORD = 16,       // activations of a word, a power of two
    parameter WORD_BITS = 4,   // log2 of WORD
    parameter ROWS = 16,       // wordlines
    parameter BITS = 8         // bits of an activation
) (
    input  wire [WORD*BITS-1:0] s_data,
    input  wire [WORD_BITS-1:0] turn,
    input  wire [9:0]           first,       // wordline of the run's first activation
    input  wire [9:0]           last,        // its number of activations - 1
    input  wire [9:0]           real_first,  // wordline of the first one inside the picture
    input  wire [10:0]          real_end,    // wordline behind the last one; 0: none
    output reg  [ROWS*BITS-1:0] m_data,
    output reg  [ROWS-1:0]      m_lines
);
    localparam TURNS = (ROWS + WORD - 1) / WORD;

    integer               b;
    reg  [ROWS-1:0]       real_lines;
    /* verilator lint_off UNUSEDSIGNAL */ // half of a doubled word is left; a last turn may reach past the wordlines
    reg  [2*WORD-1:0]     plane;
    reg  [TURNS*WORD-1:0] all;
    /* verilator lint_on UNUSEDSIGNAL */

    wire [ROWS-1:0] ones = {ROWS{1'b1}};

    always @(ones or first or last) m_lines = ~(ones << last << 1) << first;
    always @(ones or real_first or real_end) real_lines = (ones << real_first) & ~(ones << real_end);

    always @(s_data or turn or real_lines)
        for (b = 0; b < BITS; b = b + 1) begin
            plane = {2{s_data[b*WORD +: WORD]}} >> turn;
            all = {TURNS{plane[WORD-1:0]}};
            m_data[b*ROWS +: ROWS] = all[ROWS-1:0] & real_lines;
        end

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (WORD != 1 << WORD_BITS) begin : g_illegal
            WORD_must_be_2_to_WORD_BITS illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
