"""What a simulation or a run found, and the exit status that follows from it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from codesign.brief import counted
from codesign.cli.common import console, lines, say, tell
from codesign.errors import plain
from codesign.terminal import folded, width

if TYPE_CHECKING:
    from codesign.report import Speed


def judge(result: Any, json: bool, accuracy: Sequence[float] | None = None, speed: "Speed | None" = None) -> None:
    """Print a simulation's result; exit with 1 when it is not as predicted.

    accuracy: percent of the images that the Verilog, and the reference, got right, if labels are known. speed: the
    chip's, if its clock is known.
    """
    from codesign.report import number

    wrong = [str(m) for m in result.mismatches]
    found = {
        "images": result.images,
        "mismatches": wrong,
        "timing_errors": result.timing_errors,
        "cycles": result.latency,
        "interval": result.interval,
        "latencies": [int(n) for n in result.latencies],
        "images_per_second": round(result.images_per_second, 1),
        "simulator": result.simulator,
        "version": result.version,
        "words_compared": result.words_compared,
        "cycles_compared": result.cycles_compared,
    }
    if speed is not None:
        found["chip"] = speed.model_dump(mode="json")
    if accuracy is not None:
        found["accuracy"] = dict(zip(("rtl", "reference"), accuracy, strict=True))
    right = not wrong and not result.timing_errors
    verdict = "every word and cycle as predicted" if right else "NOT as predicted"
    count = counted(result.images, "image")
    cycles = f"{result.latency} cycles"
    if result.images > 1:
        cycles += f" for the first, then one every {number(result.interval)}"
    compared = f"{counted(result.words_compared, 'word')} and {counted(result.cycles_compared, 'cycle')} compared"
    told = [
        f"{count}: {verdict}; {cycles}; {result.images_per_second:.1f} images/s",
        f"{compared}; {result.simulator}: {result.version}",
    ]
    if speed is not None:
        told.append(f"the chip {speed.told}")
    if accuracy is not None:
        told.append("accuracy: {:.2f} % in Verilog, {:.2f} % in the reference".format(*accuracy))
    say(json, found, "\n".join(told))
    refuse(len(wrong), wrong[0] if wrong else None, result.timing_errors)


def refuse(mismatches: int, first: str | None, late: int) -> None:
    """Exit with 1 when the chip is not what was predicted."""
    if mismatches:
        tell(f"error: {counted(mismatches, 'word', 'differs', 'differ')} from the reference; {plain(first or '')}")
    if late:
        tell(f"error: {counted(late, 'image')} finished in a different cycle than predicted")
    if mismatches or late:
        raise typer.Exit(1)


def show_report(folder: Path, json: bool, page: Path | None = None) -> None:
    """Print a run's report, and where its page lies; exit with 1 when the chip is not as predicted."""
    from codesign.report import load, render

    found = load(folder)
    if json:
        typer.echo(found.json_text(), nl=False)
    else:
        to = console()
        with to.capture() as shown:
            to.print(render(found), soft_wrap=True)
        sys.stdout.write(folded(shown.get(), width()))
        if page is not None:
            typer.echo(lines(f"floorplan, currents and cycles, to open in a browser: {page}"))
    refuse(found.mismatches, found.first_mismatch, found.cycles.timing_errors)
