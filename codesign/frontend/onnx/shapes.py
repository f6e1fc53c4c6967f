"""Shapes of activations in a file: windows of poolings and convolutions, reshapes, constants per channel."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign.brief import times
from codesign.errors import InputError
from codesign.frontend.onnx.constants import new_shape
from codesign.frontend.onnx.model import Array, Node, refuse
from codesign.ir.geometry import Shape, Window


def lifted(shape: Shape) -> Shape:
    """(features,) or (channels, height, width) of one image in the file: signals get height 1."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def lowered(shape: Shape, like: Shape) -> Shape:
    """Inverse of `lifted` for the result of an operation on a tensor of shape `like`."""
    return (shape[0], shape[2]) if len(like) == 2 else shape


def image(node: Node, shape: Shape) -> Shape:
    """The shape of an image or a signal as (channels, height, width). Raises UnsupportedError for plain features."""
    if len(shape) not in (2, 3):
        raise refuse(node, f"reads {times(shape)} values per image", "give it (channels, height, width)")
    return lifted(shape)


def window(node: Node, shape: Shape, kernel: Any = None) -> Window:
    """The window of a convolution or pooling over images (channels, height, width).

    Raises UnsupportedError for dilation, padding on one side, ceil_mode and padded pooling.
    """
    size = [int(n) for n in (kernel if kernel is not None else node.get("kernel_shape", []))]
    axes = len(size)
    strides = [int(n) for n in node.get("strides", [1] * axes)]
    pads = [int(n) for n in node.get("pads", [0] * 2 * axes)]
    if axes not in (1, 2) or len(strides) != axes or len(pads) != 2 * axes or min([*size, *strides, 1]) < 1:
        raise refuse(node, f"its window {size} with strides {strides} and pads {pads} is impossible", "export it again")
    if any(int(d) != 1 for d in node.get("dilations", [1])):
        raise refuse(node, "is dilated", "use dilation 1")
    auto = str(node.get("auto_pad", "NOTSET"))
    if auto.startswith("SAME"):
        raise refuse(node, f"auto_pad {auto} depends on sizes", "write its pads out")
    pads = [0] * len(pads) if auto == "VALID" else pads
    if pads[:axes] != pads[axes:] or min(pads) < 0:
        raise refuse(node, f"pads {pads} differ from side to side", "pad both sides alike")
    if node.op != "Conv" and any(pads):
        raise refuse(node, f"pads {pads}", "pool without padding")
    if node.get("ceil_mode", 0):
        raise refuse(node, "ceil_mode is not supported", "use ceil_mode 0")
    lift = (1,) if axes == 1 else ()
    pair = [(*lift, *v) for v in (size, strides)]
    found = Window(pair[0], pair[1], ((0,) if axes == 1 else ()) + tuple(pads[:axes]))  # type: ignore[arg-type]
    if not found.fits(shape):
        raise InputError(f"{node.where}: its {times(found.size)} window is larger than its input, {times(shape)}")
    return found


@dataclass(frozen=True)
class Reading:
    """How a matrix node reads its input: window and groups of a convolution, and the shape of its result."""

    window: Window | None
    groups: int
    shape: Shape

    @property
    def padded(self) -> bool:
        return self.window is not None and any(self.window.padding)


def reading(node: Node, shape: Shape, weight: Shape) -> Reading:
    """For an input of `shape` and a weight with its outputs first. Raises UnsupportedError where they do not suit."""
    if node.op != "Conv":
        if len(shape) != 1 or shape[0] != weight[1]:
            came = f"weights for {weight[1]} inputs read {list(shape)} values per image"
            raise refuse(node, came, "flatten before it")
        return Reading(None, 1, weight[:1])
    seen, groups = image(node, shape), int(node.get("group", 1))
    found = window(node, seen, weight[2:])
    if groups < 1 or weight[1] * groups != seen[0] or weight[0] % groups:
        raise refuse(node, f"weights {list(weight)} in {groups} groups do not suit {seen[0]} channels", "export again")
    return Reading(found, groups, lowered(found.over(seen, weight[0]), shape))


def pooling(node: Node, shape: Shape, arrays: list[Array | None]) -> Window:
    """The window of a pooling node, of one over whole images too."""
    if node.op.startswith("Global"):
        return Window((shape[1], shape[2]), (1, 1))
    if node.op == "ReduceMean":
        given = arrays[1] if len(arrays) > 1 and arrays[1] is not None else node.get("axes", [])
        axes = sorted(int(a) % 4 for a in np.asarray(given).ravel())
        if axes != [2, 3]:
            raise refuse(node, f"takes the mean over axes {axes}", "average over height and width alone")
        return Window((shape[1], shape[2]), (1, 1))
    return window(node, shape)


def pooled(node: Node, shape: Shape, found: Window) -> Shape:
    """Shape behind a pooling; ReduceMean may drop the axes."""
    if node.op == "ReduceMean" and not node.get("keepdims", 1):
        return shape[:1]
    return lowered(found.over(lifted(shape)), shape)


def moved(node: Node, shape: Shape, arrays: list[Array | None]) -> Shape:
    """Shape behind a node that only reshapes activations. Raises UnsupportedError where values change their order."""
    old = (1, *shape)
    if node.op == "Transpose":
        order = [int(a) for a in node.get("perm", range(len(old))[::-1])]
        if sorted(order) != list(range(len(old))):
            raise InputError(f"{node.where}: perm {order} does not suit {len(old)} axes; export the model again")
        real = [a for a in order if old[a] != 1]
        if real != sorted(real):
            raise refuse(node, f"transposes activations by {order}", "export with channels first (NCHW)")
        new: Shape = tuple(old[a] for a in order)
    else:
        filler = np.broadcast_to(np.zeros((), np.int8), old)  # takes no memory
        if node.op == "Reshape":
            if len(arrays) < 2 or arrays[1] is None:
                raise refuse(node, "its shape is computed from values", "export with fixed shapes")
            new = new_shape(node, old, arrays[1])
        elif node.op == "Flatten":
            axis = int(node.get("axis", 1)) % (len(old) + 1)
            new = (int(np.prod(old[:axis])), int(np.prod(old[axis:])))
        else:
            axes = node.get("axes", None) if len(arrays) < 2 or arrays[1] is None else arrays[1]
            chosen = None if axes is None else tuple(int(a) for a in np.asarray(axes).ravel())
            try:
                seen = np.squeeze(filler, chosen) if node.op == "Squeeze" else np.expand_dims(filler, chosen or ())
            except ValueError:
                raise InputError(f"{node.where}: axes {chosen} do not suit shape {list(old)}; export again") from None
            new = seen.shape
    if len(new) < 2 or new[0] != 1 or len(new) > 4:
        raise refuse(node, f"makes shape {list(new)} of one image's {list(old)}", "keep images on the first axis")
    return new[1:]


def per_channel(node: Node, constant: Array, shape: Shape) -> Array:
    """A constant beside activations of `shape`: () or (channels,). Raises UnsupportedError for any other."""
    axes = (1, *shape)
    full = constant.reshape((1,) * max(0, len(axes) - constant.ndim) + constant.shape)
    while full.ndim > len(axes) and full.shape[0] == 1:
        full = full[0]
    if full.size == 1:
        return full.reshape(())
    if full.ndim != len(axes) or any(n != 1 for k, n in enumerate(full.shape) if k != 1) or full.shape[1] != shape[0]:
        raise refuse(
            node,
            f"a constant of shape {list(constant.shape)} beside {list(axes)} differs within channels or widens",
            "use one number per channel",
        )
    return full.reshape(-1)
