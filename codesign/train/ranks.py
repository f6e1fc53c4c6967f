"""The rank of this process under torchrun. Loads without torch."""

import os

from codesign.errors import ToolError


def rank() -> int:
    """Number of this process, 0 for a single one. Raises ToolError as `world` does."""
    processes = world()
    number = _variable("RANK", 0, 0) if processes > 1 else 0
    if number >= processes:
        raise ToolError(
            f"RANK: must be below WORLD_SIZE = {processes}, got {number}; start all processes with torchrun"
        )
    return number


def world() -> int:
    """Number of processes that train together. Raises ToolError on an environment that torchrun never sets."""
    return _variable("WORLD_SIZE", 1, 1)


def _variable(name: str, default: int, least: int) -> int:
    text = os.environ.get(name) or str(default)  # an empty variable counts as unset
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise ToolError(
            f"{name}: must be a whole number of at least {least}, got {text!r}; torchrun sets it, "
            "unset it to train alone"
        )
    return int(text)
