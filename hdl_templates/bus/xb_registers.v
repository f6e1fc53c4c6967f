// xb_registers - the register file behind any bus: identity, control, status, interrupt, image port.
//
// An access takes one cycle and is answered in it. Offsets and bits are generated from codesign.chip. It
// refuses an unknown or unaligned address, a write to a read-only register, a write with strobes missing,
// and an image word while enabled. image_valid is high for one cycle with each image word. read_data and refused depend
// combinationally on the access. rst clears everything.
// Python twin: codesign.chip.registers.REGISTERS
`default_nettype none
`include "xb_layout.vh"
module xb_registers #(
    parameter [31:0] VERSION = 32'h10000, // register map and image format
    parameter [31:0] CHIP_ID = 32'd0
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        access,
    input  wire        write,
    input  wire [11:0] address,
    input  wire [31:0] data,
    input  wire [3:0]  strobes,
    output reg  [31:0] read_data,
    output wire        refused,
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

    reg        enable;
    reg        no_image;        // enabled without a good image
    reg        bad_frame;
    reg        frame_error_q;
    reg        done_pending, error_pending;
    reg        done_enabled, error_enabled;
    reg [31:0] images;
    reg        known, writable;

    wire good = image_state == `XB_STATE_OK;
    wire bad_write = write && (!writable || strobes != 4'hf || (address == ADDR_IMAGE_DATA && enable));
    wire taken = access && write && !refused;
    wire control = taken && address == ADDR_CONTROL;
    wire set = data[`XB_CONTROL_ENABLE];
    wire clear = data[`XB_CONTROL_CLEAR];

    assign refused = !known || bad_write;
    assign irq = (done_pending && done_enabled) || (error_pending && error_enabled);
    assign image_valid = taken && address == ADDR_IMAGE_DATA;
    assign image_data = data;
    assign image_clear = control && clear;
    assign run = enable && good;

    always @* begin
        known = 1'b1;
        writable = 1'b0;
        read_data = 32'd0;
        case (address)
            ADDR_ID:           read_data = ID_VALUE;
            ADDR_VERSION:      read_data = VERSION;
            ADDR_CHIP_ID:      read_data = CHIP_ID;
            ADDR_STATUS: begin
                read_data[`XB_STATUS_IMAGE_STATE] = image_state;
                read_data[`XB_STATUS_RUNNING] = run;
                read_data[`XB_STATUS_NO_IMAGE] = no_image;
                read_data[`XB_STATUS_BAD_FRAME] = bad_frame;
                read_data[`XB_STATUS_IMAGE_REASON] = image_reason;
            end
            ADDR_IMAGE_CRC:    read_data = image_crc;
            ADDR_CONTROL: begin
                writable = 1'b1;
                read_data[`XB_CONTROL_ENABLE] = enable;
            end
            ADDR_IRQ_STATUS: begin
                writable = 1'b1;
                read_data[`XB_IRQ_STATUS_DONE] = done_pending;
                read_data[`XB_IRQ_STATUS_ERROR] = error_pending;
            end
            ADDR_IRQ_ENABLE: begin
                writable = 1'b1;
                read_data[`XB_IRQ_ENABLE_DONE] = done_enabled;
                read_data[`XB_IRQ_ENABLE_ERROR] = error_enabled;
            end
            ADDR_IMAGES:       read_data = images;
            ADDR_IMAGE_DATA:   writable = 1'b1;
            default:           known = 1'b0;
        endcase
    end

    always @(posedge clk) begin
        frame_error_q <= frame_error;
        if (taken && address == ADDR_IRQ_STATUS) begin
            if (data[`XB_IRQ_STATUS_DONE]) done_pending <= 1'b0;
            if (data[`XB_IRQ_STATUS_ERROR]) error_pending <= 1'b0;
        end
        if (taken && address == ADDR_IRQ_ENABLE) begin
            done_enabled <= data[`XB_IRQ_ENABLE_DONE];
            error_enabled <= data[`XB_IRQ_ENABLE_ERROR];
        end
        if (image_done) begin
            done_pending <= 1'b1;
            images <= images + 32'd1;
        end
        if (run && frame_error && !frame_error_q) begin  // a beat taken with the disabling write is dropped
            error_pending <= 1'b1;
            bad_frame <= 1'b1;
        end
        if (control) begin
            enable <= set && good && !clear;
            no_image <= set && !(good && !clear);
            if (!enable || !set || clear) bad_frame <= 1'b0;  // a bad frame stays until disabled
            if (set && !(good && !clear)) error_pending <= 1'b1;
            if (set && !enable) images <= 32'd0;
        end
        if (rst) begin
            enable <= 1'b0;
            no_image <= 1'b0;
            bad_frame <= 1'b0;
            frame_error_q <= 1'b0;
            done_pending <= 1'b0;
            error_pending <= 1'b0;
            done_enabled <= 1'b0;
            error_enabled <= 1'b0;
            images <= 32'd0;
        end
    end
endmodule
`default_nettype wire
