"""What a simulation found."""

from dataclasses import dataclass

from codesign.fixed import Ints


@dataclass(frozen=True)
class Mismatch:
    """A word that is not what the reference says; the first of a result names the first wrong layer."""

    image: int
    layer: str
    output: int
    array: int
    column: int
    expected: int
    got: int
    reproduce: str = ""

    def __str__(self) -> str:
        again = f"; reproduce: {self.reproduce}" if self.reproduce else ""
        return (
            f"image {self.image}: layer {self.layer} output {self.output} (array {self.array}, column {self.column}): "
            f"expected {self.expected}, got {self.got}{again}"
        )


@dataclass(frozen=True, eq=False)
class Result:
    """A finished simulation.

    latencies: cycles from the last input word to the last output word, one per image; cycles: the first
    image's, which met an idle chip; interval: cycles between the last words of two images, the mean over the last
    period of their predicted rhythm (over all of them where they are fewer; 0 for one image).
    timing_errors: images whose cycle of arrival differs from the prediction.
    """

    outputs: Ints  # (images, outputs)
    latencies: list[int]
    interval: int | float
    mismatches: tuple[Mismatch, ...]
    timing_errors: int
    seconds: float  # streaming images, without compiling the simulator and programming

    @property
    def cycles(self) -> int:
        return self.latencies[0]

    @property
    def images(self) -> int:
        return len(self.outputs)

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0
