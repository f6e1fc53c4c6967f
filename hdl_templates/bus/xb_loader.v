// xb_loader - take a programming image word by word, check it, and write it where it belongs.
//
// One word per cycle, always ready. The image is (see docs/image.md):
//   magic, format, chip id, section count, CRC of these four;
//   per section: {kind, 8'd0, index}, first address, length, payload, CRC of all of these;
//   CRC of every earlier word except the CRCs (with them, it would be the same for every image).
// Payload words appear on write_* one cycle after they are taken. `state` becomes OK only after the
// last CRC matches; the first fault sets BAD with its reason, and further words are dropped until
// `clear`. After OK the next word starts another image. rst and clear reset the state and the macro
// pins, not the memories.
// Python twin: codesign.image.words.parse
`default_nettype none
`include "xb_layout.vh"
module xb_loader #(
    parameter [31:0] CHIP_ID = 32'd0,     // identity an image must carry
    parameter [31:0] FORMAT = 32'h20001,  // latest image format: takes its major, and no later minor
    parameter ARRAYS = 6,                 // arrays on the chip
    parameter CELL_WORDS = 16,            // words that program one array's cells
    parameter TRIM_WORDS = 8,             // words of one array's converter offsets
    parameter STEP_WORDS = 128,           // words of each table
    parameter LOAD_WORDS = 128,
    parameter TILE_WORDS = 64,
    parameter CONSTANT_WORDS = 512,
    parameter WALK_WORDS = 256,
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
    output reg                   write_walks,
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
    // Which word of the image comes next.
    localparam [3:0] AT_MAGIC = 4'd0, AT_FORMAT = 4'd1, AT_CHIP = 4'd2, AT_COUNT = 4'd3, AT_HEADER_CRC = 4'd4,
                     AT_TARGET = 4'd5, AT_FIRST = 4'd6, AT_LENGTH = 4'd7, AT_PAYLOAD = 4'd8, AT_SECTION_CRC = 4'd9,
                     AT_IMAGE_CRC = 4'd10;

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
    wire        of_array = kind == `XB_KIND_CELLS || kind == `XB_KIND_TRIMS;  // the section belongs to one
    wire        fresh = word == AT_MAGIC || word == AT_TARGET;

    xb_crc32 u_image_crc (
        .crc_in(word == AT_MAGIC ? 32'hffffffff : image_sum), .data(s_data), .crc_out(image_next));
    xb_crc32 u_section_crc (
        .crc_in(fresh ? 32'hffffffff : section_sum), .data(s_data), .crc_out(section_next));

    always @* begin
        case (kind)
            `XB_KIND_PROGRAM:   limit = `XB_PROGRAM_WORDS;
            `XB_KIND_STEPS:     limit = STEP_WORDS;
            `XB_KIND_LOADS:     limit = LOAD_WORDS;
            `XB_KIND_TILES:     limit = TILE_WORDS;
            `XB_KIND_CONSTANTS: limit = CONSTANT_WORDS;
            `XB_KIND_CELLS:     limit = CELL_WORDS;
            `XB_KIND_TRIMS:     limit = TRIM_WORDS;
            `XB_KIND_WALKS:     limit = WALK_WORDS;
            default:   limit = 32'd0;
        endcase
    end

    always @(posedge clk) begin
        write_steps <= 1'b0;
        write_loads <= 1'b0;
        write_tiles <= 1'b0;
        write_constants <= 1'b0;
        write_walks <= 1'b0;
        write_cells <= {ARRAYS{1'b0}};
        write_trims <= {ARRAYS{1'b0}};
        if (s_valid && state != `XB_STATE_BAD) begin
            state <= `XB_STATE_LOADING;
            if (word != AT_HEADER_CRC && word != AT_SECTION_CRC) image_sum <= image_next;
            section_sum <= section_next;
            case (word)
                AT_MAGIC: begin
                    word <= AT_FORMAT;
                    image_crc <= 32'd0;
                    has_program <= 1'b0;
                    if (s_data != `XB_MAGIC) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_BAD_MAGIC; end
                end
                AT_FORMAT: begin
                    word <= AT_CHIP;
                    if (s_data < {FORMAT[31:16], 16'd0} || s_data > FORMAT) begin
                        state <= `XB_STATE_BAD;
                        reason <= `XB_REASON_BAD_FORMAT;
                    end
                end
                AT_CHIP: begin
                    word <= AT_COUNT;
                    if (s_data != CHIP_ID) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_BAD_CHIP; end
                end
                AT_COUNT: begin
                    word <= AT_HEADER_CRC;
                    sections <= s_data;
                end
                AT_HEADER_CRC: begin
                    word <= sections == 32'd0 ? AT_IMAGE_CRC : AT_TARGET;
                    if (s_data != ~section_sum) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_BAD_HEADER; end
                end
                AT_TARGET: begin
                    word <= AT_FIRST;
                    kind <= s_data[`XB_SECTION_KIND];
                    index <= s_data[`XB_SECTION_INDEX];
                    if ((s_data & ~`XB_SECTION_USED_0) != 32'd0) begin
                        state <= `XB_STATE_BAD;
                        reason <= `XB_REASON_BAD_SECTION;
                    end
                end
                AT_FIRST: begin
                    word <= AT_LENGTH;
                    address <= s_data;
                    if (s_data >= limit || {16'd0, index} >= (of_array ? ARRAYS : 1)) begin
                        state <= `XB_STATE_BAD;
                        reason <= `XB_REASON_BAD_SECTION;
                    end
                end
                AT_LENGTH: begin
                    word <= AT_PAYLOAD;
                    left <= s_data;
                    if (s_data == 32'd0 || s_data > limit - address
                        || (kind == `XB_KIND_PROGRAM && s_data != limit)) begin
                        state <= `XB_STATE_BAD;
                        reason <= `XB_REASON_BAD_SECTION;
                    end
                end
                AT_PAYLOAD: begin
                    if (left == 32'd1) word <= AT_SECTION_CRC;
                    left <= left - 32'd1;
                    address <= address + 32'd1;
                    write_address <= address[WRITE_BITS-1:0];
                    write_data <= s_data;
                    write_steps <= kind == `XB_KIND_STEPS;
                    write_loads <= kind == `XB_KIND_LOADS;
                    write_tiles <= kind == `XB_KIND_TILES;
                    write_constants <= kind == `XB_KIND_CONSTANTS;
                    write_walks <= kind == `XB_KIND_WALKS;
                    if (kind == `XB_KIND_CELLS) write_cells <= {{(ARRAYS-1){1'b0}}, 1'b1} << index;
                    if (kind == `XB_KIND_TRIMS) write_trims <= {{(ARRAYS-1){1'b0}}, 1'b1} << index;
                    if (kind == `XB_KIND_PROGRAM) begin
                        has_program <= 1'b1;
                        if (address == `XB_PROGRAM_STEPS_WORD) program_steps <= s_data[`XB_PROGRAM_STEPS];
                        if (address == `XB_PROGRAM_BEATS_WORD) program_beats <= s_data[`XB_PROGRAM_BEATS];
                    end
                end
                AT_SECTION_CRC: begin
                    word <= sections == 32'd1 ? AT_IMAGE_CRC : AT_TARGET;
                    sections <= sections - 32'd1;
                    if (s_data != ~section_sum) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_BAD_SECTION_CRC; end
                end
                default: begin // AT_IMAGE_CRC
                    word <= AT_MAGIC;
                    if (s_data != ~image_sum) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_BAD_IMAGE_CRC; end
                    else if (!has_program) begin state <= `XB_STATE_BAD; reason <= `XB_REASON_NO_PROGRAM; end
                    else begin state <= `XB_STATE_OK; image_crc <= s_data; end
                end
            endcase
        end
        if (rst || clear) begin
            state <= `XB_STATE_EMPTY;
            reason <= `XB_REASON_NONE;
            word <= AT_MAGIC;
            image_crc <= 32'd0;
            write_address <= {WRITE_BITS{1'b0}};
            write_data <= 32'd0;
        end
    end

    // Parameters that cannot work: a module that does not exist stops every tool.
    localparam REACH = 1 << WRITE_BITS;

    generate
        if (STEP_WORDS > REACH || LOAD_WORDS > REACH || TILE_WORDS > REACH || CONSTANT_WORDS > REACH
            || WALK_WORDS > REACH || CELL_WORDS > REACH || TRIM_WORDS > REACH) begin : g_illegal
            WRITE_BITS_must_address_every_memory illegal ();
        end
    endgenerate
endmodule
`default_nettype wire
