"""A recipe: its tables, and the rules between them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codesign.brief import Brief
from codesign.errors import ConfigError
from codesign.settings import put
from codesign.train.recipe.data import Data
from codesign.train.recipe.layout import Compile
from codesign.train.recipe.machine import Machine
from codesign.train.recipe.net import Net
from codesign.train.recipe.quantization import Quantization
from codesign.train.recipe.renamed import RENAMED
from codesign.train.recipe.training import Training


class Recipe(Brief, BaseModel):
    """A training run. Equal recipes on equal data and cells give equal bytes.

    Usage:

    >>> import codesign
    >>> recipe = codesign.Recipe(network={"hidden": (16,)}, train={"epochs": 3})
    >>> recipe
    Recipe(network.hidden=(16,), train.epochs=3)
    >>> recipe.data.load()
    Dataset(digits: 1437 training and 360 test images of 1x8x8, 10 classes)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[Mapping[str, str]] = RENAMED

    data: Data = Field(Data(), description="the images")
    network: Net = Field(Net(), description="the layers")
    quantize: Quantization = Field(Quantization(), description="integers of inputs, activations and weights")
    train: Training = Field(Training(), description="how the net and its baseline are trained")
    machine: Machine = Field(Machine(), description="the hardware to train on")
    compile: Compile = Field(Compile(), description="the layout on the chip")

    @model_validator(mode="after")
    def _tables_agree(self) -> Self:
        method, model, q = self.train.method, self.network.model, self.quantize
        problems = []
        if method not in ("lsq", "direct") and q.scale == "column":
            problems.append(f'quantize.scale: "column" needs train.method = "lsq" or "direct", got {method}')
        if method == "direct" and (q.converters or not q.cells.is_ideal or q.stuck_map):
            problems.append(
                'train.method: "direct" trains no quantized net, so quantize.converters, cells and stuck_map have no '
                'effect; remove them or use "lsq"'
            )
        if q.activation_range == "narrow" and not q.activation_signed and model != "resnet":
            problems.append(
                'quantize.activation_range: "narrow" needs activation_signed = true; unsigned activations start at 0'
            )
        if model == "mlp" and q.layers == "conv":
            problems.append('quantize.layers: an mlp has no convolutions; use "all" or "linear"')
        if isinstance(q.slices, dict):
            held = {"all": ("linear", "conv"), "conv": ("conv",), "linear": ("linear",)}[q.layers]
            names = [layer.name for layer in self.network.layers(classes=2) if layer.node.kind in held]
            problems += [
                f"quantize.slices: {name} is not a layer with weights in cells; they are {', '.join(names)}"
                for name in q.slices
                if name not in names
            ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def changed(self, settings: Mapping[str, Any]) -> "Recipe":
        """The recipe with other values, by dotted key. Defaults that depend on them follow.

        Raises pydantic's ValidationError for values that a recipe cannot have, ConfigError for a key below a value.
        """
        tables: dict[str, Any] = {}
        for key, value in settings.items():
            name, *path = key.split(".")
            if name not in tables:
                own = getattr(self, name) if name in Recipe.model_fields else None
                tables[name] = {} if own is None else own.model_dump(exclude_unset=True)
            given = deepcopy(value) if isinstance(value, dict) else value  # later keys may change it
            if problem := put(tables, [name, *path], given):
                raise ConfigError(problem)
        return Recipe.model_validate({name: getattr(self, name) for name in Recipe.model_fields} | tables)
