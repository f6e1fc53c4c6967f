"""The operations that become parts of a graph: aten's names, and what each makes of its arguments."""

from collections.abc import Callable
from typing import Any

from codesign.frontend.affine import AFFINE
from codesign.frontend.calls import Call
from codesign.frontend.clamps import CLAMPS
from codesign.frontend.layers import LAYERS
from codesign.frontend.pooling import POOLING
from codesign.frontend.views import VIEWS

OPERATIONS: dict[str, Callable[[Call], Any]] = {**LAYERS, **AFFINE, **CLAMPS, **POOLING, **VIEWS}
