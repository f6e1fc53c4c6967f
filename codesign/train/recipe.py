"""What to train and how: one frozen, validated record. Loads without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from codesign.brief import Brief
from codesign.data import Dataset, digest, load
from codesign.devices import Cells
from codesign.fixed import IntType
from codesign.train.nets import architecture
from codesign.train.nets.architecture import Architecture

GRID_MAX = 0.3
STRENGTH = 1.0

Method = Literal["lsq", "iscas2018", "regularized", "direct"]
Model = Literal["mlp", "lenet", "cifar_lenet", "resnet"]
Width = Annotated[int, Field(ge=1, le=65536)]
Rate = Annotated[float, Field(ge=0, lt=1)]


def _range(value: object) -> object:
    """What `Range` takes; one message for all its forms."""
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value)
    if not pair and value not in ("full", "narrow"):
        raise PydanticCustomError("range", 'must be "full", "narrow" or two integers [lo, hi]')
    return tuple(value) if isinstance(value, list) else value


Range = Annotated[Literal["full", "narrow"] | tuple[int, int], BeforeValidator(_range)]


def _by(key: str, other: Any, **values: Any) -> Callable[[dict[str, Any]], Any]:
    """A default that depends on an earlier field."""
    return lambda data: values.get(str(data.get(key)), other)


@dataclass(frozen=True)
class Images:
    """Which images a recipe trains on and is tested with."""

    dataset: str
    downsample: int
    validation: int

    def load(self, folder: Path | None = None) -> Dataset:
        """The data set; see `codesign.data.load` for `folder`."""
        dataset = load(self.dataset, folder).downsampled(self.downsample)
        return dataset.split(self.validation) if self.validation else dataset

    def digest(self, folder: Path | None = None) -> str:
        """Of the files that `load` reads, without looking into them; see `codesign.data.digest`."""
        return digest(self.dataset, folder)


class Recipe(Brief, BaseModel):
    """A training run. Equal recipes on equal data and cells give equal bytes.

    method `lsq`: straight-through rounding with learned scales, AdamW, cosine with half an epoch of warm-up.
    method `iscas2018`: one fixed grid for all layers, Adam at a fixed rate into shadow weights clipped to the
    grid, nearest level deployed, gradient taken at the deployed net. Hidden activations are integers with a learned
    step, because the chip needs them; biases are digital unless bias = "grid".
    method `regularized`: real weights pulled to the grid by a growing penalty, rounded at the end.
    method `direct`: the float twin is trained, then quantized without further training.

    Usage:

    >>> import codesign
    >>> recipe = codesign.Recipe(dataset="digits", hidden=(16,), epochs=3)
    >>> recipe
    Recipe(hidden=(16,), epochs=3)
    >>> recipe.load()
    Dataset(digits: 1437 training and 360 test images of 1x8x8, 10 classes)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dataset: Annotated[str, Field(min_length=1)] = Field(
        "digits", description="digits, mnist, cifar10, or the path of an .npz file or of an image folder"
    )
    downsample: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="the host sends the chip means of N x N pixels instead of pixels: fewer inputs"
    )
    validation: Annotated[int, Field(ge=0)] = Field(
        0,
        description="test on the last N training images, held out: choose recipes with it, never on the test set",
    )
    model: Model = Field("mlp", description="mlp, lenet, cifar_lenet or resnet (see train/nets/architecture.py)")
    hidden: tuple[Width, ...] = Field(
        default_factory=_by("model", (), mlp=(64,), lenet=(128,)),
        strict=False,
        description="units of each hidden linear layer",  # TOML and JSON have lists
    )
    channels: tuple[Width, ...] = Field(
        default_factory=_by("model", (), lenet=(20, 50), cifar_lenet=(32, 32, 64), resnet=(16, 32, 64)),
        strict=False,
        description="channels of each convolution, or of each stage of a resnet",
    )
    blocks: Annotated[int, Field(ge=1, le=100)] = Field(3, description="resnet: blocks a stage (3: ResNet-20)")
    norm: bool = Field(False, description="cifar_lenet: batch norm, folded into the requantizer")
    activation_bits: Annotated[int, Field(ge=1, le=8)] = Field(8, description="bits of a hidden activation")
    activation_signed: bool = Field(False, description="hidden activations clamp to a signed range; no ReLU")
    activation_range: Range = Field(
        "full",
        description='integers a hidden activation takes: "full", all that its bits hold; "narrow", as many below 0 as '
        "above where it is signed (-1..1 of 2 bits); or [lo, hi]",
    )
    activation_clip: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="fixes where activations clip (6: ReLU6): the real value of the integer farthest from 0, so that "
        "a signed range clips at both -clip and clip only if narrow; absent: learned",
    )
    input_bits: Annotated[int, Field(ge=1, le=8)] = Field(
        8, description="bits of an input; they span the values of the training images"
    )
    input_signed: bool = Field(False, description="subtract the midpoint, so that inputs are two's complement")

    method: Method = Field("lsq", description="training method")
    quantize: Literal["all", "conv", "linear"] = Field(
        "all", description="which layers' weights lie on the grid; the others stay real, for studies only"
    )
    scale: Literal["layer", "column"] = Field(
        "layer", description="lsq: what shares a weight scale; the last is shared"
    )
    slices: Annotated[int, Field(ge=1, le=8)] = Field(1, description="pairs of cells per weight, base `levels`")
    bias: Literal["digital", "grid"] = Field("digital", description="biases beside the array, or in its cells")
    converters: bool = Field(False, description="train through the chip's ADCs, per input bit and array")
    cells: Cells = Field(Cells(), description="imperfections that every training step draws anew")
    stuck_map: str | None = Field(None, description=".safetensors with the stuck cells of every layer (see docs)")

    epochs: Annotated[int, Field(ge=1, le=10000)] = Field(20, description="passes over the training images")
    batch: Annotated[int, Field(ge=1, le=65536)] = Field(
        default_factory=_by("method", 128, iscas2018=60), description="images per step; 128, or 60 for iscas2018"
    )
    lr: Annotated[float, Field(gt=0)] = Field(
        default_factory=_by("method", 4e-3, iscas2018=1e-3),
        description="learning rate; 4e-3 (peak), or 1e-3 (fixed) for iscas2018",
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default_factory=_by("method", 1e-4, iscas2018=0.0),
        description="AdamW decay of weights only; 1e-4, or 0 for iscas2018",
    )
    shift: Annotated[int, Field(ge=0, le=16)] = Field(0, description="augmentation: random shift, pixels each way")
    flip: bool = Field(False, description="augmentation: mirror half of the images")
    smoothing: Rate = Field(0.0, description="label smoothing, both twins")
    distill: Rate = Field(0.0, description="weight of the float twin's outputs in the quantized net's loss")
    grid_max: Annotated[float, Field(gt=0)] = Field(
        GRID_MAX,
        description="iscas2018: real value of the largest weight in every layer. The released code has 0.095, whose "
        "range is too small: 0.3 gained 1.4 points (2 levels) to 2 points (8 levels) on MNIST",
    )
    reject: bool = Field(
        False,
        description="iscas2018: take the deployed cells back when the loss on the same batch rises (the shadow keeps "
        "the update). Gains nothing; can freeze two-level nets, hence accepted after `patience` refusals in a row",
    )
    patience: Annotated[int, Field(ge=0, le=10**9)] = Field(
        16, description="iscas2018: refusals in a row before a proposal is taken anyway; 0: never"
    )
    strength: Annotated[float, Field(gt=0)] = Field(
        STRENGTH, description="regularized: final weight of the penalty, mean squared distance to the grid in pitches"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="fixes the first weights and the batch order")
    float_baseline: bool = Field(True, description="also train the float twin: same start, same batches")
    float_lr: Annotated[float, Field(gt=0)] = Field(
        default_factory=_by("method", 4e-3, iscas2018=1e-3),
        description="learning rate of the float twin, by the same schedule; too low a rate flatters the quantized net",
    )
    float_weight_decay: Annotated[float, Field(ge=0)] = Field(
        default_factory=lambda data: data.get("weight_decay", 0.0),
        description="AdamW decay of the float twin's weights",
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="CPU threads; the bytes may depend on it")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="where to train; cuda: a GPU, bytes differ from the CPU's"
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
        if self.method not in ("lsq", "direct") and self.scale == "column":
            problems.append(f'scale: "column" needs method = "lsq" or "direct", got {self.method}')
        if self.method == "direct" and (self.converters or not self.cells.is_ideal or self.stuck_map):
            problems.append(
                'method: "direct" trains no quantized net, so converters, cells and stuck_map have no effect; '
                'remove them or use "lsq"'
            )
        if (self.distill or self.method == "direct") and not self.float_baseline:
            what = "distill" if self.distill else 'method = "direct"'
            problems.append(f"float_baseline: {what} needs the float twin; set float_baseline = true")
        problems += self._range_problems()
        if self.stuck_map and self.slices > 1:
            problems.append("stuck_map: maps one pair of cells a weight; use slices = 1")
        if self.model == "mlp" and self.channels:
            problems.append("channels: an mlp has none; use hidden, or another model")
        if self.model in ("lenet", "cifar_lenet", "resnet") and not self.channels:
            problems.append(f"channels: a {self.model} needs at least one; for example channels = [16, 32]")
        if self.model == "resnet" and self.hidden:
            problems.append("hidden: a resnet has none; use channels and blocks")
        if self.model == "mlp" and self.quantize == "conv":
            problems.append('quantize: an mlp has no convolutions; use "all" or "linear"')
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _range_problems(self) -> list[str]:
        """What is wrong with `activation_range`."""
        if self.activation_range == "full":
            return []
        if self.activation_range != "narrow":
            (lo, hi), whole = self.activation_range, IntType(self.activation_bits, self.activation_signed)
            if whole.lo <= lo < hi <= whole.hi:
                return []
            return [
                f"activation_range: must be [lo, hi], lo < hi, in {whole.lo}..{whole.hi} ({whole}), got [{lo}, {hi}]"
            ]
        if not self.activation_signed and self.model != "resnet":
            return ['activation_range: "narrow" needs activation_signed = true; unsigned activations start at 0']
        if self.activation_bits == 1:
            return ['activation_range: "narrow" leaves one integer of 1 bit; use activation_bits = 2 or more']
        return []

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
        """Integer type of what a residual sum adds up."""
        return self._signed(None)

    def _signed(self, within: tuple[int, int] | None) -> IntType:
        top = IntType(self.activation_bits, signed=True).hi
        return IntType(self.activation_bits, True, (-top, top) if self.activation_range == "narrow" else within)

    @property
    def images(self) -> Images:
        """What to load."""
        return Images(self.dataset, self.downsample, self.validation)

    def load(self, folder: Path | None = None) -> Dataset:
        """The data set to train and test with; see `codesign.data.load` for `folder`."""
        return self.images.load(folder)

    def layers(self, classes: int) -> Architecture:
        """The network for data of so many classes."""
        if self.model == "mlp":
            return architecture.mlp(self.hidden, classes)
        if self.model == "lenet":
            return architecture.lenet(self.channels, self.hidden, classes)
        if self.model == "cifar_lenet":
            return architecture.cifar_lenet(self.channels, self.hidden, classes, self.norm)
        return architecture.resnet(self.channels, self.blocks, classes)
