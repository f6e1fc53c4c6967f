"""What a simulation found."""

from dataclasses import dataclass, replace

from codesign.brief import Brief, counted, html_table
from codesign.fixed import Ints


@dataclass(frozen=True)
class Mismatch(Brief):
    """A word that is not what the reference says; the first of a result names the first wrong layer."""

    image: int
    layer: str
    output: int  # its number in the user's model, whatever units were removed
    array: int | None  # where it is read; None for a layer without a matrix
    column: int | None
    expected: int
    got: int
    reproduce: str = ""  # a command line that shows it again

    def __str__(self) -> str:
        again = f"; reproduce: {self.reproduce}" if self.reproduce else ""
        place = "" if self.array is None else f" (array {self.array}, column {self.column})"
        return (
            f"image {self.image}: layer {self.layer} output {self.output}{place}: "
            f"expected {self.expected}, got {self.got}{again}"
        )


SHOWN = 10  # words that differ, for notebooks


def _where(m: Mismatch) -> str:
    return "" if m.array is None else f"array {m.array}, column {m.column}"


@dataclass(frozen=True, eq=False)
class Result(Brief):
    """A finished simulation.

    latencies: cycles from the last input word to the last output word, one per image; latency: the first
    image's, which met an idle chip; interval: the initiation interval, cycles between the last words of two images,
    averaged over the last predicted period of the stream (over all images where they are fewer; 0 for one image).
    `Program.cycles` predicts both under the same names. timing_errors: images that entered or finished in a different
    cycle than predicted.
    """

    outputs: Ints  # (images, outputs)
    latencies: list[int]
    interval: int | float
    mismatches: tuple[Mismatch, ...]
    timing_errors: int
    seconds: float  # streaming images, without compiling the simulator and programming
    simulator: str = ""
    version: str = ""  # what the simulator says about itself
    cycles_compared: int = 0  # two of an image, last word in and last word out; none with pauses

    @property
    def latency(self) -> int:
        """Cycles of the first image; `Program.cycles.latency` predicts them."""
        return self.latencies[0]

    @property
    def cycles(self) -> int:
        """The same as `latency`, by its first name; scripts use it."""
        return self.latency

    @property
    def images(self) -> int:
        """Images simulated."""
        return len(self.outputs)

    @property
    def words_compared(self) -> int:
        """Output words, each compared with the reference."""
        return int(self.outputs.size)

    @property
    def images_per_second(self) -> float:
        """Speed of the simulation; 0.0 where it took no measurable time."""
        return self.images / self.seconds if self.seconds else 0.0

    def _brief(self) -> str:
        found = f"{counted(len(self.mismatches), 'mismatch')}, {counted(self.timing_errors, 'timing error')}"
        return f"{counted(self.images, 'image')}: {found}, latency {self.latency}, interval {round(self.interval, 2)}"

    def _repr_html_(self) -> str:
        """For notebooks: what was found, and the words that differ."""
        rows = [
            ("images", self.images),
            ("words compared", self.words_compared),
            ("words that differ", len(self.mismatches)),
            ("timing errors", self.timing_errors),
            ("latency, cycles", self.latency),
            ("interval, cycles", round(self.interval, 2)),
            ("images a second", f"{self.images_per_second:.1f}"),
            ("simulator", self.version or self.simulator),
        ]
        right = not self.mismatches and not self.timing_errors
        verdict = "every word and cycle as predicted" if right else "NOT as predicted"
        found = html_table(f"simulation: {verdict}", rows)
        if not self.mismatches:
            return found
        wrong = [(m.image, m.layer, m.output, _where(m), m.expected, m.got) for m in self.mismatches[:SHOWN]]
        heads = ("image", "layer", "output", "read in", "expected", "got")
        return "\n".join((found, html_table(f"the first {len(wrong)} words that differ", wrong, heads)))

    def reproduced_by(self, command: str) -> "Result":
        """The same result, whose mismatches name the command line that shows them again: `command --image N`."""
        named = (replace(m, reproduce=f"{command} --image {m.image}") for m in self.mismatches)
        return replace(self, mismatches=tuple(named))
