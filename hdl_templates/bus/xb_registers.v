// xb_registers - the register file behind any bus: identity, control, status, interrupt, image port, activations.
//
// An access takes one cycle and is answered in it. Offsets and bits are generated from codesign.chip. It refuses an
// unknown or unaligned address, a write to a read-only register, a write with strobes missing and, while enabled, an
// image word and a look at the activation memory. image_valid is high for one cycle with each image word.
// activation_data must be that of activation_address of the cycle before, while run is low. read_data and refused
// depend combinationally on the access. rst clears everything.
// Python twin: codesign.chip.registers.REGISTERS
`default_nettype none
`include "xb_layout.vh"
module xb_registers #(
    parameter [31:0] VERSION = 32'h20001, // register map, and the latest image format
    parameter [31:0] CHIP_ID = 32'd0,
    parameter PEEK = 4                    // activations in activation_data, 1..4
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
    output reg  [23:0] activation_address,
    input  wire [31:0] activation_data,
    input  wire        frame_error,
    input  wire        image_begins,    // the first beat of an image is taken
    input  wire        image_done       // the last output word of an image left
);
`include "xb_registers.vh"

    reg        enable;
    reg        no_image;        // enabled without a good image
    reg        bad_frame;
    reg        frame_error_q;
    reg        done_pending, error_pending, bad_pending;
    reg        done_enabled, error_enabled, bad_enabled;
    reg        bad_q;
    reg [31:0] images;
    reg [4:0]  flying;          // images on their way: two in the input buffers, seven at most beyond
    reg        known, writable;

    wire good = image_state == `XB_STATE_OK;
    wire bad = image_state == `XB_STATE_BAD;
    wire held = enable && (address == ADDR_IMAGE_DATA || address == ADDR_ACTIVATION_DATA ||
                           (write && address == ADDR_ACTIVATION_ADDRESS));
    wire bad_write = write && (!writable || strobes != 4'hf);
    wire taken = access && write && !refused;
    wire control = taken && address == ADDR_CONTROL;
    wire set = data[`XB_CONTROL_ENABLE];
    wire clear = data[`XB_CONTROL_CLEAR];

    assign refused = !known || bad_write || held;
    assign irq = (done_pending && done_enabled) || (error_pending && error_enabled) || (bad_pending && bad_enabled);
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
                read_data[`XB_STATUS_BUSY] = flying != 5'd0;
                read_data[`XB_STATUS_IDLE] = run && flying == 5'd0;
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
                read_data[`XB_IRQ_STATUS_BAD_IMAGE] = bad_pending;
            end
            ADDR_IRQ_ENABLE: begin
                writable = 1'b1;
                read_data[`XB_IRQ_ENABLE_DONE] = done_enabled;
                read_data[`XB_IRQ_ENABLE_ERROR] = error_enabled;
                read_data[`XB_IRQ_ENABLE_BAD_IMAGE] = bad_enabled;
            end
            ADDR_IMAGES:       read_data = images;
            ADDR_ACTIVATION_ADDRESS: begin
                writable = 1'b1;
                read_data[`XB_ACTIVATION_ADDRESS_ACTIVATION] = activation_address;
            end
            ADDR_ACTIVATION_DATA: read_data = activation_data;
            ADDR_IMAGE_DATA:   writable = 1'b1;
            default:           known = 1'b0;
        endcase
    end

    always @(posedge clk) begin
        frame_error_q <= frame_error;
        bad_q <= bad;
        if (!run) flying <= 5'd0;
        else if (image_begins && !image_done) flying <= flying + 5'd1;
        else if (image_done && !image_begins) flying <= flying - 5'd1;
        if (taken && address == ADDR_IRQ_STATUS) begin
            if (data[`XB_IRQ_STATUS_DONE]) done_pending <= 1'b0;
            if (data[`XB_IRQ_STATUS_ERROR]) error_pending <= 1'b0;
            if (data[`XB_IRQ_STATUS_BAD_IMAGE]) bad_pending <= 1'b0;
        end
        if (taken && address == ADDR_IRQ_ENABLE) begin
            done_enabled <= data[`XB_IRQ_ENABLE_DONE];
            error_enabled <= data[`XB_IRQ_ENABLE_ERROR];
            bad_enabled <= data[`XB_IRQ_ENABLE_BAD_IMAGE];
        end
        if (bad && !bad_q) bad_pending <= 1'b1;
        if (taken && address == ADDR_ACTIVATION_ADDRESS)
            activation_address <= data[`XB_ACTIVATION_ADDRESS_ACTIVATION];
        if (access && !write && !refused && address == ADDR_ACTIVATION_DATA)
            activation_address <= activation_address + PEEK[23:0];
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
            bad_pending <= 1'b0;
            bad_enabled <= 1'b0;
            bad_q <= 1'b0;
            flying <= 5'd0;
            activation_address <= 24'd0;
            images <= 32'd0;
        end
    end
endmodule
`default_nettype wire
