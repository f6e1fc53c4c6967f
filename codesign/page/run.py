"""The page of a run, and of a program that was only compiled."""

from pathlib import Path

from codesign.mapping.energy import estimate
from codesign.page.axis import energy as told
from codesign.page.blocks import Fact, Page, Section, sections
from codesign.page.folder import Run, read
from codesign.page.parts.accuracy import accuracy
from codesign.page.parts.again import again
from codesign.page.parts.asked import answered, asked, described, facts
from codesign.page.parts.cells import cells
from codesign.page.parts.chip import budget, floorplan
from codesign.page.parts.cycles import cycles, energy
from codesign.page.parts.mistakes import mistakes
from codesign.page.parts.spread import spreads
from codesign.program import Program
from codesign.report import Metrics, load, number


def of_run(folder: Path, metrics: Metrics | None = None) -> Page:
    """The page of a run folder, whose record is `metrics` if given. Raises InputError when the run has not ended."""
    return run_page(read(folder, metrics or load(folder)))


def run_page(run: Run) -> Page:
    """The page of a run."""
    m = run.metrics
    answer, verdict = answered(m)
    mapping = None if run.program is None else run.program.mapping
    placed: tuple[Section | None, ...] = ()
    if mapping is not None:
        x = None if run.tested is None else run.tested.x
        placed = (budget(mapping), floorplan(mapping), cells(mapping, run.die), spreads(mapping, x, run.die))
    timed = () if mapping is None else (cycles(mapping, m.cycles.interval), energy(mapping))
    return Page(
        "run",
        m.name,
        asked(m, mapping),
        answer,
        verdict,
        facts(m, None if mapping is None else estimate(mapping.plan)),
        sections(accuracy(run), *placed, mistakes(run), *timed, again(run)),
        run.versions.get("codesign", ""),
    )


def program_page(program: Program) -> Page:
    """The page of a program: what it takes of its chip. Nothing was simulated."""
    mapping, c = program.mapping, program.cycles
    likely = estimate(mapping.plan)
    used = f"{program.arrays_used:,} of {program.chip.arrays.count:,}"
    return Page(
        "program",
        program.network.name,
        f"Place the network {program.network.name} on the chip {described(program.chip)}.",
        f"It fits: {used} arrays, latency {c.latency:,} cycles, an image every {number(c.interval)} cycles.",
        "good",
        (
            Fact("Arrays", used, f"no packing takes fewer than {program.arrays_lower_bound:,}"),
            Fact("Latency", f"{c.latency:,} cycles", f"converters alone {c.bound:,}"),
            Fact("Initiation interval", f"{number(c.interval)} cycles", "between images of a stream"),
            Fact("Energy of an image", told(likely.energy_low_nj, likely.energy_high_nj), "two sources"),
        ),
        sections(
            budget(mapping),
            floorplan(mapping),
            cells(mapping),
            spreads(mapping, None),
            cycles(mapping, c.interval),
            energy(mapping),
        ),
    )
