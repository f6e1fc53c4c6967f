// bench - the chip as cocotb drives it, alike in Icarus Verilog and in Verilator.
//
// cocotb wakes at a rising edge of clk and reads what was there before it. Simulators differ: Verilator has changed the
// registers by then. So the chip's clock comes a little later, and with XB_EXTERNAL_CLOCK the chip sees what was driven
// when its clock last fell: what is written at an edge counts from the next edge on.
// pack.svh names the chip's simulation top and the bytes of an input beat.
`include "pack.svh"
module bench;
    localparam BYTES = `PACK_STREAM_BYTES;

    reg                rst, backdoor;
    reg                psel, penable, pwrite;
    reg  [11:0]        paddr;
    reg  [31:0]        pwdata;
    reg  [3:0]         pstrb;
    reg                s_axis_tvalid, s_axis_tlast, m_axis_tready;
    reg  [8*BYTES-1:0] s_axis_tdata;
    reg  [BYTES-1:0]   s_axis_tkeep;
    reg                clk = 1'b1, chip_clk = 1'b1;
    wire               pready, pslverr, irq, s_axis_tready, m_axis_tvalid, m_axis_tlast;
    wire [31:0]        prdata, m_axis_tdata, cycle;

    `PACK_TOP dut (
        .clk(chip_clk), .rst(rst), .backdoor(backdoor), .cycle(cycle), .activation_write(), .activation_data(),
        .psel(psel), .penable(penable), .pwrite(pwrite), .paddr(paddr), .pwdata(pwdata), .pstrb(pstrb),
        .pready(pready), .prdata(prdata), .pslverr(pslverr), .irq(irq),
        .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep), .s_axis_tlast(s_axis_tlast),
        .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_tdata(m_axis_tdata),
        .m_axis_tlast(m_axis_tlast));

    always #5 clk = !clk;
    initial begin
        #1;
        forever #5 chip_clk = !chip_clk;
    end
endmodule
