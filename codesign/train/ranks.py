"""Which of torchrun's processes this is. Loads without torch."""

import os

from codesign.errors import ConfigError


def rank() -> int:
    """Number of this process, 0 when it is alone. Raises ConfigError when the environment has no such number."""
    return _number("RANK", 0, 0, world() - 1) if world() > 1 else 0


def world() -> int:
    """Processes that train together. Raises ConfigError when the environment has no such number."""
    return _number("WORLD_SIZE", 1, 1, 1 << 20)


def _number(name: str, absent: int, least: int, most: int) -> int:
    text = os.environ.get(name, "") or str(absent)
    value = int(text) if text.isdecimal() and len(text) < 10 else -1
    if not least <= value <= most:
        raise ConfigError(
            f"{name}: must be a whole number {least}..{most}, as torchrun sets it, got {text!r}; "
            "unset it, or start with torchrun"
        )
    return value
