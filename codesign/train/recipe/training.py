"""[train]: how the quantized net and its full-precision baseline are trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from codesign.train.recipe.table import Table, by

GRID_MAX = 0.3
STRENGTH = 1.0

Method = Literal["lsq", "iscas2018", "regularized", "direct"]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]


class Training(Table):
    """The training run. The baseline is the same net at full precision: same start, same batches.

    method `lsq`: straight-through rounding with learned scales, AdamW, cosine with half an epoch of warm-up.
    method `iscas2018`: one fixed grid for all layers; Adam at a fixed rate updates shadow weights that are clipped to
    the grid, the nearest levels are deployed, and the gradient is taken at the deployed net. Hidden activations are
    integers with a learned scale, because the chip needs them; biases are digital unless quantize.bias = "grid".
    method `regularized`: a growing penalty pulls real weights to the grid; they are rounded at the end.
    method `direct`: the baseline is trained, then quantized without further training.
    """

    method: Method = Field("lsq", description="training method")
    epochs: Annotated[int, Field(ge=1, le=10000)] = Field(20, description="passes over the training images")
    batch: Annotated[int, Field(ge=1, le=65536)] = Field(
        default_factory=by("method", 128, iscas2018=60), description="images per step; 128, or 60 for iscas2018"
    )
    lr: Rate = Field(
        default_factory=by("method", 4e-3, iscas2018=1e-3),
        description="learning rate; 4e-3 (peak), or 1e-3 (fixed) for iscas2018",
    )
    weight_decay: Decay = Field(
        default_factory=by("method", 1e-4, iscas2018=0.0),
        description="AdamW decay of weights only; 1e-4, or 0 for iscas2018",
    )
    shift: Annotated[int, Field(ge=0, le=16)] = Field(0, description="augmentation: random shift, pixels each way")
    flip: bool = Field(False, description="augmentation: mirror half of the images")
    smoothing: Share = Field(0.0, description="label smoothing, also of the baseline")
    distill: Share = Field(0.0, description="weight of the baseline's outputs in the quantized net's loss")
    grid_max: Annotated[float, Field(gt=0)] = Field(
        GRID_MAX,
        description="iscas2018: real value of the largest weight in every layer. The released code has 0.095, which is "
        "too small: 0.3 gained 1.4 points (2 levels) to 2 points (8 levels) on MNIST",
    )
    reject: bool = Field(
        False,
        description="iscas2018: undo the update of the cells when the loss on the same batch rises (shadow weights "
        "keep it). Gains nothing, and can freeze two-level nets without `patience`",
    )
    patience: Annotated[int, Field(ge=0, le=10**9)] = Field(
        16, description="iscas2018: refusals in a row before an update is accepted anyway; 0: never"
    )
    strength: Annotated[float, Field(gt=0)] = Field(
        STRENGTH,
        description="regularized: final weight of the penalty, the mean squared distance to the grid in pitches",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, description="determines initial weights, batch order and augmentation"
    )
    baseline: bool = Field(True, description="also train the baseline: full precision, same start, same batches")
    baseline_lr: Rate = Field(
        default_factory=by("method", 4e-3, iscas2018=1e-3),
        description="learning rate of the baseline, by the same schedule; too low a rate flatters the quantized net",
    )
    baseline_weight_decay: Decay = Field(
        default_factory=lambda data: data.get("weight_decay", 0.0),
        description="AdamW decay of the baseline's weights; by default that of the quantized net",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.method != "iscas2018":
            if self.reject:
                problems.append('reject: needs method = "iscas2018"')
            if self.grid_max != GRID_MAX:
                problems.append('grid_max: needs method = "iscas2018"; lsq learns a scale per layer')
        if self.method != "regularized" and self.strength != STRENGTH:
            problems.append('strength: needs method = "regularized"')
        if (self.distill or self.method == "direct") and not self.baseline:
            what = "distill" if self.distill else 'method = "direct"'
            problems.append(f"baseline: {what} needs the full-precision baseline; set baseline = true")
        if problems:
            raise ValueError("\n".join(problems))
        return self
