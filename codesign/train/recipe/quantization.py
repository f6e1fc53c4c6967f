"""[quantize]: the integers of inputs, activations and weights, and the cells that hold the weights."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from codesign.devices import Cells
from codesign.fixed import MAX_SLICES, IntType
from codesign.train.recipe.table import Table


def _range(value: object) -> object:
    """Check the forms of `Range`, with one message for all of them."""
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value)
    if not pair and value not in ("full", "narrow"):
        raise PydanticCustomError("range", 'must be "full", "narrow" or two integers [lo, hi]')
    return tuple(value) if isinstance(value, list) else value


def _counts(value: object) -> object:
    """Check the forms of `Slices`, with one message for all of them."""
    counts = value.items() if isinstance(value, dict) else [("", value)]
    for name, count in counts:
        if type(name) is not str or not (count == "free" or (type(count) is int and 1 <= count <= MAX_SLICES)):
            raise PydanticCustomError(
                "slices", f'must be an integer 1..{MAX_SLICES}, "free", or a table of these by layer, like {{fc2 = 2}}'
            )
    return value


Bits = Annotated[int, Field(ge=1, le=8)]
Range = Annotated[Literal["full", "narrow"] | tuple[int, int], BeforeValidator(_range)]
Count = Annotated[int, Field(ge=1, le=MAX_SLICES)] | Literal["free"]
Slices = Annotated[Count | dict[str, Count], BeforeValidator(_counts)]


class Quantization(Table):
    """Integer types of inputs and activations, and the grid of the weights."""

    input_bits: Bits = Field(8, description="bits of an input; they span the range of the training images")
    input_signed: bool = Field(False, description="subtract the midpoint: inputs become two's complement")
    activation_bits: Bits = Field(8, description="bits of a hidden activation")
    activation_signed: bool = Field(
        False, description="hidden activations are clamped to a signed range, without a ReLU"
    )
    activation_range: Range = Field(
        "full",
        description='integers of a hidden activation: "full", all that its bits hold; "narrow", symmetric about 0 if '
        "signed (-1..1 for 2 bits); or [lo, hi]",
    )
    activation_clip: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="fixed clip of activations (6: ReLU6): the real value of the integer farthest from 0; a signed "
        "range reaches both -clip and clip only if narrow. Absent: learned",
    )
    layers: Literal["all", "conv", "linear"] = Field(
        "all", description="layers whose weights lie on the grid; others stay real, for studies only"
    )
    scale: Literal["layer", "column"] = Field(
        "layer", description="lsq, direct: one weight scale per layer or per column; the last layer has one scale"
    )
    slices: Slices = Field(
        1,
        description='pairs of cells per weight, in base `levels`; "free": as many as fit into the column groups that a '
        "layer's own tiles leave unused; or a table by layer, {fc1 = 2}, where the others have 1",
    )
    bias: Literal["digital", "grid"] = Field(
        "digital", description="biases in the requantizer (digital) or in cells (grid)"
    )
    converters: bool = Field(False, description="train through the chip's ADCs, for every input bit and array")
    cells: Cells = Field(Cells(), description="imperfections, drawn anew in every training step")
    stuck_map: str | None = Field(None, description=".safetensors file with the stuck cells of every layer (see docs)")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = self._range_problems()
        if self.stuck_map and isinstance(self.slices, int) and self.slices > 1:
            problems.append("stuck_map: maps one pair of cells per weight; use slices = 1")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _range_problems(self) -> list[str]:
        """Problems of `activation_range`."""
        if self.activation_range == "full":
            return []
        if self.activation_range == "narrow":
            narrowest = self.activation_bits == 1
            why = 'activation_range: "narrow" leaves one integer of 1 bit; use activation_bits = 2 or more'
            return [why] if narrowest else []
        (lo, hi), whole = self.activation_range, IntType(self.activation_bits, self.activation_signed)
        if whole.lo <= lo < hi <= whole.hi:
            return []
        return [f"activation_range: must be [lo, hi], lo < hi, in {whole.lo}..{whole.hi} ({whole}), got [{lo}, {hi}]"]

    def slices_of(self, layer: str) -> int | Literal["free"]:
        """What `slices` says of a layer."""
        return self.slices.get(layer, 1) if isinstance(self.slices, dict) else self.slices

    @property
    def counts(self) -> tuple[int | Literal["free"], ...]:
        """Every value in `slices`."""
        return tuple(self.slices.values()) if isinstance(self.slices, dict) else (self.slices,)

    @property
    def input(self) -> IntType:
        """Integer type of one input."""
        return IntType(self.input_bits, self.input_signed)

    @property
    def activation(self) -> IntType:
        """Integer type of one hidden activation."""
        within = None if isinstance(self.activation_range, str) else self.activation_range
        return IntType(self.activation_bits, within=within) if not self.activation_signed else self._signed(within)

    @property
    def summand(self) -> IntType:
        """Integer type of the operands of a residual sum."""
        return self._signed(None)

    def _signed(self, within: tuple[int, int] | None) -> IntType:
        top = IntType(self.activation_bits, signed=True).hi
        return IntType(self.activation_bits, True, (-top, top) if self.activation_range == "narrow" else within)
