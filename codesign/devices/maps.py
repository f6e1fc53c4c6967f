"""A measured die as flows, studies and questions name it."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.files import open_regular
from codesign.fixed import MAX_FRACTION

LARGEST = 1 << 36  # bytes of a map's file


class Mapped(Brief, BaseModel):
    """The keys that name a die's map; without `map`, none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    map: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="measured die: a file of `codesign die import`, or a .csv or .npz map"
    )
    g_on: Annotated[float, Field(gt=0)] | None = Field(None, description="uS of the highest level, for a map in uS")
    fraction: Annotated[int, Field(ge=0, le=MAX_FRACTION)] | None = Field(
        None, description="the map counts 2^-fraction conductance codes; absent: fine enough"
    )

    @property
    def digest(self) -> str | None:
        """SHA-256 of the map's file and of how it is read; None without one. Raises InputError."""
        if self.map is None:
            return None
        try:
            with open_regular(Path(self.map), LARGEST) as f:
                found = hashlib.file_digest(f, "sha256")
        except OSError as e:
            raise InputError(f"{self.map}: cannot be read ({e.strerror}); give a die or a map of one") from None
        found.update(repr((self.g_on, self.fraction)).encode())
        return found.hexdigest()
