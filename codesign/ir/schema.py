"""The JSON description inside a network file, read strictly: the file may come from anywhere."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from codesign.ir.sizes import MAX_VALUES

MAX_LAYERS = 4096

Name = Annotated[str, Field(min_length=1, max_length=256)]
Size = Annotated[int, Field(ge=0, le=MAX_VALUES)]
Type = tuple[int, bool]  # bits, signed
Ranged = tuple[int, bool, int, int]  # and lo, hi
T = TypeVar("T", Type, Ranged)
Trim = tuple[int, int] | None  # gain, shift


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Layer(_Strict):
    kind: str
    name: Name
    source: Name


class _Scaled(_Layer, Generic[T]):
    shift: int
    out: T


class LinearLayer(_Scaled[T]):
    kind: Literal["linear"]


class TrimmedLinear(LinearLayer[T]):
    trim: Trim = None


class ConvLayer(_Scaled[T]):
    kind: Literal["conv"]
    stride: Size
    padding: Size
    groups: Size
    trim: Trim = None


class MaxPoolLayer(_Layer):
    kind: Literal["maxpool"]
    size: Size
    stride: Size


class AvgPoolLayer(_Scaled[T]):
    kind: Literal["avgpool"]
    size: Size
    stride: Size


class AddLayer(_Scaled[T]):
    kind: Literal["add"]
    other: Name


Layer = LinearLayer[Any] | ConvLayer[Any] | MaxPoolLayer | AvgPoolLayer[Any] | AddLayer[Any]  # of any version


class Header(BaseModel):
    """The one field that every version has: which one it is."""

    schema_name: Literal["codesign-network/1", "codesign-network/2", "codesign-network/3"] = Field(alias="schema")


class _Description(_Strict, Generic[T]):
    name: str
    features: int = Field(ge=1, le=MAX_VALUES)
    input: T
    step: float = Field(gt=0)


class Version1(_Description[Type]):
    """Linear layers only."""

    schema_name: Literal["codesign-network/1"] = Field(alias="schema")
    layers: list[LinearLayer[Type]] = Field(max_length=MAX_LAYERS)


class _Image(_Description[T], Generic[T]):
    shape: tuple[Size, Size, Size] | None = None
    layers: list[
        Annotated[
            TrimmedLinear[T] | ConvLayer[T] | MaxPoolLayer | AvgPoolLayer[T] | AddLayer[T],
            Field(discriminator="kind"),
        ]
    ] = Field(max_length=MAX_LAYERS)


class Version2(_Image[Type]):
    """Every kind of layer, and the form of an input image."""

    schema_name: Literal["codesign-network/2"] = Field(alias="schema")


class Version3(_Image[Ranged]):
    """The range of every integer type, too."""

    schema_name: Literal["codesign-network/3"] = Field(alias="schema")


Description = Version1 | Version2 | Version3
VERSIONS: dict[str, type[Description]] = {
    "codesign-network/1": Version1,
    "codesign-network/2": Version2,
    "codesign-network/3": Version3,
}
