"""[network]: the layers of the quantized net and of its full-precision baseline."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from codesign.train.nets import architecture
from codesign.train.nets.architecture import Architecture
from codesign.train.recipe.table import Table, by

Model = Literal["mlp", "lenet", "cifar_lenet", "resnet"]
Width = Annotated[int, Field(ge=1, le=65536)]


class Net(Table):
    """The network."""

    model: Model = Field("mlp", description="mlp, lenet, cifar_lenet or resnet (see train/nets/architecture.py)")
    hidden: tuple[Width, ...] = Field(
        default_factory=by("model", (), mlp=(64,), lenet=(128,)),
        strict=False,
        description="units of each hidden linear layer; mlp: [64], lenet: [128], else none",  # TOML and JSON have lists
    )
    channels: tuple[Width, ...] = Field(
        default_factory=by("model", (), lenet=(20, 50), cifar_lenet=(32, 32, 64), resnet=(16, 32, 64)),
        strict=False,
        description="channels of each convolution, or of each stage of a resnet",
    )
    kernel: Annotated[int, Field(ge=1, le=64)] = Field(
        5, description="lenet, cifar_lenet: height and width of every convolution's kernel; odd for cifar_lenet"
    )
    blocks: Annotated[int, Field(ge=1, le=100)] = Field(3, description="resnet: blocks per stage (3: ResNet-20)")
    norm: bool = Field(False, description="cifar_lenet: batch norm, folded into the requantizer")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.model == "mlp" and self.channels:
            problems.append("channels: an mlp has none; use hidden, or another model")
        if self.model in ("lenet", "cifar_lenet", "resnet") and not self.channels:
            problems.append(f"channels: a {self.model} needs at least one; for example channels = [16, 32]")
        if self.model == "cifar_lenet" and self.kernel % 2 == 0:
            problems.append(f"kernel: must be odd for a cifar_lenet, which pads by half of it, got {self.kernel}")
        if self.model == "resnet" and self.hidden:
            problems.append("hidden: a resnet has none; use channels and blocks")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def area(self) -> int:
        """Positions of the kernel of its convolutions; a residual network's have 3 x 3, those of shortcuts aside."""
        return 9 if self.model == "resnet" else self.kernel**2

    def layers(self, classes: int) -> Architecture:
        """The layers for data of `classes` classes."""
        if self.model == "mlp":
            return architecture.mlp(self.hidden, classes)
        if self.model == "lenet":
            return architecture.lenet(self.channels, self.hidden, classes, self.kernel)
        if self.model == "cifar_lenet":
            return architecture.cifar_lenet(self.channels, self.hidden, classes, self.norm, self.kernel)
        return architecture.resnet(self.channels, self.blocks, classes)
