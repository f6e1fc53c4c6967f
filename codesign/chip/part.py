"""What the tables of a chip file have in common."""

from pydantic import ConfigDict

from codesign.brief import Brief
from codesign.checked import Checked


class Part(Brief, Checked):
    """A table of a chip file: frozen, and refuses unknown keys, infinities and NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
