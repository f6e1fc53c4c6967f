"""Everything that a training depends on, in one place: equal identities, equal networks. Loads without torch."""

import hashlib
from collections.abc import Sequence
from typing import Any

from codesign import __version__
from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.files import read_bytes
from codesign.train.recipe import Recipe

MAX_MAP = 1 << 28  # bytes of a stuck map


def identity(recipe: Recipe, chip: Chip, data: str, dies: Sequence[Cells] = ()) -> dict[str, Any]:
    """JSON values that change whenever the trained network may change, and do not depend on what no training sees.

    data: the images, as `Dataset.identity` or `Data.digest` states them. dies: what the trained network is judged on,
    if that belongs to the result. Raises InputError when the stuck map cannot be read.
    """
    found: dict[str, Any] = {
        "codesign": __version__,
        "images": data,
        "device": {"codes": list(chip.device.codes)},
    }
    for table in Recipe.model_fields.keys() - {"compile"}:
        found[table] = getattr(recipe, table).model_dump(mode="json")
    if path := found["quantize"].pop("stuck_map"):
        found["stuck_map"] = hashlib.sha256(map_bytes(path)).hexdigest()
    if recipe.quantize.converters:
        found["converters"] = {
            "bits": chip.adc.bits,
            "arrays": chip.arrays.model_dump(mode="json"),  # with the layers' sizes, they decide where rows are cut
            "lanes": chip.adc.lanes,
            "objective": recipe.compile.objective,
        }
    if "free" in recipe.quantize.counts:  # how many there are depends on the columns that layers leave unused
        found["columns"] = {"columns": chip.columns, "lanes": chip.adc.lanes}
    if path or not all(c.is_ideal for c in (recipe.quantize.cells, *dies)):  # for wires, read noise, the largest code
        found["cells"] = {
            "rows": chip.arrays.rows,
            "columns": chip.arrays.columns,
            "code_bits": chip.device.code_bits,
            "dies": [c.model_dump(mode="json") for c in dies],
        }
    return found


def map_bytes(path: str) -> bytes:
    """Contents of a stuck map's file. Raises InputError."""
    try:
        return read_bytes(path, MAX_MAP)
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); give a .safetensors file of stuck cells") from None
