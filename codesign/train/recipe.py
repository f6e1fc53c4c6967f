"""What to train and how: one frozen, validated record. Loads without torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codesign.fixed import IntType

GRID_MAX = 0.3


def _by_method(lsq: Any, iscas2018: Any) -> Any:
    return lambda data: iscas2018 if data.get("method") == "iscas2018" else lsq


class Recipe(BaseModel):
    """A training run. Equal recipes on equal data and cells give equal bytes.

    method `lsq`: learned scale per layer, AdamW, cosine with half an epoch of warm-up.
    method `iscas2018`: one fixed grid for all layers, Adam at a fixed rate into shadow weights clipped to the
    grid, nearest level deployed, gradient taken at the deployed net. Two departures: biases stay digital
    and hidden activations are integers with a learned step, because the chip needs both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dataset: Annotated[str, Field(min_length=1)] = Field(
        "digits", description="digits, mnist, or the path of an .npz file"
    )
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = Field(
        (64,),
        strict=False,
        description="units of each hidden layer",  # TOML and JSON have lists
    )
    activation_bits: Annotated[int, Field(ge=1, le=8)] = Field(8, description="bits of a hidden activation (unsigned)")
    input_bits: Annotated[int, Field(ge=1, le=8)] = Field(8, description="bits of an input: uint8 data shifted right")
    input_signed: bool = Field(False, description="subtract the midpoint, so that inputs are two's complement")
    method: Literal["lsq", "iscas2018"] = Field("lsq", description="training method")
    epochs: Annotated[int, Field(ge=1, le=10000)] = Field(20, description="passes over the training images")
    batch: Annotated[int, Field(ge=1, le=65536)] = Field(
        default_factory=_by_method(128, 60), description="images per step; 128, or 60 for iscas2018"
    )
    lr: Annotated[float, Field(gt=0)] = Field(
        default_factory=_by_method(4e-3, 1e-3), description="learning rate; 4e-3 (peak), or 1e-3 (fixed) for iscas2018"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default_factory=_by_method(1e-4, 0.0), description="AdamW decay of weights only; 1e-4, or 0 for iscas2018"
    )
    grid_max: Annotated[float, Field(gt=0)] = Field(
        GRID_MAX,
        description="iscas2018: real value of the largest weight in every layer. The released code has 0.095, whose "
        "range is too small: 0.3 gained 1.4 points (2 levels) to 2 points (8 levels) on MNIST",
    )
    reject: bool = Field(
        False,
        description="iscas2018: take the deployed cells back when the loss on the same batch rises (the shadow keeps "
        "the update). Gains nothing; can freeze two-level nets, hence accepted after 16 refusals in a row",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="fixes the first weights and the batch order")
    float_baseline: bool = Field(True, description="also train the float twin: same start, same batches")
    float_lr: Annotated[float, Field(gt=0)] = Field(
        default_factory=_by_method(4e-3, 1e-3),
        description="learning rate of the float twin, by the same schedule; too low a rate flatters the quantized net",
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="CPU threads; the bytes may depend on it")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reject and self.method != "iscas2018":
            raise ValueError('reject: needs method = "iscas2018"')
        if self.grid_max != GRID_MAX and self.method != "iscas2018":
            raise ValueError('grid_max: needs method = "iscas2018"; lsq learns a scale per layer')
        return self

    @property
    def input(self) -> IntType:
        """Integer type of one input."""
        return IntType(self.input_bits, self.input_signed)

    @property
    def activation(self) -> IntType:
        """Integer type of one hidden activation."""
        return IntType(self.activation_bits)
