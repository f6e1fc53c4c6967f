"""Builds the quantized network that training starts with, from a recipe and a chip."""

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from torch import Tensor

from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.errors import ConfigError, InputError, ToolError
from codesign.fixed import IntType
from codesign.ir.geometry import Shape
from codesign.train.identity import map_bytes
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.layers.noise import CellNoise, check_stuck
from codesign.train.nets import architecture
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.quantized import QuantNet, quantized
from codesign.train.outline import cuts_of
from codesign.train.recipe import Recipe
from codesign.train.slices import slices_of


def check(recipe: Recipe, dataset: Dataset, chip: Chip) -> None:
    """Whether a training can start.

    Raises ConfigError when the chip cannot take the recipe's integers or slices, or the layers cannot take the data,
    ToolError when the recipe asks for a GPU and torch finds none.
    """
    top = chip.activation.bits
    for field in ("input_bits", "activation_bits"):
        if (bits := getattr(recipe.quantize, field)) > top:
            raise ConfigError(
                f"recipe: quantize.{field} must be at most {top} (activation.bits of chip {chip.name}), got {bits}"
            )
    model, train = recipe.network.model, recipe.train
    needs = f"network.model = {model!r}" if model != "mlp" else "train.shift" if train.shift else "train.flip"
    if (model != "mlp" or train.shift or train.flip) and len(dataset.shape) != 3:
        raise ConfigError(
            f"recipe: {needs} needs images, data set {dataset.name} has rows of {dataset.features} numbers; "
            "give arrays of shape (images, height, width) or (images, channels, height, width)"
        )
    if model != "mlp":
        architecture.shapes(recipe.network.layers(dataset.classes), dataset.shape)
    slices_of(recipe.quantize, recipe.network.layers(dataset.classes), chip)
    if recipe.machine.device == "cuda" and not torch.cuda.is_available():
        raise ToolError('machine.device: "cuda" needs a GPU, torch finds none; use "cpu" or a CUDA build of torch')


def build(
    recipe: Recipe,
    layers: Architecture,
    shape: Shape,
    chip: Chip,
    noise_rng: torch.Generator,
    input: IntType | None = None,
) -> QuantNet:
    """The quantized network before training, for inputs of type `input`, by default the recipe's.

    Raises InputError on a stuck map that does not fit.
    """
    device, q, train = chip.device, recipe.quantize, recipe.train
    slices = slices_of(q, layers, chip)
    grids = {name: Grid.sliced(device.weights, count, device.levels) for name, count in slices.items()}
    stuck = _stuck_map(q.stuck_map) if q.stuck_map else {}

    cuts = cuts_of(recipe, layers, shape, chip) if q.converters else {}

    def converters(name: str, last: bool) -> Converters | None:
        if not q.converters:
            return None
        return Converters(chip.arrays.rows, chip.adc.bits, last, device.codes[-1], cuts[name])

    def noise(name: str, size: tuple[int, ...]) -> CellNoise | None:
        mine = stuck.pop(name, None)
        if q.cells.is_ideal and mine is None:
            return None
        if mine is not None:
            if slices[name] > 1:
                raise InputError(
                    f"{q.stuck_map}: layer {name} has {slices[name]} slices, a map describes one pair of cells per "
                    f"weight; set quantize.slices.{name} = 1, or leave the layer out of the map"
                )
            mine = check_stuck(mine, name, size, device)
        return CellNoise(q.cells, device, chip.arrays.rows, chip.columns, noise_rng, mine)

    model = quantized(
        layers,
        shape,
        grids,
        q.activation,
        input or q.input,
        seed=train.seed,
        weight_clip=train.grid_max if train.method == "iscas2018" else None,
        activation_clip=q.activation_clip,
        summand=q.summand,
        per_column=q.scale == "column",
        bias_on_grid=q.bias == "grid",
        real={"all": "", "conv": "linear", "linear": "conv"}[q.layers],
        converters=converters,
        noise=noise,
    )
    if stuck:
        names = ", ".join(layer.name for layer in model.chain)
        raise InputError(f"{q.stuck_map}: layer {min(stuck)} is not in the network ({names}); rename it")
    return model


def _stuck_map(path: str) -> dict[str, Tensor]:
    """The map of each layer, by name, from a .safetensors file. Raises InputError."""
    try:
        return from_bytes(map_bytes(path))
    except (SafetensorError, ValueError) as e:
        raise InputError(f"{path}: is not a .safetensors file ({e}); save one int8 tensor for each layer") from None
