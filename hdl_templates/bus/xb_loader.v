// xb_loader - take a programming image word by word, check it, and write it where it belongs.
//
// One word per cycle, always ready. The image is (see docs/image.md):
//   magic, format, chip id, section count, CRC of these four;
//   per section: {kind, 8'd0, index}, first address, length, payload, CRC of all of these;
//   CRC of every word before but the CRCs, so that it tells images apart.
// Payload words appear on write_* one cycle after they are taken. `state` becomes OK only after the
// last CRC matched; the first fault sets BAD with its reason, and further words are dropped until
// `clear`. After OK the next word starts another image. rst and clear empty the state
// and what macros see, not the memories.
// Python twin: codesign.image.words
`default_nettype none
module xb_loader #(
    parameter [31:0] CHIP_ID = 32'd0,     // identity an image must carry
    parameter [31:0] FORMAT = 32'h10000,  // image format version
    parameter ARRAYS = 6,                 // arrays on the chip
    parameter CELL_WORDS = 16,            // words that program one array's cells
    parameter TRIM_WORDS = 9,             // words of one array's range trim
    parameter STEP_WORDS = 128,           // words of each table
    parameter LOAD_WORDS = 128,
    parameter TILE_WORDS = 64,
    parameter CONSTANT_WORDS = 512,
    parameter WRITE_BITS = 20             // bits of a word address
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  clear,
    input  wire                  s_valid,
    input  wire [31:0]           s_data,
    output reg                   write_steps,
    output reg                   write_loads,
    output reg                   write_tiles,
    output reg                   write_constants,
    output reg  [ARRAYS-1:0]     write_cells,
    output reg  [ARRAYS-1:0]     write_trims,
    output reg  [WRITE_BITS-1:0] write_address,
    output reg  [31:0]           write_data,
    output reg  [15:0]           program_steps,  // steps of the loaded program
    output reg  [15:0]           program_beats,  // input beats of one image
    output reg  [1:0]            state,          // EMPTY, LOADING, OK, BAD
    output reg  [3:0]            reason,         // why BAD
    output reg  [31:0]           image_crc       // last word of a good image, else 0
);
    localparam [1:0] EMPTY = 2'd0, LOADING = 2'd1, OK = 2'd2, BAD = 2'd3;
    localparam [3:0] BAD_MAGIC = 4'd1, BAD_FORMAT = 4'd2, BAD_CHIP = 4'd3, BAD_HEADER = 4'd4,
                     BAD_SECTION = 4'd5, BAD_SECTION_CRC = 4'd6, BAD_IMAGE_CRC = 4'd7, NO_PROGRAM = 4'd8;
    localparam [3:0] MAGIC = 4'd0, VERSION = 4'd1, CHIP = 4'd2, COUNT = 4'd3, HEADER_CRC = 4'd4,
                     TARGET = 4'd5, FIRST = 4'd6, LENGTH = 4'd7, PAYLOAD = 4'd8, SECTION_CRC = 4'd9, IMAGE_CRC = 4'd10;
    localparam [7:0] PROGRAM = 8'd1, STEPS = 8'd2, LOADS = 8'd3, TILES = 8'd4, CONSTANTS = 8'd5,
                     CELLS = 8'd6, TRIMS = 8'd7;
    localparam PROGRAM_WORDS = 2;

    reg [3:0]  word;      // which word of the image comes next
    reg [31:0] sections;  // still to come
    reg [31:0] left;      // payload words still to come
    reg [31:0] address;
    reg [7:0]  kind;
    reg [15:0] index;
    reg        has_program;
    reg [31:0] image_sum;
    reg [31:0] section_sum;
    reg [31:0] limit;     // words the section's target holds

    wire [31:0] image_next, section_next;
    wire        fresh = word == MAGIC || word == TARGET;

    xb_crc32 u_image_crc (
        .crc_in(word == MAGIC ? 32'hffffffff : image_sum), .data(s_data), .crc_out(image_next));
    xb_crc32 u_section_crc (
        .crc_in(fresh ? 32'hffffffff : section_sum), .data(s_data), .crc_out(section_next));

    always @* begin
        case (kind)
            PROGRAM:   limit = PROGRAM_WORDS;
            STEPS:     limit = STEP_WORDS;
            LOADS:     limit = LOAD_WORDS;
            TILES:     limit = TILE_WORDS;
            CONSTANTS: limit = CONSTANT_WORDS;
            CELLS:     limit = CELL_WORDS;
            TRIMS:     limit = TRIM_WORDS;
            default:   limit = 32'd0;
        endcase
    end

    always @(posedge clk) begin
        write_steps <= 1'b0;
        write_loads <= 1'b0;
        write_tiles <= 1'b0;
        write_constants <= 1'b0;
        write_cells <= {ARRAYS{1'b0}};
        write_trims <= {ARRAYS{1'b0}};
        if (s_valid && state != BAD) begin
            state <= LOADING;
            if (word != HEADER_CRC && word != SECTION_CRC) image_sum <= image_next;
            section_sum <= section_next;
            case (word)
                MAGIC: begin
                    word <= VERSION;
                    image_crc <= 32'd0;
                    has_program <= 1'b0;
                    if (s_data != 32'h4d494258) begin state <= BAD; reason <= BAD_MAGIC; end
                end
                VERSION: begin
                    word <= CHIP;
                    if (s_data != FORMAT) begin state <= BAD; reason <= BAD_FORMAT; end
                end
                CHIP: begin
                    word <= COUNT;
                    if (s_data != CHIP_ID) begin state <= BAD; reason <= BAD_CHIP; end
                end
                COUNT: begin
                    word <= HEADER_CRC;
                    sections <= s_data;
                end
                HEADER_CRC: begin
                    word <= sections == 32'd0 ? IMAGE_CRC : TARGET;
                    if (s_data != ~section_sum) begin state <= BAD; reason <= BAD_HEADER; end
                end
                TARGET: begin
                    word <= FIRST;
                    kind <= s_data[31:24];
                    index <= s_data[15:0];
                    if (s_data[23:16] != 8'd0) begin state <= BAD; reason <= BAD_SECTION; end
                end
                FIRST: begin
                    word <= LENGTH;
                    address <= s_data;
                    if (s_data >= limit || {16'd0, index} >= ((kind == CELLS || kind == TRIMS) ? ARRAYS : 1)) begin
                        state <= BAD; reason <= BAD_SECTION;
                    end
                end
                LENGTH: begin
                    word <= PAYLOAD;
                    left <= s_data;
                    if (s_data == 32'd0 || s_data > limit - address || (kind == PROGRAM && s_data != limit)) begin
                        state <= BAD;
                        reason <= BAD_SECTION;
                    end
                end
                PAYLOAD: begin
                    if (left == 32'd1) word <= SECTION_CRC;
                    left <= left - 32'd1;
                    address <= address + 32'd1;
                    write_address <= address[WRITE_BITS-1:0];
                    write_data <= s_data;
                    write_steps <= kind == STEPS;
                    write_loads <= kind == LOADS;
                    write_tiles <= kind == TILES;
                    write_constants <= kind == CONSTANTS;
                    if (kind == CELLS) write_cells <= {{(ARRAYS-1){1'b0}}, 1'b1} << index;
                    if (kind == TRIMS) write_trims <= {{(ARRAYS-1){1'b0}}, 1'b1} << index;
                    if (kind == PROGRAM) begin
                        has_program <= 1'b1;
                        if (address == 32'd0) program_steps <= s_data[15:0];
                        else program_beats <= s_data[15:0];
                    end
                end
                SECTION_CRC: begin
                    word <= sections == 32'd1 ? IMAGE_CRC : TARGET;
                    sections <= sections - 32'd1;
                    if (s_data != ~section_sum) begin state <= BAD; reason <= BAD_SECTION_CRC; end
                end
                default: begin // IMAGE_CRC
                    word <= MAGIC;
                    if (s_data != ~image_sum) begin state <= BAD; reason <= BAD_IMAGE_CRC; end
                    else if (!has_program) begin state <= BAD; reason <= NO_PROGRAM; end
                    else begin state <= OK; image_crc <= s_data; end
                end
            endcase
        end
        if (rst || clear) begin
            state <= EMPTY;
            reason <= 4'd0;
            word <= MAGIC;
            image_crc <= 32'd0;
            write_address <= {WRITE_BITS{1'b0}};
            write_data <= 32'd0;
        end
    end

    // Parameters that cannot work: a module that does not exist stops every tool.
    localparam REACH = 1 << WRITE_BITS;

    generate
        if (STEP_WORDS > REACH || LOAD_WORDS > REACH || TILE_WORDS > REACH || CONSTANT_WORDS > REACH
            || CELL_WORDS > REACH || TRIM_WORDS > REACH) begin : g_illegal
            WRITE_BITS_must_address_every_memory illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
