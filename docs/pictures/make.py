"""The pictures of the documents, made again by codesign: python docs/pictures/make.py [RUN]

Every number in them is computed by the code that computes the chip. Same code, same bytes. With RUN, the folder of a
finished `codesign run digits_mlp`, Chromium also takes report.png, the picture of README.md.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from codesign import fixed, plot
from codesign.chip.description import Chip
from codesign.ir import Conv, Linear, MaxPool, Network, Requant, verify
from codesign.mapping import Mapping, place, run
from codesign.mapping.walk import Walk
from codesign.squares import COLOURS

HERE = Path(__file__).parent
RAW = fixed.INT32
PLUS, MINUS, PLAIN = COLOURS[0], COLOURS[1], "#7b8591"


def raw(outputs: int) -> Requant:
    """A last layer's requantizer, which changes nothing."""
    return Requant(np.ones(outputs, np.int64), np.zeros(outputs, np.int64), 0, RAW)


def relu(outputs: int, shift: int) -> Requant:
    """A ReLU to four bits."""
    return Requant(np.ones(outputs, np.int64), np.zeros(outputs, np.int64), shift, fixed.IntType(4))


WEIGHT = np.array([[2, -1, 0], [-3, 1, 3], [0, 2, -2], [1, -3, 1]], np.int32)  # (inputs, outputs)
X = np.array([5, 2, 7, 3])


def pair_program() -> Mapping:
    """The layer that cells.svg and bits.svg show: 4 inputs, 3 outputs, on four-level cells."""
    network = Network("pair", 4, fixed.IntType(3), (Linear("fc1", "input", WEIGHT, raw(3)),))
    return place(verify(network), "tiny")


def table(axes: Axes, x: float, y: float, cells: np.ndarray, title: str, colours: np.ndarray | None = None) -> None:
    """Numbers in squares, the first row on top; colours: shades for their ground."""
    for (r, c), n in np.ndenumerate(cells):
        ground = "white" if colours is None else colours[r, c]
        axes.add_patch(Rectangle((x + c, y - r - 1), 1, 1, facecolor=ground, edgecolor=PLAIN, linewidth=0.8))
        axes.text(x + c + 0.5, y - r - 0.52, str(n), ha="center", va="center", fontsize=9)
    axes.text(x, y + 0.2, title, fontsize=8, va="bottom")


def blank(width: float, height: float, span: tuple[float, float]) -> tuple[Figure, Axes]:
    """A figure without axes, of `span` squares."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(0, span[0]), ylim=(0, span[1]), aspect="equal")
    axes.set_axis_off()
    return figure, axes


def cells() -> Figure:
    """Weights, and the levels of the pairs that hold them."""
    levels = pair_program().arrays[0].levels[:4, :6]
    figure, axes = blank(6.4, 2.9, (15.2, 6.8))
    table(axes, 0.6, 5, WEIGHT, "weights, an input a row")
    shades = np.where(levels == 0, "#ffffff", np.where(np.arange(6) % 2 == 0, "#bcd9ec", "#f6d3bb"))
    table(axes, 7.6, 5, levels, "levels of the cells, a wordline a row", shades)
    axes.annotate("", (7.2, 3), (4.0, 3), arrowprops={"arrowstyle": "->", "color": PLAIN})
    axes.text(5.6, 3.2, "w = (+) - (-)", ha="center", fontsize=8)
    for c in range(6):
        axes.text(8.1 + c, 0.75, "-" if c % 2 else "+", ha="center", va="center", color=MINUS if c % 2 else PLUS)
        axes.text(8.1 + c, 0.2, f"{c}", ha="center", va="center", fontsize=7, color=PLAIN)
    axes.text(7.4, 0.2, "bitline", ha="right", va="center", fontsize=7, color=PLAIN)
    for j in range(3):
        axes.text(8.6 + 2 * j, 6.0, f"column {j}", ha="center", fontsize=8)
        axes.text(1.1 + j, 6.0, f"{j}", ha="center", fontsize=8)
    return figure


def bits() -> Figure:
    """Bit planes, their currents, and how they add up to the matrix product."""
    kind = fixed.IntType(3)
    planes, weights = fixed.bit_planes(X, kind, np.int64), fixed.plane_weights(kind)
    currents = planes @ WEIGHT
    total = weights @ currents
    assert (total == X @ WEIGHT).all() and (total == run(pair_program(), X[None])[0]).all()
    figure, axes = blank(6.4, 2.9, (16.4, 7.4))
    table(axes, 0.4, 5.6, X[:, None], "inputs")
    table(axes, 3, 5.6, planes.T, "bit planes 4, 2, 1", np.where(planes.T == 1, "#d9ecf8", "#ffffff"))
    table(axes, 8, 5.6, currents, "column currents")
    for k, w in enumerate(weights):
        axes.text(11.2, 5.1 - k, f"x {w}", va="center", fontsize=9)
    table(axes, 8, 1.6, total[None], "their sum")
    axes.annotate("", (7.7, 4.1), (6.3, 4.1), arrowprops={"arrowstyle": "->", "color": PLAIN})
    axes.text(7.0, 4.3, "cells", ha="center", fontsize=7, color=PLAIN)
    axes.text(12.6, 4.1, "one plane after another,\neach in all columns", va="center", fontsize=8)
    axes.text(11.2, 1.1, "= inputs x weights, exactly", va="center", fontsize=8)
    return figure


def converter() -> Figure:
    """The staircase of a converter, and where it ends."""
    adc, trim = fixed.IntType(4, signed=True), fixed.Trim(gain=3, shift=4)
    current = np.arange(-72, 73)
    code = fixed.convert(current, trim, 0, adc)
    made = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = made.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot(current, current * trim.gain / 2**trim.shift, color=PLAIN, linewidth=1, linestyle=":", label="I · 3 / 16")
    axes.step(current, code, where="post", color=PLUS, label="code")
    for end in (adc.lo, adc.hi):
        axes.axhline(end, color=MINUS, linewidth=1, linestyle="--")
        axes.text(-72, end + 0.25, f"{end}: clamped", color=MINUS, fontsize=8)
    axes.set(xlabel="column current I", ylabel="code of 4 bits", ylim=(-10, 10), yticks=range(-8, 9, 4))
    axes.legend(frameon=False, loc="center right", fontsize=8)
    return made


def packing() -> Figure:
    """Layers that share arrays, and one that goes on in the next."""
    rng = np.random.default_rng(0)
    sizes = [(170, 60), (60, 52), (52, 40), (40, 10)]
    nodes, source = [], "input"
    for k, (inputs, outputs) in enumerate(sizes):
        last = k == len(sizes) - 1
        weight = rng.integers(-1, 2, (inputs, outputs)).astype(np.int32)
        nodes.append(Linear(f"fc{k + 1}", source, weight, raw(outputs) if last else relu(outputs, 3)))
        source = f"fc{k + 1}"
    network = verify(Network("tall", sizes[0][0], fixed.IntType(4), tuple(nodes)))
    return plot.floorplan(place(network, Chip.load("reference-128"), objective="arrays"))


def visited(walk: Walk) -> list[tuple[int, int]]:
    """Row and column of every place of a walk, in the order of its loops, by adding alone."""
    row, column, turns = walk.row, walk.column, [0] * len(walk.levels)
    found = [(row, column)]
    while any(turn < level.count - 1 for turn, level in zip(turns, walk.levels, strict=True)):
        k = next(k for k, level in enumerate(walk.levels) if turns[k] < level.count - 1)
        turns = [0] * k + [turns[k] + 1] + turns[k + 1 :]
        row, column = row + walk.levels[k].row, column + walk.levels[k].column
        found.append((row, column))
    return found


def walk() -> Figure:
    """The places of a padded convolution with max pooling, in the order in which the chip visits them."""
    conv = Conv("conv1", "input", np.ones((1, 1, 3, 3), np.int32), relu(1, 2), padding=1)
    nodes = (conv, MaxPool("pool1", "conv1", 2, 2), Linear("fc1", "pool1", np.ones((9, 1), np.int32), raw(1)))
    network = Network("walk", 36, fixed.IntType(3), nodes, shape=(1, 6, 6))
    places = visited(place(verify(network), "cnn-128").steps[0].walk)
    figure, axes = blank(6.4, 3.6, (15.2, 8.5))
    axes.invert_yaxis()
    at = np.array(places) + 2.25  # the middle pixel of each window; padding lies around the picture
    for row, column in np.ndindex(6, 6):
        axes.add_patch(Rectangle((column + 1.25, row + 1.25), 1, 1, facecolor="white", edgecolor="#c3c9cf"))
    for row, column in np.ndindex(3, 3):
        box = Rectangle((2 * column + 1.25, 2 * row + 1.25), 2, 2, facecolor="none", edgecolor=PLAIN, linewidth=1.6)
        axes.add_patch(box)
    axes.add_patch(Rectangle((0.25, 0.25), 8, 8, facecolor="none", edgecolor=PLAIN, linestyle=":"))
    first = Rectangle((at[0][1] - 1, at[0][0] - 1), 3, 3, facecolor=PLUS, alpha=0.18, edgecolor=PLUS)
    axes.add_patch(first)
    axes.plot(at[:, 1] + 0.5, at[:, 0] + 0.5, color=MINUS, linewidth=0.9, alpha=0.55)
    for number, (row, column) in enumerate(at):
        axes.text(column + 0.5, row + 0.5, str(number), ha="center", va="center", fontsize=8)
    for k, (colour, text) in enumerate(
        (
            (PLUS, "the window of place 0 reaches into\nthe padding, which reads as 0"),
            (MINUS, "36 places in the order of the loops"),
            (PLAIN, "4 places give one pooled value:\nthe largest leaves"),
        )
    ):
        axes.add_patch(Rectangle((9, 1.3 + 2 * k), 0.35, 0.35, facecolor=colour))
        axes.text(9.6, 1.48 + 2 * k, text, fontsize=8, va="center")
    return figure


FIGURES = {"cells": cells, "bits": bits, "converter": converter, "packing": packing, "walk": walk}


def write(name: str, folder: Path) -> None:
    """NAME.svg, with nothing in it that differs from day to day."""
    with style.context(["default", {"svg.hashsalt": name}]):
        figure = FIGURES[name]()
        figure.set_facecolor("white")
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": "codesign"})


PARTS = "<style>main section:not(#cells),nav{display:none}</style></head>"


def photograph(run: Path, browser: str) -> None:
    """report.png: the head of a run's report, and its cells."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text((run / "report.html").read_text("utf-8").replace("</head>", PARTS, 1), "utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,880"]
        words = [browser, *flags, f"--screenshot={HERE / 'report.png'}", page.as_uri()]
        subprocess.run(words, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    for each in FIGURES:
        write(each, HERE)
    if len(sys.argv) > 1:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if found is None:
            sys.exit("report.png: needs chromium on PATH; install it, or leave out the folder")
        photograph(Path(sys.argv[1]), found)
