// xb_chip - bus, registers, image loader and core; the generated top adds the array macros.
//
// APB4 slave for firmware, AXI4-Stream in and out, one interrupt. rst is synchronous, active high; one
// clock of it is enough and clears everything but memories and cells.
// Python twin: codesign.program.Program
`default_nettype none
`include "xb_layout.vh"
module xb_chip #(
    parameter [31:0] VERSION = 32'h20001,
    parameter [31:0] CHIP_ID = 32'd0,
    parameter ARRAYS = 6,
    parameter ROWS = 16,
    parameter WORD = 16,
    parameter LANES = 4,
    parameter GROUPS = 2,
    parameter ADC_BITS = 6,
    parameter BITS = 8,
    parameter STREAM_BYTES = 4,
    parameter INPUT_WORDS = 8,
    parameter ACTIVATION_WORDS = 8,
    parameter STEPS = 16,
    parameter LOADS = 64,
    parameter TILES = 32,
    parameter CONSTANTS = 64,
    parameter WALKS = 16,
    parameter OPERANDS = 32,        // lane groups of operands that may wait
    parameter POOLS = 64,           // column groups of a pooling window
    parameter CELL_WORDS = 16,      // words that program one array's cells
    parameter TRIM_WORDS = 8,       // words of one array's converter offsets
    parameter WRITE_BITS = 20
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             psel,
    input  wire                             penable,
    input  wire                             pwrite,
    input  wire [11:0]                      paddr,
    input  wire [31:0]                      pwdata,
    input  wire [3:0]                       pstrb,
    output wire                             pready,
    output wire [31:0]                      prdata,
    output wire                             pslverr,
    output wire                             irq,
    input  wire                             s_axis_tvalid,
    output wire                             s_axis_tready,
    input  wire [STREAM_BYTES*8-1:0]        s_axis_tdata,
    input  wire [STREAM_BYTES-1:0]          s_axis_tkeep,
    input  wire                             s_axis_tlast,
    output wire                             m_axis_tvalid,
    input  wire                             m_axis_tready,
    output wire [31:0]                      m_axis_tdata,
    output wire                             m_axis_tlast,
    output wire [ARRAYS*ROWS-1:0]           wordline,
    output wire [ARRAYS-1:0]                evaluate,
    output wire [ARRAYS-1:0]                convert,
    output wire [(GROUPS > 1 ? $clog2(GROUPS) : 1)-1:0] group,
    output wire [7:0]                       gain,
    output wire [3:0]                       shift,
    input  wire [ARRAYS*LANES*ADC_BITS-1:0] code,
    output wire [ARRAYS-1:0]                cell_write,
    output wire [ARRAYS-1:0]                trim_write,
    output wire [WRITE_BITS-1:0]            write_address,
    output wire [31:0]                      write_data
);
    localparam MASK_WORDS = (ARRAYS + 31) / 32;
    localparam STEP_WORDS = STEPS << `XB_STEP_LOG2(MASK_WORDS);
    localparam LOAD_WORDS = LOADS << `XB_LOAD_LOG2(MASK_WORDS);
    localparam TILE_WORDS = TILES << `XB_TILE_LOG2;
    localparam CONSTANT_WORDS = CONSTANTS << `XB_CONSTANT_LOG2(LANES);
    localparam WALK_WORDS = WALKS << `XB_WALK_LOG2;

    wire        image_valid, image_clear, run, image_begins, frame_error;
    wire [31:0] image_data, image_crc, activation_data;
    wire [23:0] activation_address;
    wire [1:0]  image_state;
    wire [3:0]  image_reason;
    wire        write_steps, write_loads, write_tiles, write_constants, write_walks;
    wire [15:0] program_steps, program_beats;

    wire        access, write, refused;
    wire [11:0] address;
    wire [31:0] data, read_data;
    wire [3:0]  strobes;

    xb_apb u_apb (
        .psel(psel), .penable(penable), .pwrite(pwrite), .paddr(paddr), .pwdata(pwdata), .pstrb(pstrb),
        .pready(pready), .prdata(prdata), .pslverr(pslverr),
        .access(access), .write(write), .address(address), .data(data), .strobes(strobes),
        .read_data(read_data), .refused(refused));
    xb_registers #(.VERSION(VERSION), .CHIP_ID(CHIP_ID), .PEEK(WORD < 4 ? WORD : 4)) u_registers (
        .clk(clk), .rst(rst),
        .access(access), .write(write), .address(address), .data(data), .strobes(strobes),
        .read_data(read_data), .refused(refused), .irq(irq),
        .image_valid(image_valid), .image_data(image_data), .image_clear(image_clear),
        .image_state(image_state), .image_reason(image_reason), .image_crc(image_crc),
        .run(run), .activation_address(activation_address), .activation_data(activation_data),
        .frame_error(frame_error), .image_begins(image_begins),
        .image_done(m_axis_tvalid && m_axis_tready && m_axis_tlast));
    xb_loader #(
        .CHIP_ID(CHIP_ID), .FORMAT(VERSION), .ARRAYS(ARRAYS), .CELL_WORDS(CELL_WORDS), .TRIM_WORDS(TRIM_WORDS),
        .STEP_WORDS(STEP_WORDS), .LOAD_WORDS(LOAD_WORDS), .TILE_WORDS(TILE_WORDS), .CONSTANT_WORDS(CONSTANT_WORDS),
        .WALK_WORDS(WALK_WORDS), .WRITE_BITS(WRITE_BITS)
    ) u_loader (
        .clk(clk), .rst(rst), .clear(image_clear), .s_valid(image_valid), .s_data(image_data),
        .write_steps(write_steps), .write_loads(write_loads), .write_tiles(write_tiles),
        .write_constants(write_constants), .write_walks(write_walks), .write_cells(cell_write),
        .write_trims(trim_write),
        .write_address(write_address), .write_data(write_data),
        .program_steps(program_steps), .program_beats(program_beats),
        .state(image_state), .reason(image_reason), .image_crc(image_crc));
    xb_core #(
        .ARRAYS(ARRAYS), .ROWS(ROWS), .WORD(WORD), .LANES(LANES), .GROUPS(GROUPS), .ADC_BITS(ADC_BITS), .BITS(BITS),
        .STREAM_BYTES(STREAM_BYTES), .INPUT_WORDS(INPUT_WORDS), .ACTIVATION_WORDS(ACTIVATION_WORDS),
        .STEPS(STEPS), .LOADS(LOADS), .TILES(TILES), .CONSTANTS(CONSTANTS), .WALKS(WALKS),
        .OPERANDS(OPERANDS), .POOLS(POOLS), .WRITE_BITS(WRITE_BITS)
    ) u_core (
        .clk(clk), .run(run && !rst), .program_steps(program_steps), .program_beats(program_beats),
        .write_steps(write_steps), .write_loads(write_loads), .write_tiles(write_tiles),
        .write_constants(write_constants), .write_walks(write_walks), .write_address(write_address),
        .write_data(write_data),
        .s_valid(s_axis_tvalid), .s_ready(s_axis_tready), .s_data(s_axis_tdata), .s_keep(s_axis_tkeep),
        .s_last(s_axis_tlast),
        .m_valid(m_axis_tvalid), .m_ready(m_axis_tready), .m_data(m_axis_tdata), .m_last(m_axis_tlast),
        .wordline(wordline), .evaluate(evaluate), .convert(convert), .group(group),
        .gain(gain), .shift(shift), .code(code),
        .image_begins(image_begins), .frame_error(frame_error),
        .peek_address(activation_address), .peek_data(activation_data));
endmodule
`default_nettype wire
