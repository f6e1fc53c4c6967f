// apb_registers - the registers behind their APB4 slave, for bench_registers.
`default_nettype none
module apb_registers #(
    parameter [31:0] VERSION = 32'h20001,
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
    output wire [31:0] prdata,
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
    input  wire        image_begins,
    input  wire        image_done
);
    // A memory that a stopped chip shows: activation a is 3a, four at once.
    wire [23:0] activation_address;
    reg  [31:0] activation_data;
    wire [7:0]  triple = activation_address[7:0] * 8'd3;
    always @(posedge clk)
        activation_data <= run ? 32'h0badc0de : {triple + 8'd9, triple + 8'd6, triple + 8'd3, triple};

    wire        access, write, refused;
    wire [11:0] address;
    wire [31:0] data, read_data;
    wire [3:0]  strobes;

    xb_apb u_apb (
        .psel(psel), .penable(penable), .pwrite(pwrite), .paddr(paddr), .pwdata(pwdata), .pstrb(pstrb),
        .pready(pready), .prdata(prdata), .pslverr(pslverr),
        .access(access), .write(write), .address(address), .data(data), .strobes(strobes),
        .read_data(read_data), .refused(refused));
    xb_registers #(.VERSION(VERSION), .CHIP_ID(CHIP_ID)) u_registers (
        .clk(clk), .rst(rst),
        .access(access), .write(write), .address(address), .data(data), .strobes(strobes),
        .read_data(read_data), .refused(refused), .irq(irq),
        .image_valid(image_valid), .image_data(image_data), .image_clear(image_clear),
        .image_state(image_state), .image_reason(image_reason), .image_crc(image_crc),
        .run(run), .activation_address(activation_address), .activation_data(activation_data),
        .frame_error(frame_error), .image_begins(image_begins), .image_done(image_done));
endmodule
`default_nettype wire
