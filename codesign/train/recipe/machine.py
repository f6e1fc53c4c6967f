"""[machine]: the hardware to train on. It belongs to a training's identity, because the weights may depend on it."""

from typing import Annotated, Literal

from pydantic import Field

from codesign.train.recipe.table import Table


class Machine(Table):
    """The processors."""

    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="CPU threads; the trained weights may depend on it"
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="where to train; cuda is a GPU; its weights differ from the CPU's"
    )
