"""program.json: what it says of a program folder, read and compared with what lies there."""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from codesign import image
from codesign.account import Account
from codesign.chip.description import Chip
from codesign.errors import ImageError, InputError
from codesign.files import open_regular, read_bytes, read_text
from codesign.fixed import Trim

SCHEMA = "codesign-program/2"
MANIFEST, CHIP, NETWORK, ACCOUNT = "program.json", "chip.json", "network.safetensors", "account.json"
MOST = 1 << 24  # bytes of account.json
LIMIT = 1 << 26  # bytes of a file, besides what it holds for each cell
RUNS = Path("02_compile", "program")  # where `codesign run` leaves it


@dataclass(frozen=True)
class Manifest:
    """The part of program.json that `load` uses."""

    trims: dict[str, Trim]
    spots: dict[str, tuple[tuple[int, int], ...]]  # first wordline and column group of each block of each layer
    files: dict[str, str]  # SHA-256 by path
    said: dict[str, Any]


def _inside(root: Path) -> str:
    """The end of a message about a folder that is no program: the program in it, of a run, if there is one."""
    program = root / RUNS
    return f"; did you mean {program}?" if (program / MANIFEST).is_file() else ""


def read_manifest(root: Path) -> Manifest:
    """Read program.json. Raises ImageError when it is missing or damaged."""
    path = root / MANIFEST
    try:
        manifest = json.loads(read_text(path, LIMIT))
        schema, own = manifest["schema"], manifest.pop("sha256", None)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(
            f"{path}: no such file; give a folder that `codesign compile` or `Program.save` wrote{_inside(root)}"
        ) from None
    except OSError as e:
        raise ImageError(f"{path}: cannot be read ({e.strerror}); compile again") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ImageError(f"{path}: is damaged; compile again") from None
    if schema == "codesign-program/1":
        raise ImageError(
            f"{path}: is of format 1, this codesign reads format 2; compile {root / NETWORK} again with "
            f"--chip {root / CHIP}, and with --calibration if its ranges came from samples"
        )
    if schema != SCHEMA:
        raise ImageError(f"{path}: schema must be {SCHEMA}, got {schema!r}; compile again")
    if own != digest(manifest):
        raise ImageError(f"{path}: its contents do not match its own SHA-256; compile again")
    try:
        said = {key: manifest[key] for key in ("provenance", "arrays", "cycles", "trims", "spots")}
        said["provenance"] = {key: str(said["provenance"][key]) for key in ("codesign", "chip", "network")}
        trims = {name: Trim(*trim) for name, trim in manifest["trims"].items()}
        files = {name: manifest["files"][name] for name in manifest["files"]}
        if not all(isinstance(name, str) for name in files):
            raise TypeError
        return Manifest(trims, _spots(manifest["spots"]), files, said)
    except (ValueError, KeyError, TypeError, AttributeError, InputError):
        raise ImageError(f"{path}: is damaged; compile again") from None


def _spots(told: dict[str, list[list[int]]]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Where the blocks of each layer lie. Raises what wrong types raise."""
    spots = {name: tuple((wordline, group) for wordline, group in places) for name, places in told.items()}
    if not all(type(n) is int and n >= 0 for places in spots.values() for spot in places for n in spot):
        raise ValueError
    return spots


def read_chip(root: Path, manifest: Manifest) -> Chip | None:
    """The chip; None when its file is missing or has changed. Raises ImageError when this version cannot read it."""
    try:
        text = read_bytes(root / CHIP, LIMIT)
    except OSError:
        return None
    if hashlib.sha256(text).hexdigest() != manifest.files.get(CHIP):
        return None
    try:
        return Chip.model_validate_json(text)
    except ValueError:
        raise ImageError(f"{root / CHIP}: is not a chip this version of codesign knows; compile again") from None


class _Account(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, ser_json_inf_nan="constants")

    account: Account


def account_text(account: Account) -> str:
    """Text of account.json. Infinity, which JSON lacks, is written as 1e999, which is read as infinite."""
    found = _Account(account=account).model_dump_json(indent=1) + "\n"
    return re.sub(r'^( *"\w+": -?)Infinity(,?)$', r"\g<1>1e999\2", found, flags=re.MULTILINE)


def read_account(root: Path, manifest: Manifest) -> Account | None:
    """What became of the model, whose checksum has been checked; None where program.json does not list it.

    Raises ImageError.
    """
    if ACCOUNT not in manifest.files:
        return None
    path = root / ACCOUNT
    try:
        return _Account.model_validate_json(read_bytes(path, MOST)).account
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "file"
        raise ImageError(f"{path}: is damaged ({where}: {first['msg'].lower()}); compile again") from None
    except OSError as e:
        raise ImageError(f"{path}: cannot be read ({e.strerror}); compile again") from None


def check_files(root: Path, files: dict[str, str], chip: Chip | None) -> dict[str, str]:
    """A line for each missing or damaged file, by name. Raises ImageError on names that point outside the folder."""
    problems: dict[str, str] = {}
    homes = root.resolve(), (root / "image").resolve()  # image/ may be a link
    for name in {**dict.fromkeys((CHIP, NETWORK)), **files}:
        target = root / name
        try:
            inside = target.resolve().is_relative_to(homes[name.startswith("image/")])
        except (ValueError, RuntimeError):  # not a file name, or a loop of links
            raise ImageError(f"{root / MANIFEST}: is damaged; compile again") from None
        if not inside:
            raise ImageError(
                f"{root / MANIFEST}: file name {name!r} points outside the folder; do not use this program"
            )
        try:
            with open_regular(target, largest(name, chip)) as f:
                found = hashlib.file_digest(f, "sha256").hexdigest()
        except FileNotFoundError:
            problems[name] = f"{target}: is missing; compile again"
        except OSError as e:
            problems[name] = f"{target}: cannot be read ({e.strerror}); compile again"
        else:
            if found != files.get(name):
                problems[name] = f"{target}: its SHA-256 is not the one in {MANIFEST}; compile again"
    return problems


def largest(name: str, chip: Chip | None) -> int:
    """Limit in bytes of a file of a program for this chip: 8 for a cell, or a line in a list."""
    cells = 0 if chip is None else chip.arrays.count * chip.arrays.rows * chip.arrays.columns
    return LIMIT + cells * (256 if name.endswith(image.LIST) else 8)


def json_text(content: dict[str, Any]) -> str:
    """As program.json is written."""
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of program.json without its own entry."""
    return hashlib.sha256(json_text(manifest).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Of a file of ours."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def version_here() -> str:
    """The version of codesign that is installed; "unknown" in a checkout that is not."""
    try:
        return version("codesign")
    except PackageNotFoundError:
        return "unknown"
