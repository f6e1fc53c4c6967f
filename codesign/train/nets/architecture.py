"""What a network is made of, said once for both twins: the quantized one and the float one. Loads without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from codesign.errors import ConfigError

Shape = tuple[int, ...]  # (features,) or (channels, height, width)


@dataclass(frozen=True)
class Dense:
    """Every output reads every input, flattened."""

    name: str
    source: str
    outputs: int
    act: bool = True  # False: raw accumulators leave the network here


@dataclass(frozen=True)
class Conv:
    """Square kernel; then, if asked for, max pooling (size = stride = pool), then batch norm, then the activation."""

    name: str
    source: str
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    pool: int = 1
    norm: bool = False
    act: bool = True  # False: a signed activation, for a sum to come


@dataclass(frozen=True)
class MaxPool:
    """Largest value of each window."""

    name: str
    source: str
    size: int
    stride: int


@dataclass(frozen=True)
class AvgPool:
    """Mean of each window, rounded to the source's step."""

    name: str
    source: str
    size: int
    stride: int


@dataclass(frozen=True)
class Add:
    """Residual sum, then the activation."""

    name: str
    source: str
    other: str


Layer = Dense | Conv | MaxPool | AvgPool | Add
Architecture = tuple[Layer, ...]


def mlp(hidden: Sequence[int], classes: int) -> Architecture:
    """fc1, fc2, ...: linear layers with an activation between them."""
    sizes = (*hidden, classes)
    return tuple(
        Dense(f"fc{k + 1}", f"fc{k}" if k else "input", size, act=k + 1 < len(sizes)) for k, size in enumerate(sizes)
    )


def lenet(channels: Sequence[int], hidden: Sequence[int], classes: int) -> Architecture:
    """5x5 convolutions without padding, each halved by max pooling, then linear layers (LeCun et al., 1998).

    channels (20, 50) and hidden (128,) are the seed paper's MNIST network.
    """
    return _chain(channels, hidden, classes, padding=0)


def cifar_lenet(channels: Sequence[int], hidden: Sequence[int], classes: int, norm: bool) -> Architecture:
    """Padded 5x5 convolutions, each halved by max pooling, then linear layers.

    channels (32, 32, 64) and no hidden layer are the network of the seed paper's released CIFAR-10 code. Its local
    response normalization is left out; `norm` puts batch norm instead, which folds into the requantizer.
    """
    return _chain(channels, hidden, classes, padding=2, norm=norm)


def _chain(
    channels: Sequence[int], hidden: Sequence[int], classes: int, padding: int, norm: bool = False
) -> Architecture:
    convs = tuple(
        Conv(f"conv{k + 1}", f"conv{k}" if k else "input", c, 5, padding=padding, pool=2, norm=norm)
        for k, c in enumerate(channels)
    )
    first, *rest = mlp(hidden, classes)
    assert isinstance(first, Dense)
    return (*convs, Dense(first.name, convs[-1].name, first.outputs, first.act), *rest)


def resnet(channels: Sequence[int], blocks: int, classes: int) -> Architecture:
    """Residual network for small images (He et al., arXiv:1512.03385, section 4.2): 6 * blocks + 2 layers at 3 widths.

    Shortcuts across a change of width are 1x1 convolutions. Batch norm everywhere; global average pooling is a
    window of a quarter of a 32-pixel image.
    """
    layers: list[Layer] = [Conv("conv1", "input", channels[0], 3, padding=1, norm=True)]
    source = "conv1"
    for s, width in enumerate(channels):
        for b in range(blocks):
            name, stride = f"s{s + 1}b{b + 1}", 2 if s and not b else 1
            layers.append(Conv(f"{name}_conv1", source, width, 3, stride, 1, norm=True))
            layers.append(Conv(f"{name}_conv2", f"{name}_conv1", width, 3, 1, 1, norm=True, act=False))
            shortcut = source
            if stride == 2 or (b == 0 and width != channels[0]):
                shortcut = f"{name}_short"
                layers.append(Conv(shortcut, source, width, 1, stride, norm=True, act=False))
            layers.append(Add(f"{name}_add", f"{name}_conv2", shortcut))
            source = f"{name}_add"
    window = 32 >> (len(channels) - 1)
    layers += [AvgPool("pool", source, window, window), Dense("fc1", "pool", classes, act=False)]
    return tuple(layers)


def shapes(architecture: Architecture, shape: Shape) -> dict[str, Shape]:
    """Shape of every edge, from the input's. Raises ConfigError naming the layer that cannot take its input."""
    found: dict[str, Shape] = {"input": shape}
    for layer in architecture:
        found[layer.name] = _shape(layer, found[layer.source])
    return found


def _shape(layer: Layer, source: Shape) -> Shape:
    if isinstance(layer, Dense):
        return (layer.outputs,)
    if len(source) != 3:
        raise ConfigError(
            f"layer {layer.name}: needs images (channels, height, width), got rows of {source[0]} numbers; "
            'use model = "mlp", or data that keeps its image form'
        )
    if isinstance(layer, Add):
        return source
    size, stride, padding, pool = (
        (layer.kernel, layer.stride, layer.padding, layer.pool)
        if isinstance(layer, Conv)
        else (layer.size, layer.stride, 0, 1)
    )
    height, width = ((n + 2 * padding - size) // stride + 1 for n in source[1:])
    height, width = height // pool, width // pool
    if height < 1 or width < 1:
        raise ConfigError(
            f"layer {layer.name}: a {source[1]}x{source[2]} image is too small for its {size}x{size} window"
            f"{f' and pooling by {pool}' if pool > 1 else ''}; use larger images or another model"
        )
    return (layer.outputs if isinstance(layer, Conv) else source[0], height, width)
