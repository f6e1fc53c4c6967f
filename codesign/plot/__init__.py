"""Figures for notebooks and papers: functions that return matplotlib figures of what reports show.

    floorplan(program)             where the layers lie in the arrays
    heatmap(program, array)        what the cells of an array hold, levels or a die's codes
    histogram(program, layer)      a layer's weights; with inputs, its currents against the converters' range
    timeline(program)              the cycles of an image, layer by layer
    confusion(outputs, labels)     which classes are taken for which
    front(points)                  scores against costs, with the points that none beats

Usage, with a `program` and integer inputs `x`:

>>> import codesign
>>> figure = codesign.plot.histogram(program, "fc1", x)
>>> figure.axes[0].get_title(loc="left")
'fc1: none clips'

matplotlib is imported when the first function is called, and no backend is chosen: figures show themselves in
notebooks, and `figure.savefig(...)` writes them anywhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.plot.arrays import floorplan, heatmap
    from codesign.plot.values import confusion, front, histogram, timeline

_HOME = {
    "confusion": "codesign.plot.values",
    "floorplan": "codesign.plot.arrays",
    "front": "codesign.plot.values",
    "heatmap": "codesign.plot.arrays",
    "histogram": "codesign.plot.values",
    "timeline": "codesign.plot.values",
}

__all__ = ["confusion", "floorplan", "front", "heatmap", "histogram", "timeline"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
