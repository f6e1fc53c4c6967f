// What a user's firmware would do, compiled together with a chip: the twin of codesign/sim/benches/chip_bench.py.
//
// Reads job.bin in the current folder, writes result.bin; codesign/sim/simulators/verilator.py makes and reads both. A
// failure is one line that begins with "codesign: ".
//
// Cycles are counted as cocotb counts them in Icarus Verilog: a clock edge sees, and this file reads, what the signals
// were before it; what the edge makes true (and what this file drives because of it) belongs to the next cycle. Reading
// after the edge instead would find a word, and the cycle counter, one cycle early.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "Vchip.h"
#include "names.h"
#include "regs.h"
#include "verilated.h"

namespace {

using Words = std::vector<uint32_t>;
using Seconds = std::chrono::duration<double>;

const char *const HEARTBEAT = "progress";
const char *const HALF = "result.partial.bin";

struct Job {  // the head of job.bin; little-endian, as the machine
    uint32_t backdoor, stream_bytes, features, images, words, timeout, probe, input_pause, output_pause, seed, cut, reset_clocks;
};

[[noreturn]] void stop(const std::string &why) {
    std::printf("codesign: %s\n", why.c_str());
    std::fflush(stdout);
    std::_Exit(1);
}

std::string hex(uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

std::string counted(uint64_t value) {  // 12,345
    std::string text = std::to_string(value);
    for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(at, ",");
    return text;
}

// A port of any width as bytes. Verilator has integers up to 64 bits, and arrays of 32-bit words beyond.
template <class Port>
void put(Port &port, const uint8_t *bytes, size_t count) {
    port = 0;
    for (size_t k = 0; k < count; k++) port |= static_cast<Port>(static_cast<uint64_t>(bytes[k]) << (8 * k));
}
template <std::size_t N>
void put(VlWide<N> &port, const uint8_t *bytes, size_t count) {
    for (size_t w = 0; w < N; w++) port[w] = 0;
    for (size_t k = 0; k < count; k++) port[k / 4] |= static_cast<uint32_t>(bytes[k]) << (8 * (k % 4));
}
template <class Port>
void put_ones(Port &port, size_t bits) {
    port = static_cast<Port>(bits >= 64 ? ~0ull : (1ull << bits) - 1);
}
template <std::size_t N>
void put_ones(VlWide<N> &port, size_t bits) {
    for (size_t w = 0; w < N; w++) port[w] = 0;
    for (size_t k = 0; k < bits; k++) port[k / 32] |= 1u << (k % 32);
}
template <class Port>
void take(const Port &port, Words &words) {
    words.push_back(static_cast<uint32_t>(port));
    words.push_back(static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32));
}
template <std::size_t N>
void take(const VlWide<N> &port, Words &words) {
    for (size_t w = 0; w < N; w++) words.push_back(port[w]);
}

struct Pause {  // xorshift64*: whether to stand still in this cycle
    uint64_t state;
    uint32_t share;  // of 2^32
    Pause(uint32_t seed, uint32_t part) : state(0x9E3779B97F4A7C15ull ^ (uint64_t{seed} << 17)), share(part) {}
    bool operator()() {
        if (share == 0) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return static_cast<uint32_t>((state * 0x2545F4914F6CDD1Dull) >> 32) < share;
    }
};

class Chip {
  public:
    explicit Chip(VerilatedContext *context) : context_(context), top(new Vchip(context)) {
        parent_ = getppid();
        top->clk = 1;  // the inputs reach the chip when it falls
        top->rst = 0;
        top->backdoor = 0;
        top->psel = top->penable = top->pwrite = 0;
        top->paddr = 0;
        top->pwdata = 0;
        top->pstrb = 0xF;
        top->s_axis_tvalid = 0;
        top->s_axis_tlast = 0;
        top->m_axis_tready = 0;
        put_ones(top->s_axis_tdata, 0);
        put_ones(top->s_axis_tkeep, 0);
        top->eval();
        ended();
    }
    ~Chip() {
        top->final();
        delete top;  // closes the waves
    }

    // Before an edge: what was driven has settled, and may be read.
    void settle() {
        context_->timeInc(5);
        top->clk = 0;
        top->eval();
    }
    void edge() {
        context_->timeInc(5);
        top->clk = 1;
        top->eval();
        if (context_->gotFinish()) ended();
        if ((++edges_ & 0x3FF) == 0) live();
    }
    void cycle() {
        settle();
        edge();
    }
    void write(uint32_t address, uint32_t data) { transfer(address, data, true); }
    uint32_t read(uint32_t address) { return transfer(address, 0, false); }

    void reset(uint32_t clocks) {
        top->rst = 1;
        top->s_axis_tvalid = 0;
        top->m_axis_tready = 0;
        for (uint32_t k = 0; k < clocks; k++) cycle();
        top->rst = 0;
        cycle();
    }
    std::string status() { return "STATUS = " + hex(read(CODESIGN_STATUS)); }
    void done(uint32_t images) { beat(images); }

  private:
    VerilatedContext *context_;

  public:
    Vchip *top;

  private:
    pid_t parent_;
    uint64_t edges_ = 0;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();

    uint32_t transfer(uint32_t address, uint32_t data, bool write) {
        top->psel = 1;
        top->penable = 0;
        top->pwrite = write;
        top->paddr = address;
        top->pwdata = data;
        cycle();
        top->penable = 1;
        for (int waited = 0;; waited++) {
            if (waited > 1000) stop("the bus does not answer while the chip is programmed");
            settle();
            if (top->pready) break;
            edge();
        }
        const bool error = top->pslverr;
        const uint32_t got = top->prdata;
        edge();
        top->psel = 0;
        top->penable = 0;
        if (error) stop(std::string("PSLVERR on ") + (write ? "write to " : "read of ") + hex(address));
        return got;
    }
    // $finish: a check was violated, or a file is missing; the Verilog has said what.
    void ended() {
        if (!context_->gotFinish()) return;
        std::fflush(stdout);
        std::_Exit(1);
    }
    void live() {
        const auto now = std::chrono::steady_clock::now();
        if (Seconds(now - last_).count() < 0.2) return;
        last_ = now;
        if (getppid() != parent_) std::_Exit(1);  // whoever asked for this is gone
        beat(finished_);
    }
    void beat(uint32_t images) {
        finished_ = images;
        const auto now = std::chrono::steady_clock::now();
        if (images != told_ && Seconds(now - told_at_).count() < 0.1) return;
        told_ = images;
        told_at_ = now;
        if (FILE *f = std::fopen(HEARTBEAT, "w")) {
            std::fprintf(f, "%u", images);
            std::fclose(f);
        }
    }
    uint32_t finished_ = 0, told_ = 0;
    std::chrono::steady_clock::time_point told_at_ = last_;
};

template <class T>
void read_all(FILE *f, std::vector<T> &into, size_t count) {
    into.resize(count);
    if (std::fread(into.data(), sizeof(T), count, f) != count) stop("job.bin is too short");
}

void write_all(FILE *f, const void *data, size_t bytes) {
    if (bytes && std::fwrite(data, 1, bytes, f) != bytes) stop("a file cannot be written (no space)");
}

void program(Chip &chip, const Job &job, const Words &words, uint32_t reset_clocks) {
    chip.reset(reset_clocks);
    if (job.backdoor) {
        chip.top->backdoor = 1;
        chip.cycle();
        chip.cycle();
        chip.top->backdoor = 0;
    } else {
        for (uint32_t word : words) chip.write(CODESIGN_IMAGE_DATA, word);
        chip.cycle();
    }
    const uint32_t status = chip.read(CODESIGN_STATUS);
    const uint32_t state = (status & CODESIGN_STATUS__IMAGE_STATE_bm) >> CODESIGN_STATUS__IMAGE_STATE_bp;
    const uint32_t reason = (status & CODESIGN_STATUS__IMAGE_REASON_bm) >> CODESIGN_STATUS__IMAGE_REASON_bp;
    if (state != CODESIGN_STATE_OK)
        stop(std::string("the chip reports the image as ") + STATES[state] + ": " + (reason < REASON_COUNT ? REASONS[reason] : "?"));
    if (chip.read(CODESIGN_IMAGE_CRC) != words.back()) stop("IMAGE_CRC is not the last word of the image");
    chip.write(CODESIGN_IRQ_ENABLE, CODESIGN_IRQ_ENABLE__DONE_bm);
    chip.write(CODESIGN_CONTROL, CODESIGN_CONTROL__ENABLE_bm);
}

struct Found {
    Words outputs, hidden;
    std::vector<uint64_t> ins, outs;
    double seconds = 0;
};

// Both streams and the monitors, cycle by cycle. most: cycles after which all is left as it is; 0: none.
void stream(Chip &chip, const Job &job, const std::vector<uint8_t> &pixels, Found &found, uint32_t most = 0) {
    Vchip *top = chip.top;
    Pause rest(job.seed, job.input_pause), still(job.seed + 1, job.output_pause);
    const uint32_t beats = (job.features + job.stream_bytes - 1) / job.stream_bytes;
    uint32_t image = 0, beat = 0, finished = 0, quiet = 0;
    bool offering = false;
    while (finished < job.images || image < job.images) {
        if (!offering && image < job.images && !rest()) {
            const uint32_t at = beat * job.stream_bytes;
            const uint32_t left = job.features - at, count = left < job.stream_bytes ? left : job.stream_bytes;
            put(top->s_axis_tdata, &pixels[size_t{image} * job.features + at], count);
            put_ones(top->s_axis_tkeep, count);
            top->s_axis_tlast = beat + 1 == beats;
            offering = true;
        }
        top->s_axis_tvalid = offering;
        const bool ready = !still();
        top->m_axis_tready = ready;
        chip.settle();
        const uint32_t now = top->cycle;
        if (offering && top->s_axis_tready) {
            offering = false;
            if (++beat == beats) {
                beat = 0;
                image++;
                found.ins.push_back(now);
            }
        }
        quiet++;
        if (ready && top->m_axis_tvalid) {
            found.outputs.push_back(top->m_axis_tdata);
            if (top->m_axis_tlast) {
                found.outs.push_back(now);
                chip.done(++finished);
                quiet = 0;
            }
        }
        if (job.probe && top->activation_write) take(top->activation_data, found.hidden);
        if (quiet > job.timeout) {
            top->s_axis_tvalid = 0;
            if (finished < job.images)
                stop("no output word of image " + std::to_string(finished) + " after " + counted(job.timeout) +
                     " cycles (" + std::to_string(found.ins.size()) + " images entered); " + chip.status());
            stop("image " + std::to_string(image) + " does not enter, though all results have come; " + chip.status());
        }
        chip.edge();
        if (most && --most == 0) return;
    }
    top->s_axis_tvalid = 0;
    top->m_axis_tready = 0;
    chip.cycle();
    if (!top->irq) stop("the done interrupt is not raised; " + chip.status());
    const uint32_t images = chip.read(CODESIGN_IMAGES);
    if (images != job.images)
        stop("IMAGES reads " + std::to_string(images) + ", must be " + std::to_string(job.images));
}

void save(const Found &found) {
    FILE *f = std::fopen(HALF, "wb");
    if (!f) stop("a file cannot be written (result.partial.bin)");
    const uint64_t head[4] = {found.ins.size(), found.outs.size(), found.outputs.size(), found.hidden.size()};
    write_all(f, head, sizeof head);
    write_all(f, &found.seconds, sizeof found.seconds);
    write_all(f, found.ins.data(), 8 * found.ins.size());
    write_all(f, found.outs.data(), 8 * found.outs.size());
    write_all(f, found.outputs.data(), 4 * found.outputs.size());
    write_all(f, found.hidden.data(), 4 * found.hidden.size());
    if (std::fflush(f) || fsync(fileno(f)) || std::fclose(f)) stop("a file cannot be written (no space)");
    if (std::rename(HALF, "result.bin")) stop("a file cannot be written (result.bin)");
}

}  // namespace

int main(int argc, char **argv) {
    Job job;
    Words words;
    std::vector<uint8_t> pixels;
    FILE *f = std::fopen("job.bin", "rb");
    if (!f || std::fread(&job, sizeof job, 1, f) != 1) stop("job.bin cannot be read");
    read_all(f, words, job.words);
    read_all(f, pixels, size_t{job.images} * job.features);
    std::fclose(f);

    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.traceEverOn(true);
    Found found;
    {
        Chip chip(&context);
        if (job.cut) {
            Found lost;
            program(chip, job, words, 3);
            stream(chip, job, pixels, lost, job.cut);
        }
        program(chip, job, words, job.reset_clocks);
        const auto started = std::chrono::steady_clock::now();
        stream(chip, job, pixels, found);
        found.seconds = Seconds(std::chrono::steady_clock::now() - started).count();
    }
    save(found);
    return 0;
}
