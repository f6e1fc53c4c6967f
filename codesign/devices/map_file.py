"""The map of a die as a file: .npz with the chip it belongs to, how fine it counts, and what its cells hold."""

import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.devices.measured import HEALTHY, CellMap, arrays_of, healthy, import_map
from codesign.errors import InputError
from codesign.files import open_regular
from codesign.folders import deliver

SCHEMA = "codesign-die/1"


class Facts(NamedTuple):
    """What a die file says of itself."""

    chip_id: int
    chip: str
    fraction: int
    g_on: float | None  # uS


def save_map(path: Path, die: CellMap, chip: Chip, g_on: float | None = None) -> None:
    """Write the map of a die of a chip; arrays whose cells are all healthy are left out. Equal dies, equal bytes.

    g_on: uS of the highest level, kept for people.
    """
    held: dict[str, NDArray[np.generic]] = {
        "schema": np.array(SCHEMA),
        "chip": np.array([chip.name]),
        "chip_id": np.array(chip.id, np.uint32),
        "fraction": np.array(die.fraction, np.int32),
        "g_on": np.array(math.nan if g_on is None else g_on),
    }
    held |= {f"codes_{a}": c.astype(np.int32) for a, c in sorted(die.codes.items()) if (c != HEALTHY).any()}
    whole = io.BytesIO()
    np.savez_compressed(whole, **held)  # type: ignore[arg-type]
    deliver(path, whole.getvalue())


def facts(path: Path) -> Facts:
    """What a die file says of itself. Raises InputError when it is none."""
    try:
        with open_regular(path, 1 << 36) as f, np.load(f, allow_pickle=False) as data:
            if "schema" not in data or str(data["schema"]) != SCHEMA:
                raise InputError(_no_die(path))
            g_on = float(data["g_on"])
            return Facts(
                int(data["chip_id"]), str(data["chip"][0]), int(data["fraction"]), None if math.isnan(g_on) else g_on
            )
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e}); give a die that codesign wrote") from None
    except InputError:
        raise
    except Exception:  # numpy and zipfile raise many kinds
        raise InputError(_no_die(path)) from None


def _no_die(path: Path) -> str:
    if path.suffix.lower() == ".csv":
        return f"{path}: a map does not say which chip it is of; name that with --chip"
    return f"{path}: is not a die; make one with codesign die import"


def load_map(path: Path, chip: Chip, g_on: float | None = None, fraction: int | None = None) -> CellMap:
    """The map of a die from its file, or from a .csv or .npz of a test floor as `import_map` reads it.

    Arrays that the file does not hold are healthy. Raises InputError when it is damaged, or of another chip.
    """
    if path.suffix.lower() == ".csv" or (path.suffix.lower() == ".npz" and not _is_die(path)):
        return import_map(path, chip, g_on, fraction)
    told = facts(path)
    if told.chip_id != chip.id:
        raise InputError(
            f"{path}: is a die of chip {told.chip} (id 0x{told.chip_id:08x}), {chip.name} has 0x{chip.id:08x}; "
            f"import it for {chip.name}"
        )
    codes = healthy(chip)
    top = (1 << chip.device.code_bits + told.fraction) - 1
    for name, held in arrays_of(path, chip, "codes_"):
        if held.dtype != np.int32 or held.min() < HEALTHY or held.max() > top:
            raise InputError(f"{path}: {name} must hold numbers {HEALTHY}..{top}; import it again")
        codes[int(name.removeprefix("codes_"))] = np.asarray(held, np.int32)
    return CellMap(codes, told.fraction)


def _is_die(path: Path) -> bool:
    try:
        with open_regular(path, 1 << 36) as f, np.load(f, allow_pickle=False) as data:
            return "schema" in data.files
    except Exception:  # the reader tells what is wrong
        return False
