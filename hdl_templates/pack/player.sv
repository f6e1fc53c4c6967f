// player - play a bus transcript on the chip, without cocotb: Icarus Verilog 11, Verilator 5.006 (--binary), others.
//
// +transcript=FILE names it; its format is in docs/bringup.md of codesign. Prints PASS, or the first wrong answer with
// its place; of several wrong answers that of the lowest rank, the earliest layer. A wrong register ends it at once.
// pack.svh, made with it, names the chip's simulation top and the bytes of an input beat.
`include "pack.svh"
module player;
    localparam BYTES = `PACK_STREAM_BYTES;
    localparam LONG = 1024;  // characters of a line

    reg                rst = 1'b1, backdoor = 1'b0;
    reg                psel = 1'b0, penable = 1'b0, pwrite = 1'b0;
    reg  [11:0]        paddr = 12'd0;
    reg  [31:0]        pwdata = 32'd0;
    reg  [3:0]         pstrb = 4'hf;
    reg                s_valid = 1'b0, s_last = 1'b0, m_ready = 1'b0;
    reg  [8*BYTES-1:0] s_data = {(8*BYTES){1'b0}};
    reg  [BYTES-1:0]   s_keep = {BYTES{1'b0}};
    reg                clk = 1'b1;
    wire               pready, pslverr, irq, s_ready, m_valid, m_last;
    wire [31:0]        prdata, m_data, cycle;

    `PACK_TOP dut (
        .clk(clk), .rst(rst), .backdoor(backdoor), .cycle(cycle), .activation_write(), .activation_data(),
        .psel(psel), .penable(penable), .pwrite(pwrite), .paddr(paddr), .pwdata(pwdata), .pstrb(pstrb),
        .pready(pready), .prdata(prdata), .pslverr(pslverr), .irq(irq),
        .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data), .s_axis_tkeep(s_keep),
        .s_axis_tlast(s_last),
        .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data), .m_axis_tlast(m_last));

    integer file, line, count, found, patience, stream_bytes, waited, rank, lowest, until_last, ended;
    reg [31:0] address, data, mask, got, sent, taken;
    reg        last, failed;
    reg [8*16-1:0]   op;
    reg [8*LONG-1:0] text, place, told;

    // With XB_EXTERNAL_CLOCK the chip sees what was driven when the clock falls; then all has settled, and may be read.
    always #5 clk = !clk;
    task automatic settle;
        @(negedge clk);
        #1;
    endtask
    task automatic step;
        @(posedge clk);
        #1;
    endtask

    task automatic transfer(input write);
        psel = 1'b1;
        penable = 1'b0;
        pwrite = write;
        paddr = address[11:0];
        pwdata = data;
        settle;
        step;
        penable = 1'b1;
        settle;
        while (!pready) begin
            step;
            settle;
        end
        got = prdata;
        if (pslverr) begin
            $sformat(told, "FAIL line %0d: the bus answers PSLVERR at 0x%03x", line, address);
            lowest = 0;
        end
        step;
        psel = 1'b0;
        penable = 1'b0;
    endtask

    task automatic send;
        s_valid = 1'b1;
        settle;
        waited = 0;
        while (!s_ready && waited < patience) begin
            step;
            settle;
            waited = waited + 1;
        end
        if (!s_ready) begin
            $sformat(told, "FAIL line %0d: the chip takes no input", line);
            lowest = 0;
        end
        sent = cycle;
        step;
        s_valid = 1'b0;
    endtask

    task automatic take;
        m_ready = 1'b1;
        settle;
        waited = 0;
        while (!m_valid && waited < patience) begin
            step;
            settle;
            waited = waited + 1;
        end
        got = m_data;
        if (!m_valid || m_last != last) begin
            if (m_valid) $sformat(told, "FAIL line %0d: the last word of an image comes %0s", line, m_last ? "early" : "late");
            else $sformat(told, "FAIL line %0d: %0s: no word comes", line, place);
            lowest = 0;
        end
        taken = cycle;
        step;
    endtask

    // One of the places of a word, divided by commas: that of its lowest wrong byte.
    function automatic [8*LONG-1:0] place_of(input [8*LONG-1:0] places, input [31:0] differs);
        integer   left, at;
        reg [7:0] letter;
        left = differs[7:0] != 0 ? 0 : differs[15:8] != 0 ? 1 : differs[23:16] != 0 ? 2 : 3;  // commas before it
        place_of = 0;
        for (at = LONG - 1; at >= 0; at = at - 1) begin
            letter = places[8*at +: 8];
            if (letter == ",") left = left - 1;
            else if (left == 0 && letter != 0) place_of = {place_of[8*LONG-9:0], letter};
        end
        if (place_of == 0) place_of = places;
    endfunction

    task automatic judge(input [31:0] differs);
        if (differs !== 32'd0 && rank < lowest) begin
            lowest = rank;
            $sformat(told, "FAIL line %0d: %0s: expected 0x%08x, got 0x%08x", line, place_of(place, differs), data, got);
        end
    endtask

    initial begin
        lowest = 32'h7fffffff;
        line = 1;
        count = 0;
        ended = 0;
        if (!$value$plusargs("transcript=%s", text)) text = "../transcript.txt";
        file = $fopen(text, "r");
        found = file == 0 ? 0 : $fscanf(file, "codesign-transcript 1 %d %d\n", stream_bytes, patience);
        if (found != 2 || stream_bytes != BYTES) begin
            $display("FAIL %0s: is no transcript for this chip; make it again", text);
            $finish;
        end else begin
            repeat (3) step;
            rst = 1'b0;
            step;
            while (!ended && lowest != 0) begin
                line = line + 1;
                found = $fscanf(file, "%s", op);
                if (op != "m") m_ready = 1'b0;
                if (found != 1) begin
                    $sformat(told, "FAIL line %0d: the transcript was cut off; copy it again", line);
                    lowest = 0;
                end else if (op == "#") begin
                    found = $fgets(text, file);
                end else if (op == "end") begin
                    found = $fscanf(file, "%d", until_last);
                    ended = 1;
                    if (found != 1 || until_last != count) begin
                        $sformat(told, "FAIL line %0d: operations were lost or added; copy the transcript again", line);
                        lowest = 0;
                    end
                end else begin
                    count = count + 1;
                    case (op)
                        "w": begin
                            found = $fscanf(file, "%h %h", address, data) - 2;
                            transfer(1'b1);
                        end
                        "r": begin
                            found = $fscanf(file, "%h %s", address, place) - 2;
                            transfer(1'b0);
                            $display("%0s 0x%08x", place, got);
                        end
                        "x": begin
                            found = $fscanf(file, "%h %h %h %d %s", address, data, mask, rank, place) - 5;
                            transfer(1'b0);
                            got = got & mask;
                            judge(got ^ data);
                        end
                        "s": begin
                            found = $fscanf(file, "%b %h %h", s_last, s_keep, s_data) - 3;
                            send;
                        end
                        "m": begin
                            found = $fscanf(file, "%b %h %d %s", last, data, rank, place) - 4;
                            take;
                            judge(got ^ data);
                        end
                        "t": begin
                            found = $fscanf(file, "%d", waited) - 1;
                            if (taken - sent != waited) begin
                                $sformat(told, "FAIL line %0d: %0d cycles from the last beat to the last word, expected %0d",
                                         line, taken - sent, waited);
                                lowest = 0;
                            end
                        end
                        default: found = 1;
                    endcase
                    if (found != 0) begin
                        $sformat(told, "FAIL line %0d: is no operation of a transcript; copy it again", line);
                        lowest = 0;
                    end
                end
            end
            if (lowest == 32'h7fffffff) $display("PASS %0d operations", count);
            else $display("%0s", told);
            $finish;
        end
    end
endmodule
