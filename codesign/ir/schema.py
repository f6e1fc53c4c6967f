"""The JSON description inside a network file, read strictly: the file may come from anywhere."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from codesign.ir.sizes import MAX_VALUES

MAX_LAYERS = 4096

Name = Annotated[str, Field(min_length=1, max_length=256)]
Size = Annotated[int, Field(ge=0, le=MAX_VALUES)]
Type = tuple[int, bool]  # bits, signed
Trim = tuple[int, int] | None  # gain, shift


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Layer(_Strict):
    kind: str
    name: Name
    source: Name


class _Scaled(_Layer):
    shift: int
    out: Type


class LinearLayer(_Scaled):
    kind: Literal["linear"]


class TrimmedLinear(LinearLayer):
    trim: Trim = None


class ConvLayer(_Scaled):
    kind: Literal["conv"]
    stride: Size
    padding: Size
    groups: Size
    trim: Trim = None


class MaxPoolLayer(_Layer):
    kind: Literal["maxpool"]
    size: Size
    stride: Size


class AvgPoolLayer(_Scaled):
    kind: Literal["avgpool"]
    size: Size
    stride: Size


class AddLayer(_Scaled):
    kind: Literal["add"]
    other: Name


Layer = LinearLayer | ConvLayer | MaxPoolLayer | AvgPoolLayer | AddLayer


class Header(BaseModel):
    """The one field that every version has: which one it is."""

    schema_name: Literal["codesign-network/1", "codesign-network/2"] = Field(alias="schema")


class _Description(_Strict):
    name: str
    features: int = Field(ge=1, le=MAX_VALUES)
    input: Type
    step: float = Field(gt=0)


class Version1(_Description):
    """Linear layers only."""

    schema_name: Literal["codesign-network/1"] = Field(alias="schema")
    layers: list[LinearLayer] = Field(max_length=MAX_LAYERS)


class Version2(_Description):
    """Every kind of layer, and the form of an input image."""

    schema_name: Literal["codesign-network/2"] = Field(alias="schema")
    shape: tuple[Size, Size, Size] | None = None
    layers: list[
        Annotated[TrimmedLinear | ConvLayer | MaxPoolLayer | AvgPoolLayer | AddLayer, Field(discriminator="kind")]
    ] = Field(max_length=MAX_LAYERS)


VERSIONS: dict[str, type[Version1 | Version2]] = {"codesign-network/1": Version1, "codesign-network/2": Version2}
