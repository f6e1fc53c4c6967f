"""Slices of every layer of a network: what a recipe asks for, on a chip. Loads without torch."""

from codesign.chip.description import Chip
from codesign.errors import ConfigError
from codesign.mapping.cells import too_many
from codesign.mapping.parts import width
from codesign.mapping.tiles import free_slices
from codesign.train.nets.architecture import Architecture, Conv, Linear
from codesign.train.recipe import Quantization


def slices_of(quantize: Quantization, layers: Architecture, chip: Chip) -> dict[str, int]:
    """Pairs of cells that hold each weight, for every layer with weights, by name.

    Raises ConfigError, naming the layer, when weights cannot have so many on the chip's device.
    """
    found, weights = {}, chip.device.weights
    for layer in layers:
        if not isinstance(layer, Linear | Conv):
            continue
        asked = quantize.slices_of(layer.name)
        groups = layer.groups if isinstance(layer, Conv) and layer is not layers[-1] else 1
        beside = free_slices(width(layer.outputs, groups, chip), chip)
        found[layer.name] = count = beside if asked == "free" else asked
        if problem := too_many(weights, count, chip.device.levels):
            raise ConfigError(f"recipe: quantize.slices: layer {layer.name}: {problem}")
    return found
