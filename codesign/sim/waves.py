"""A save file for GTKWave: the signals to look at first, with ranges as in the dump."""

from pathlib import Path

from vcd.gtkw import GTKWSave

from codesign.chip.description import Chip
from codesign.fixed import clog2
from codesign.rtl import plan


def signals(chip: Chip) -> dict[str, dict[str, int]]:
    """Width of each signal to show, by block ("" is the chip's top)."""
    ports = {p.name: p.width for p in plan(chip).ports}
    arrays, lanes = chip.arrays.count, chip.adc.lanes
    group, step = plan(chip).group_bits, max(1, clog2(chip.memory.steps))
    return {
        "": {n: ports[n] for n in ports if n.startswith(("s_axis", "m_axis")) or n == "irq"},
        "u_chip.u_loader": {"state": 2, "reason": 4, "word": 4},
        "u_chip.u_core": {
            "group": group,
            "evaluate": arrays,
            "convert": arrays,
            "buffer_free": 1,
        },
        "u_chip.u_core.u_front": {"step_loaded": 1, "bank_free": 1},
        "u_chip.u_core.u_front.u_convert": {"step_address": step, "plane": 3, "drive_bank": 1},
        "u_chip.u_core.u_back": {"activation_write": 1, "activation_written": lanes * chip.activation.bits},
        "u_chip.u_core.u_back.u_drain": {
            "step_address": step,
            "read_group": group,
            "m_acc": lanes * (chip.acc_bits + 1),
        },
    }


def write_gtkw(path: Path, dump: Path, chip: Chip, scope: str = "") -> None:
    """Write a .gtkw beside `dump` that opens it with the chip's main signals, grouped by block.

    scope: what precedes the top's name in the dump.
    """
    top = f"{scope}{plan(chip).module}_sim.dut"
    with path.open("w", encoding="utf-8") as f:
        save = GTKWSave(f)
        save.dumpfile(dump.name, abspath=False)
        save.trace(f"{top}.clk")
        for block, widths in signals(chip).items():
            scope = f"{top}.{block}" if block else top
            with save.group(block or "streams"):
                for name, width in widths.items():
                    save.trace(f"{scope}.{name}" + (f"[{width - 1}:0]" if width > 1 else ""))


def is_whole(dump: Path) -> bool:
    """Whether an FST file is complete: its blocks (type, length of all but the type) fill it."""
    try:
        with dump.open("rb") as f:
            size, at, kinds = dump.stat().st_size, 0, set()
            while at < size:
                f.seek(at)
                head = f.read(9)
                kinds.add(head[0])
                at += 1 + max(8, int.from_bytes(head[1:], "big"))
    except OSError:
        return False
    return at == size and {0, 3} <= kinds  # header and geometry: the latter is written last
