"""manifest.json of an image folder, as a checked record; its JSON Schema is docs/image-manifest.schema.json."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from codesign.ir import naming

SCHEMA = "codesign-image/2"

Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{8}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+\.[a-z]+$", description="a plain name inside the folder")]
Range = Annotated[
    tuple[int, int], Field(description="first, and one past the last, as places in the layer's matrix on the chip")
]
Numbers = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...] | None,
    Field(description="the user's number of each, where units were removed; absent: the places are the numbers"),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChipRef(_Part):
    """Which chip the image is for."""

    name: str
    id: Hex32 = Field(description="CHIP_ID register of the chip")


class SectionRef(_Part):
    """A section of image.bin."""

    name: str
    kind: Literal["program", "steps", "loads", "tiles", "constants", "cells", "trims", "walks"]
    index: Annotated[int, Field(ge=0)] = Field(description="array, for cells and trims")
    first: Annotated[int, Field(ge=0)] = Field(description="first word address in its memory")
    words: Annotated[int, Field(ge=1)]
    crc32: Hex32


Count = Annotated[int, Field(ge=1)]


class PieceRef(_Part):
    """A rectangle of a layer's matrix in an array: `inputs` on wordlines, `outputs` in signed columns."""

    array: Annotated[int, Field(ge=0)]
    wordline: Annotated[int, Field(ge=0)] = Field(description="of its first input")
    column: Annotated[int, Field(ge=0)] = Field(description="signed column of its first output")
    layer: str
    slice: Annotated[int, Field(ge=0)] = Field(0, description="the cells count levels^slice times")
    inputs: Range
    outputs: Range
    kernel: tuple[Count, Count] | None = Field(
        None, description="height, width of a convolution's kernel, whose inputs are numbered channel by channel"
    )
    groups: tuple[Count, Count] | None = Field(
        None,
        description="inputs and outputs of a convolution group, where there are several: inputs are those of all "
        "groups, one group after another, and a cell where those of one group meet outputs of another is no weight",
    )
    input_numbers: Numbers = None
    output_numbers: Numbers = None

    @property
    def named_inputs(self) -> Sequence[int]:
        """The user's numbers of its inputs, wordline after wordline."""
        return range(*self.inputs) if self.input_numbers is None else self.input_numbers

    @property
    def named_outputs(self) -> Sequence[int]:
        """The user's numbers of its outputs, column after column."""
        return range(*self.outputs) if self.output_numbers is None else self.output_numbers

    def weight(self, wordline: int, bitline: int) -> str | None:
        """The name of the weight that a cell is part of; None outside the piece."""
        inputs, outputs = self.named_inputs, self.named_outputs
        row, column = wordline - self.wordline, bitline // 2 - self.column
        inside = 0 <= row < len(inputs) and 0 <= column < len(outputs) and self.holds(row, column)
        return naming.weight_of(self.layer, outputs[column], self.number(row), self.kernel) if inside else None

    def number(self, row: int) -> int:
        """The user's number of an input as weights have it: in a convolution group."""
        found = self.named_inputs[row]
        return found if self.groups is None else found % self.groups[0]

    def holds(self, row: int, column: int) -> bool:
        """Whether the cells where an input and an output meet are a weight: all are but those between groups."""
        if self.groups is None:
            return True
        inputs, outputs = self.groups
        return self.named_inputs[row] // inputs == (self.outputs[0] + column) // outputs


Finite = Annotated[float, Field(allow_inf_nan=False)]
Step = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class InputsRef(_Part):
    """What a host sends: an input q stands for `offset + step * q` in the units of the network's data.

    A value x becomes `floor((x - offset) / step + 0.5)` in double precision, clamped to lo..hi.
    """

    features: Count = Field(description="values of one image, in the order of the stream")
    shape: tuple[Count, Count, Count] | None = Field(None, description="channels, height, width; absent: no image")
    bits: Annotated[int, Field(ge=1, le=8)]
    signed: bool
    lo: int = Field(description="smallest input")
    hi: int = Field(description="largest input")
    steps: Annotated[tuple[Step, ...], Field(min_length=1)] = Field(
        description="one for all inputs, one for each channel, or one for each input"
    )
    offsets: Annotated[tuple[Finite, ...], Field(min_length=1)] = Field(description="likewise")


class OutputsRef(_Part):
    """What the chip returns: an output q stands for the score `step * q`."""

    count: Count = Field(description="words of one image")
    step: Step
    shape: tuple[Count, Count, Count] | None = Field(
        None,
        description="channels, height, width of a picture, whose words come pixel by pixel, all channels of a pixel "
        "together; absent: no picture",
    )


class Worth(NamedTuple):
    """What the inputs and outputs of a network stand for."""

    inputs: InputsRef
    outputs: OutputsRef


class Manifest(_Part):
    """The whole manifest."""

    schema_name: Literal["codesign-image/2"] = Field("codesign-image/2", alias="schema")
    format: int = Field(description="image format, major << 16 | minor; VERSION register of the chip")
    chip: ChipRef
    network: str
    words: Annotated[int, Field(ge=6)] = Field(description="32-bit words of image.bin")
    word_order: str
    cell_order: str
    crc32: Hex32 = Field(description="last word of image.bin; IMAGE_CRC register once loaded")
    sections: tuple[SectionRef, ...]
    pieces: tuple[PieceRef, ...]
    inputs: InputsRef
    outputs: OutputsRef
    files: dict[FileName, Sha256] = Field(description="SHA-256 of every other file of the folder")

    @property
    def worth(self) -> Worth:
        """What inputs and outputs stand for."""
        return Worth(self.inputs, self.outputs)

    def content(self) -> dict[str, Any]:
        """As JSON values, without what is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def text(self) -> str:
        """Deterministic JSON."""
        return json.dumps(self.content(), indent=1, sort_keys=True) + "\n"


def json_schema() -> str:
    """Text of docs/image-manifest.schema.json."""
    return json.dumps(Manifest.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"
