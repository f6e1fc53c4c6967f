"""What all figures share: colours, a figure of its own, and the mapping of whatever is given."""

from typing import TYPE_CHECKING, Any

from codesign.mapping import Mapping
from codesign.squares import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(title: str, width: float = 6.4, height: float = 3.6) -> "tuple[Figure, Axes]":
    """A figure of so many inches that no backend holds, and its axes."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.add_subplot()
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return made, axes


def colour(k: int) -> str:
    """The colour of the k-th layer."""
    return COLOURS[k % len(COLOURS)]


def mapped(program: Any) -> Mapping:
    """The mapping of a program, or a mapping as it is."""
    return program if isinstance(program, Mapping) else program.mapping
