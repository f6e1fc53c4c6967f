"""What tests of network files do with them: describe, change, load."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from codesign.errors import ImageError
from codesign.ir import load


def message(path: Path, kind: type[Exception] = ImageError) -> str:
    with pytest.raises(kind) as caught:
        load(path)
    return str(caught.value)


def described(path: Path) -> dict[str, Any]:
    """The description inside a network file."""
    with safe_open(path, framework="numpy") as f:
        return json.loads(f.metadata()["codesign"])


def rewrite(file: Path, **changes: object) -> None:
    meta = described(file) | changes
    save_file(load_file(file), file, metadata={"codesign": json.dumps(meta)})
