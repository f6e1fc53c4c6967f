"""The top of a run's page: what was asked, what came out, and the figures that matter."""

from pathlib import Path

from codesign.brief import counted, times
from codesign.chip.description import Chip
from codesign.mapping import Mapping
from codesign.mapping.energy import Estimate
from codesign.page.axis import energy as told
from codesign.page.blocks import Fact
from codesign.report import Metrics, number
from codesign.report.numbers import amount


def asked(m: Metrics, mapping: Mapping | None) -> str:
    """What the run was to do, in two sentences. mapping: where it is known."""
    data = f" on {m.data.name} ({m.data.train:,} to train, {m.data.test:,} to test)" if m.data else ""
    what, chip = "", m.chip
    if mapping is not None:
        layers = [f"{s.layer} {s.inputs} x {s.outputs}" for s in mapping.steps if not s.is_vector]
        what = f" ({', '.join(layers) if len(layers) <= 4 else f'{len(layers)} layers with weights'})"
        chip = described(mapping.chip)
    proof = f"prove it in Verilog on the measured die {Path(m.die).name}" if m.die else "prove it in Verilog"
    return f"Train a network{what}{data} for the chip {chip}; {proof}. Seed {m.seed}."


def described(chip: Chip) -> str:
    """A chip in one line."""
    size = times((chip.arrays.rows, chip.arrays.columns)).replace("x", " x ")
    return (
        f"{chip.name}: {counted(chip.arrays.count, 'array')} of {size} cells with {chip.device.levels} levels, "
        f"{chip.adc.bits}-bit converters"
    )


def answered(m: Metrics) -> tuple[str, str]:
    """The verdict in a sentence, and whether it is good or bad."""
    rtl, on = m.accuracy.rtl.images, m.accuracy.reference
    chip = f"{on.percent:.2f} % of {on.images:,} test images right on {m.arrays.used:,} of {m.arrays.budget:,} arrays."
    if m.is_right:
        compared = f"{counted(rtl, 'image')}"
        if m.words_compared is not None and m.cycles_compared is not None:
            compared += f", {counted(m.words_compared, 'word')}, {counted(m.cycles_compared, 'cycle')}"
        return f"Verilog and reference agree in every word and cycle ({compared}). {chip}", "good"
    wrong = []
    if m.mismatches:
        wrong.append(f"{counted(m.mismatches, 'word', 'differs', 'differ')}; the first: {m.first_mismatch}")
    if m.cycles.timing_errors:
        wrong.append(f"{counted(m.cycles.timing_errors, 'image')} finished in a different cycle than predicted")
    return f"WRONG in {counted(rtl, 'simulated image')}: {'; '.join(wrong)}.", "bad"


def facts(m: Metrics, energy: Estimate | None) -> tuple[Fact, ...]:
    """The figures of a run."""
    on, exact, c = m.accuracy.reference, m.accuracy.float, m.cycles
    against = f"float {exact.percent:.2f} %; " if exact else ""
    bad = m.mismatches + c.timing_errors
    checked = f"of {counted(m.accuracy.rtl.images, 'image')}, {m.simulator}"
    latency = f"{amount(m.speed.latency_us)} µs at {m.speed.clock_mhz:,g} MHz; " if m.speed else ""
    rate = f"{m.speed.images_per_second:,.0f} images a second" if m.speed else "between images of a stream"
    least = m.arrays.lower_bound if m.arrays.least is None else m.arrays.least
    found = (
        Fact(
            "Accuracy on the die" if m.die else "Accuracy on the chip",
            f"{on.percent:.2f} %",
            f"{against}{counted(on.images, 'test image')}",
        ),
        Fact("Verilog against reference", f"{bad:,} differ", checked, "bad" if bad else "good"),
        Fact("Arrays", f"{m.arrays.used:,} of {m.arrays.budget:,}", f"no packing takes fewer than {least:,}"),
        Fact("Latency", f"{c.predicted:,} cycles", f"{latency}converters alone {c.bound:,}"),
        Fact("Initiation interval", f"{number(c.interval)} cycles", rate),
    )
    if energy is None:
        return found
    span = told(energy.energy_low_nj, energy.energy_high_nj)
    return (*found, Fact("Energy of an image", span, "estimates of two sources"))
