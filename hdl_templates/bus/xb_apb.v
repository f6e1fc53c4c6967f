// xb_apb - turn APB4 transfers into register accesses, for xb_registers or any other register file.
//
// No wait states: an access takes one cycle, psel with penable, and is answered in it. Combinational both
// ways and without state, so it needs no clock. The answer is valid while `access` is high: `refused` becomes
// PSLVERR, and a refused write changes nothing.
// Python twin: codesign.sim.bus.Apb
`default_nettype none
module xb_apb (
    input  wire        psel,
    input  wire        penable,
    input  wire        pwrite,
    input  wire [11:0] paddr,
    input  wire [31:0] pwdata,
    input  wire [3:0]  pstrb,
    output wire        pready,
    output wire [31:0] prdata,
    output wire        pslverr,
    output wire        access,      // one cycle of a read or a write
    output wire        write,       // of `access`: a write
    output wire [11:0] address,     // in bytes
    output wire [31:0] data,
    output wire [3:0]  strobes,     // bytes of `data` that count
    input  wire [31:0] read_data,
    input  wire        refused
);
    assign access = psel && penable;
    assign write = pwrite;
    assign address = paddr;
    assign data = pwdata;
    assign strobes = pstrb;
    assign pready = 1'b1;
    assign prdata = read_data;
    assign pslverr = access && refused;
endmodule
`default_nettype wire
