"""[compile]: how the network is laid out on the chip."""

from typing import Literal

from pydantic import Field

from codesign.train.recipe.table import Table


class Compile(Table):
    """Where the layers lie in the chip's arrays. Only a training through converters depends on it: by its row cuts."""

    objective: Literal["cycles", "arrays"] = Field(
        "cycles",
        description="cycles: arrays of its own for every tile of a layer, where the chip has enough; arrays: as few "
        "arrays as possible, which layers share",
    )
