"""Whether a node's sizes suit the edges that it reads: one rule, one line."""

import math

import numpy as np

from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import WEIGHT_BITS, IntType, Trim
from codesign.ir.graph import Add, AvgPool, Conv, Linear, MaxPool, Node, Shape

MAX_WEIGHTS = 1 << 29  # of a network: what the largest chip that can be described holds
MAX_VALUES = 1 << 24  # of one image on any edge; so 16-bit weights and multipliers keep every product below 2^63


def check_sizes(node: Node, shapes: dict[str, Shape]) -> Shape:
    """The shape of the edge that leaves `node`, from the shapes of the edges it reads.

    Raises InputError on the first size, weight or trim that breaks a rule.
    """
    source = shapes[node.source]
    match node:
        case Linear():
            _check_linear(node, source)
        case Conv():
            _check_conv(node, source)
        case MaxPool() | AvgPool():
            _check_pool(node, source)
        case Add():
            if shapes[node.other] != source:
                raise InputError(
                    f"layer {node.name}: adds {node.source} of {times(source)} and {node.other} of "
                    f"{times(shapes[node.other])}; both must have the same shape"
                )
    shape = node.shape(*(shapes[s] for s in node.sources))
    if math.prod(shape) > MAX_VALUES:
        raise InputError(
            f"layer {node.name}: gives {times(shape)} values an image, at most {MAX_VALUES} are allowed; "
            "use fewer outputs or a larger stride"
        )
    return shape


def _check_linear(node: Linear, source: Shape) -> None:
    if node.weight.ndim != 2 or 0 in node.weight.shape:
        raise InputError(f"layer {node.name}: weight must be (inputs, outputs), got shape {node.weight.shape}")
    if node.inputs != math.prod(source):
        gives = f"{math.prod(source)}" + (f" ({times(source)})" if len(source) > 1 else "")
        raise InputError(f"layer {node.name}: has {node.inputs} inputs but {node.source} gives {gives}")
    _check_weight(node)


def _check_conv(node: Conv, source: Shape) -> None:
    where = f"layer {node.name}"
    if node.weight.ndim != 4 or 0 in node.weight.shape:
        raise InputError(
            f"{where}: weight must be (outputs, inputs // groups, kernel_h, kernel_w), got shape {node.weight.shape}"
        )
    _check_weight(node)
    _check_least(node, stride=1, padding=0, groups=1)
    channels, height, width = _image(node, source)
    if channels % node.groups or node.outputs % node.groups:
        raise InputError(
            f"{where}: groups must divide its {channels} input channels and its {node.outputs} outputs, "
            f"got {node.groups}"
        )
    if node.inputs != channels:
        raise InputError(
            f"{where}: reads {node.inputs} channels (groups {node.groups}, {node.weight.shape[1]} in each) "
            f"but {node.source} gives {channels}"
        )
    if node.padding >= min(node.kernel):
        raise InputError(
            f"{where}: padding must be smaller than the {times(node.kernel)} kernel, got {node.padding}; pad less"
        )
    padded = (height + 2 * node.padding, width + 2 * node.padding)
    if node.kernel[0] > padded[0] or node.kernel[1] > padded[1]:
        raise InputError(
            f"{where}: the {times(node.kernel)} kernel is larger than its padded input, {times(padded)}; "
            "use a smaller kernel or more padding"
        )


def _check_pool(node: MaxPool | AvgPool, source: Shape) -> None:
    _check_least(node, size=1, stride=1)
    _, height, width = _image(node, source)
    if node.size > min(height, width):
        raise InputError(
            f"layer {node.name}: its {node.size}x{node.size} window is larger than its input, {height}x{width}; "
            "use a smaller window"
        )


def _check_weight(node: Linear | Conv) -> None:
    weight = node.weight
    if not np.issubdtype(weight.dtype, np.integer):
        raise InputError(f"layer {node.name}: weights must be integers, got {weight.dtype}")
    if not IntType(WEIGHT_BITS, signed=True).holds(weight):
        raise InputError(
            f"layer {node.name}: weights must be signed {WEIGHT_BITS}-bit integers, got {weight.min()}..{weight.max()}"
        )
    if node.trim is not None and not isinstance(node.trim, Trim):
        raise InputError(f"layer {node.name}: trim must be a codesign.fixed.Trim or None, got {node.trim!r}")


def _check_least(node: Node, **least: int) -> None:
    """Fields that are integers of at least so much."""
    for field, smallest in least.items():
        value = getattr(node, field)
        if type(value) is not int or value < smallest:
            raise InputError(f"layer {node.name}: {field} must be an integer of at least {smallest}, got {value!r}")


def _image(node: Node, source: Shape) -> Shape:
    """(channels, height, width) of the edge that an image layer reads."""
    if len(source) == 3:
        return source
    advice = (
        "give the network a shape (channels, height, width)"
        if node.source == "input"
        else "read a layer that gives images"
    )
    raise InputError(
        f"layer {node.name}: {node.kind} reads images, but {node.source} gives {source[0]} values without "
        f"height and width; {advice}"
    )
