// xb_registers - APB4 slave: identity, control, status, interrupt, image port.
//
// No wait states. Offsets come from xb_registers.vh, made from codesign.chip.registers. PSLVERR: unknown
// or unaligned address, write to a read-only register, write with strobes missing, image word while
// enabled. image_valid is high for one cycle with each image word. rst clears everything.
// Python twin: codesign.chip.registers
`default_nettype none
module xb_registers #(
    parameter [31:0] VERSION = 32'h10000, // register map and image format
    parameter [31:0] CHIP_ID = 32'd0
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        psel,
    input  wire        penable,
    input  wire        pwrite,
    input  wire [11:0] paddr,
    input  wire [31:0] pwdata,
    input  wire [3:0]  pstrb,
    output wire        pready,
    output reg  [31:0] prdata,
    output wire        pslverr,
    output wire        irq,
    output wire        image_valid,
    output wire [31:0] image_data,
    output wire        image_clear,
    input  wire [1:0]  image_state,
    input  wire [3:0]  image_reason,
    input  wire [31:0] image_crc,
    output wire        run,
    input  wire        frame_error,
    input  wire        image_done       // the last output word of an image left
);
`include "xb_registers.vh"

    localparam [1:0] IMAGE_OK = 2'd2;

    reg        enable;
    reg        no_image;        // enabled without a good image
    reg        bad_frame;
    reg        frame_error_q;
    reg [1:0]  irq_status;      // {error, done}
    reg [1:0]  irq_enable;
    reg [31:0] images;
    reg        known, writable;

    wire access = psel && penable;
    wire write = access && pwrite && !pslverr;
    wire good = image_state == IMAGE_OK;
    wire bad_write = pwrite && (!writable || pstrb != 4'hf || (paddr == ADDR_IMAGE_DATA && enable));

    assign pready = 1'b1;
    assign pslverr = access && (!known || bad_write);
    assign irq = |(irq_status & irq_enable);
    assign image_valid = write && paddr == ADDR_IMAGE_DATA;
    assign image_data = pwdata;
    assign image_clear = write && paddr == ADDR_CONTROL && pwdata[1];
    assign run = enable && good;

    always @* begin
        known = 1'b1;
        writable = 1'b0;
        prdata = 32'd0;
        case (paddr)
            ADDR_ID:           prdata = ID_VALUE;
            ADDR_VERSION:      prdata = VERSION;
            ADDR_CHIP_ID:      prdata = CHIP_ID;
            ADDR_STATUS:       prdata = {20'd0, image_reason, 2'd0, bad_frame, no_image, run, 1'b0, image_state};
            ADDR_IMAGE_CRC:    prdata = image_crc;
            ADDR_CONTROL:      begin writable = 1'b1; prdata = {31'd0, enable}; end
            ADDR_IRQ_STATUS:   begin writable = 1'b1; prdata = {30'd0, irq_status}; end
            ADDR_IRQ_ENABLE:   begin writable = 1'b1; prdata = {30'd0, irq_enable}; end
            ADDR_IMAGES:       prdata = images;
            ADDR_IMAGE_DATA:   writable = 1'b1;
            default:           known = 1'b0;
        endcase
    end

    always @(posedge clk) begin
        frame_error_q <= frame_error;
        if (write && paddr == ADDR_IRQ_STATUS) irq_status <= irq_status & ~pwdata[1:0];
        if (write && paddr == ADDR_IRQ_ENABLE) irq_enable <= pwdata[1:0];
        if (image_done) begin
            irq_status[0] <= 1'b1;
            images <= images + 32'd1;
        end
        if (run && frame_error && !frame_error_q) begin  // a beat taken with the disabling write is dropped
            irq_status[1] <= 1'b1;
            bad_frame <= 1'b1;
        end
        if (write && paddr == ADDR_CONTROL) begin
            enable <= pwdata[0] && good && !pwdata[1];
            no_image <= pwdata[0] && !(good && !pwdata[1]);
            if (!enable || pwdata[1:0] != 2'b01) bad_frame <= 1'b0;  // a bad frame stays until disabled
            if (pwdata[0] && !(good && !pwdata[1])) irq_status[1] <= 1'b1;
            if (pwdata[0] && !enable) images <= 32'd0;
        end
        if (rst) begin
            enable <= 1'b0;
            no_image <= 1'b0;
            bad_frame <= 1'b0;
            frame_error_q <= 1'b0;
            irq_status <= 2'b00;
            irq_enable <= 2'b00;
            images <= 32'd0;
        end
    end
endmodule
`default_nettype wire
