// xb_planes - turn bytes into bit planes: bit b of byte u goes to [b*COUNT + u].
//
// Combinational, and wires only: all masks are constants. In log2(COUNT) steps instead of a bit at a time, which
// is what Icarus likes. Step k exchanges bits k and k+3 of every bit's number, which is u*8 + b at first; so u
// moves below b, and bit j of b ends at that of the three places above u whose number is j modulo 3.
// Python twin: codesign.fixed.bit_planes
`default_nettype none
module xb_planes #(
    parameter COUNT = 4,  // bytes
    parameter BITS = 8    // planes, 1..8; bits above are dropped
) (
    input  wire [COUNT*8-1:0]    bytes,
    output reg  [COUNT*BITS-1:0] planes
);
    localparam STEPS = $clog2(COUNT);
    localparam EACH = 1 << STEPS;  // bits of a plane, before those of missing bytes are left out
    localparam WIDTH = EACH * 8;

    // Bits that step k moves up (bit k of their number is 1 and bit k+3 is 0), or leaves (the two are equal).
    function [(STEPS+1)*WIDTH-1:0] chosen;
        input moved;
        integer k, n;
        begin
            chosen = {((STEPS+1)*WIDTH){1'b0}};
            for (k = 0; k < STEPS; k = k + 1)
                for (n = 0; n < WIDTH; n = n + 1)
                    chosen[k*WIDTH + n] = moved ? ((n >> k) & 9) == 1 : ((n >> k) & 9) == 0 || ((n >> k) & 9) == 9;
        end
    endfunction

    wire [(STEPS+1)*WIDTH-1:0] rises = chosen(1'b1);
    wire [(STEPS+1)*WIDTH-1:0] stays = chosen(1'b0);
    reg  [WIDTH-1:0]           all, mask;
    reg  [COUNT*BITS-1:0]      found;
    /* verilator lint_off UNUSEDSIGNAL */ // b turned by STEPS % 3 bits, and again above
    reg  [5:0]                 place;
    /* verilator lint_on UNUSEDSIGNAL */
    integer                    k, b;

    // Named sensitivity: @* would wake on every partial write of the temporaries.
    always @(bytes or rises or stays) begin
        all = {WIDTH{1'b0}};
        all[COUNT*8-1:0] = bytes;
        for (k = 0; k < STEPS; k = k + 1) begin
            mask = rises[k*WIDTH +: WIDTH];
            all = (all & stays[k*WIDTH +: WIDTH]) | ((all & mask) << (7 << k)) | ((all >> (7 << k)) & mask);
        end
        for (b = 0; b < BITS; b = b + 1) begin
            place = {b[2:0], b[2:0]} >> (STEPS % 3);
            found[b*COUNT +: COUNT] = all[place[2:0]*EACH +: COUNT];
        end
        planes = found;
    end
endmodule
`default_nettype wire
