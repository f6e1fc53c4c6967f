// xb_window - turn a run of activations from its place in a memory word to its wordlines.
//
// Combinational. Place p of the word goes to every wordline w with (w + turn) modulo WORD = p, so that an activation of
// address a that belongs on wordline w needs turn = a - w modulo WORD. Wordlines outside first..first+count-1 are 0 in
// m_data and in m_lines. Data are bit planes: bit b of place p at [b*WORD + p], of wordline w at [b*ROWS + w].
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
    input  wire [9:0]           first,  // wordline of the run's first activation
    input  wire [9:0]           last,   // its number of activations - 1
    output reg  [ROWS*BITS-1:0] m_data,
    output reg  [ROWS-1:0]      m_lines
);
    localparam TURNS = (ROWS + WORD - 1) / WORD;

    integer               b;
    /* verilator lint_off UNUSEDSIGNAL */ // half of a doubled word is left; a last turn may reach past the wordlines
    reg  [2*WORD-1:0]     plane;
    reg  [TURNS*WORD-1:0] all;
    /* verilator lint_on UNUSEDSIGNAL */

    always @(first or last) m_lines = ~({ROWS{1'b1}} << last << 1) << first;

    always @(s_data or turn or m_lines)
        for (b = 0; b < BITS; b = b + 1) begin
            plane = {2{s_data[b*WORD +: WORD]}} >> turn;
            all = {TURNS{plane[WORD-1:0]}};
            m_data[b*ROWS +: ROWS] = all[ROWS-1:0] & m_lines;
        end

    // Parameters that cannot work: a module that does not exist stops every tool.
    generate
        if (WORD != 1 << WORD_BITS) begin : g_illegal
            WORD_must_be_2_to_WORD_BITS illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
