"""The one record of a run; summary.json is its JSON."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codesign.account import Removed
from codesign.brief import Brief, counted
from codesign.errors import InputError
from codesign.records import sealed, unsealed
from codesign.report.numbers import amount

SUMMARY = "summary.json"  # of a run folder
Count = Annotated[int, Field(ge=0)]
Points = Annotated[float, Field(ge=-100, le=100)] | None
Share = Annotated[float, Field(ge=0, le=1)]
Mean = Annotated[int | float, Field(ge=0)]  # int where it is whole


class _Record(Brief, BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Accuracy(_Record):
    """Share of test images whose largest output is their label."""

    percent: Annotated[float, Field(ge=0, le=100)]
    images: Annotated[int, Field(ge=1)]


class Accuracies(_Record):
    """The same network in four executions; from `quantized` on they are integers.

    `float` and `quantized` ran all test images, `network` and `reference` too unless the flow bounds them
    (`reference.images`), `rtl` the first of them. `quantized` is the
    trained model, with converters where training has them; `network` its integers without converters, `reference` with
    those of the chip. `reference_simulated` is the reference on just the images that `rtl` ran, so that the two can be
    compared (it and `network` are absent from older records).
    """

    float: Accuracy | None
    quantized: Accuracy
    network: Accuracy | None = None
    reference: Accuracy
    reference_simulated: Accuracy | None = None
    rtl: Accuracy

    @property
    def comparable(self) -> Accuracy | None:
        """The reference on the images that the Verilog ran; None where that is not known."""
        same = self.reference if self.reference.images == self.rtl.images else self.reference_simulated
        return same if same is not None and same.images == self.rtl.images else None


class Losses(_Record):
    """What every step from float to Verilog costs in points: percent before less percent after; below 0 is a gain.

    quantization: from float to the network without converters. converters: from there to the reference. rtl: from the
    reference to the Verilog, on the simulated images. Absent where both sides did not run the same images.
    """

    quantization: Points = None
    converters: Points = None
    rtl: Points = None

    @classmethod
    def of(cls, a: Accuracies) -> "Losses":
        """The differences between accuracies on the same images."""
        return cls(
            quantization=_points(a.float, a.network),
            converters=_points(a.network, a.reference),
            rtl=_points(a.comparable, a.rtl),
        )


class Arrays(_Record):
    """Arrays of the chip. No packing can use fewer than `lower_bound`, by the cells alone, or than `least`."""

    used: Count
    lower_bound: Count
    least: Count | None = None  # absent from older records
    budget: Count


class Layer(_Record):
    """What a layer takes of the chip; see codesign.mapping.LayerUse."""

    layer: str
    inputs: Count
    outputs: Count
    slices: Count
    arrays: tuple[Count, ...]
    cells: Count
    columns: Count
    left: Count
    further: Count
    cycles: Count


class LayerCycles(_Record):
    """Where the cycles of one image go; see codesign.mapping.LayerCycles."""

    layer: str
    places: Count
    load: Count
    convert: Count
    wait: Count
    drain: Count
    takes: Count


class Unsliced(_Record):
    """What the same network would take with one slice a weight: arrays, and cycles between images."""

    arrays: Count
    interval: Mean


class Cycles(_Record):
    """Clock cycles. bound: converters alone; predicted, simulated: last input word to last output word."""

    bound: Count
    predicted: Count
    simulated: Count
    interval: Mean  # predicted initiation interval: the mean over one period
    interval_simulated: Mean | None  # over the last period; absent when only one image was simulated
    timing_errors: Count  # images that finished in a different cycle than predicted


class Speed(_Record):
    """What the chip does at its clock, from predicted cycles."""

    clock_mhz: Annotated[float, Field(gt=0)]
    latency_us: Annotated[float, Field(ge=0)]  # microseconds
    images_per_second: Annotated[float, Field(ge=0)]

    @classmethod
    def of(cls, clock_mhz: float, latency: int, interval: int | float) -> "Speed":
        """From the latency and the initiation interval in cycles."""
        return cls(clock_mhz=clock_mhz, latency_us=latency / clock_mhz, images_per_second=clock_mhz * 1e6 / interval)

    @property
    def told(self) -> str:
        """At 100 MHz: ..., for people."""
        return (
            f"at {self.clock_mhz:,g} MHz: {amount(self.latency_us)} us latency, {self.images_per_second:,.0f} images/s"
        )


class Inputs(_Record):
    """How a host turns data into inputs: floor((x - offset) / step + 0.5), clamped to what the bits hold.

    For bytes that is floor((x - low) * 2^bits / (high - low + 1)), less 2^(bits - 1) if signed. low, high: the range of
    the training data. step and offset are absent where each feature has its own (see image/network.h), and from
    records of older versions.
    """

    bits: Annotated[int, Field(ge=1, le=8)]
    signed: bool
    low: int | float
    high: int | float
    step: Annotated[float, Field(gt=0)] | None = None
    offset: float | None = None
    real: bool = False  # numbers of any kind, not bytes

    @property
    def wasted(self) -> int:
        """Bits of an input beyond those needed to distinguish all values of the data, if these are bytes."""
        return 0 if self.real else max(0, self.bits - max(1, int(self.high - self.low).bit_length()))


class Data(_Record):
    """The data set. scale: whether inputs span one range of the whole set, or each feature its own.

    shape: (channels, height, width) of an image; absent where the data are no images, and from older records.
    """

    name: str
    train: Annotated[int, Field(ge=1)]  # images, or rows of numbers
    test: Annotated[int, Field(ge=1)]
    features: Annotated[int, Field(ge=1)]
    classes: Annotated[int, Field(ge=2)]
    scale: Literal["set", "feature"] = "set"
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None = None


class Metrics(_Record):
    """A finished run."""

    schema_: Literal["codesign-summary/1"] = Field("codesign-summary/1", alias="schema")
    name: str
    chip: str
    chip_id: str
    die: str | None = None  # the measured die that the reference and the Verilog ran on; absent: the ideal one
    data: Data | None = None  # absent: written by a version that did not say
    inputs: Inputs | None = None  # absent: written by a version that took the top bits of 0..255
    accuracy: Accuracies
    losses: Losses | None = None  # absent from older records, as the next two are
    removed: tuple[Removed, ...] | None = None  # hidden units that passes removed, by the user's numbers
    clipped: dict[str, Share] | None = None  # of each layer's conversions, on the simulated images
    arrays: Arrays
    layers: tuple[Layer, ...] = ()  # absent from older records, as the next
    layer_cycles: tuple[LayerCycles, ...] = ()
    unsliced: Unsliced | None = None  # absent where every weight has one slice
    cycles: Cycles
    mismatches: Count
    first_mismatch: str | None
    seed: int
    simulator: str
    simulator_version: str | None = None  # what it says about itself; absent from older records, like the next two
    words_compared: Count | None = None
    cycles_compared: Count | None = None
    speed: Speed | None = None  # absent: the chip file has no clock_mhz
    images_per_second: Annotated[float, Field(ge=0)]
    time_s: dict[str, float]

    def _brief(self) -> str:
        rtl = self.accuracy.rtl
        errors = f"{counted(self.mismatches, 'mismatch')}, {counted(self.cycles.timing_errors, 'timing error')}"
        return f"{self.name} on {self.chip}: {rtl.percent:.2f} % of {counted(rtl.images, 'image')} in Verilog, {errors}"

    @classmethod
    def load(cls, folder: str | Path) -> "Metrics":
        """The record of a run folder. Raises InputError when the run has not ended, or the file is damaged."""
        return load(folder)

    @property
    def slicing(self) -> str | None:
        """What slices cost, for people."""
        if self.unsliced is None:
            return None
        used, single = self.arrays.used, self.unsliced
        arrays = "as many arrays" if used == single.arrays else f"{used:,} arrays instead of {single.arrays:,}"
        cycles = f"{amount(self.cycles.interval)} cycles instead of {amount(single.interval)}"
        return f"slices take {arrays}, and an image every {cycles}, compared with one slice a weight"

    @property
    def is_right(self) -> bool:
        """Whether the chip did what was predicted, word for word and cycle for cycle."""
        return not self.mismatches and not self.cycles.timing_errors

    def json_text(self) -> str:
        """summary.json."""
        return sealed(self.model_dump(mode="json", by_alias=True))


def _points(before: Accuracy | None, after: Accuracy | None) -> float | None:
    if before is None or after is None or before.images != after.images:
        return None
    return round(before.percent - after.percent, 4)


def load(folder: str | Path) -> Metrics:
    """The record of a run folder. Raises InputError when the run has not ended, or the file is damaged."""
    path = Path(folder) / SUMMARY
    try:
        return Metrics.model_validate(unsealed(path))
    except OSError as e:
        raise InputError(
            f"{path}: cannot be read ({e.strerror}); finish the run with `codesign run FLOW --out {folder}`"
        ) from None
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(p) for p in first["loc"]) or "file"
        raise InputError(f"{path}: {key}: {first['msg']}; rewrite it with --from report") from None
    except ValueError as e:
        raise InputError(f"{path}: is damaged or from an older codesign ({e}); rewrite it with --from report") from None
