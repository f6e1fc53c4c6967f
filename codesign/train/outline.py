"""A recipe's network as the compiler will see it, before it has weights. Loads without torch."""

from dataclasses import replace

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32
from codesign.mapping import LayerSize, Outline
from codesign.mapping.arrange import arrange
from codesign.mapping.outline import not_taken
from codesign.train.nets.architecture import Architecture, Linear
from codesign.train.recipe import Recipe
from codesign.train.slices import slices_of


def outline_of(recipe: Recipe, architecture: Architecture, features: int, chip: Chip) -> Outline:
    """The sizes of the layers. Raises UnsupportedError on a layer that the compiler cannot map.

    Raises ConfigError as `slices_of`. Layers trained through converters have the cut 0 here, see `cuts_of`.
    """
    layers: list[LayerSize] = []
    sizes, slices = {"input": features}, slices_of(recipe.quantize, architecture, chip)
    cut = 0 if recipe.quantize.converters else None
    for layer in architecture:
        if not isinstance(layer, Linear):
            raise not_taken(layer.name, layer.node.kind)
        out = recipe.quantize.activation if layer.act else INT32
        size = (sizes[layer.source], layer.outputs)
        layers.append(LayerSize(layer.name, layer.source, *size, out, slices[layer.name], cut))
        sizes[layer.name] = layer.outputs
    return Outline("candidate", features, recipe.quantize.input, tuple(layers))


def cuts_of(recipe: Recipe, architecture: Architecture, features: int, chip: Chip) -> dict[str, int]:
    """The wordline of each layer's first row, by the compiler's own plan: where a training through converters cuts.

    0 for a layer whose blocks would start on different ones, for networks that the compiler cannot map, and for those
    that the chip has no room for.
    """
    names = [layer.name for layer in architecture]
    if not all(isinstance(layer, Linear) for layer in architecture):
        return dict.fromkeys(names, 0)
    outline = outline_of(recipe, architecture, features, chip)
    free = set(names)
    while True:  # each round fixes another layer
        layers = tuple(replace(n, cut=None if n.name in free else 0) for n in outline.layers)
        try:
            spots = arrange(replace(outline, layers=layers), chip, recipe.compile.objective).spots
        except CapacityError:
            return dict.fromkeys(names, 0)
        found = {name: {wordline % chip.arrays.rows for wordline, _ in places} for name, places in spots.items()}
        mixed = {name for name in free if len(found[name]) > 1}
        if not mixed:
            return {name: cuts.pop() for name, cuts in found.items()}
        free -= mixed
