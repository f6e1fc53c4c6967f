"""A recipe's network as the compiler will see it, before it has weights. Loads without torch."""

import math
from dataclasses import replace

from codesign.chip.description import Chip
from codesign.errors import CapacityError, UnsupportedError
from codesign.fixed import INT32, Trim
from codesign.ir import Network, Node
from codesign.ir.geometry import Shape
from codesign.mapping import Outline, outline
from codesign.mapping.arrange import arrange
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture, shapes
from codesign.train.recipe import Recipe
from codesign.train.slices import slices_of


def outline_of(recipe: Recipe, architecture: Architecture, shape: Shape, chip: Chip) -> Outline:
    """The sizes of the layers, for inputs of `shape`: what the compiler makes of a network of these nodes.

    Raises UnsupportedError on a layer that the compiler cannot map, ConfigError as `slices_of` and `shapes`. Layers
    trained through converters have the cut 0 here, see `cuts_of`.
    """
    seen, slices = shapes(architecture, shape), slices_of(recipe.quantize, architecture, chip)
    kinds, names = {"input": recipe.quantize.input}, {"input": "input"}  # of the edge that each layer's readers read
    held, raw = {"trim": Trim() if recipe.quantize.converters else None}, arch.raw(architecture)
    nodes: list[Node] = []
    for layer in architecture:
        kind = layer.kind(kinds[layer.source], recipe.quantize.activation, recipe.quantize.summand)
        out = INT32 if layer is architecture[-1] or layer.name in raw else kind
        reads = tuple(names[s] for s in layer.sources)
        nodes += layer.sized(reads, seen[layer.source], out, slices=slices.get(layer.name, 1), **held)
        names[layer.name], kinds[layer.name] = nodes[-1].name, out
    images = shape if len(shape) == 3 else ()
    return outline(Network("candidate", math.prod(shape), recipe.quantize.input, tuple(nodes), shape=images))


def cuts_of(recipe: Recipe, architecture: Architecture, shape: Shape, chip: Chip) -> dict[str, int]:
    """The wordline of each layer's first row, by the compiler's own plan: where a training through converters cuts.

    0 for a layer whose blocks would start on different ones, for convolutions in groups, for networks that the compiler
    cannot map, and for those that the chip has no room for.
    """
    uncut = {layer.name: 0 for layer in architecture if isinstance(layer, arch.Linear | arch.Conv)}
    grouped = {layer.name for layer in architecture if isinstance(layer, arch.Conv) and layer.groups > 1}
    try:
        sizes = outline_of(recipe, architecture, shape, chip)
    except UnsupportedError:
        return uncut
    free = set(uncut) - grouped
    while True:  # each round fixes another layer
        layers = tuple(replace(n, cut=None if n.is_vector or n.name in free else 0) for n in sizes.layers)
        try:
            spots = arrange(replace(sizes, layers=layers), chip, recipe.compile.objective).spots
        except CapacityError:
            return uncut
        found = {name: {wordline % chip.arrays.rows for wordline, _ in places} for name, places in spots.items()}
        mixed = {name for name in free if len(found[name]) > 1}
        if not mixed:
            return {name: cuts.pop() for name, cuts in found.items()}
        free -= mixed
