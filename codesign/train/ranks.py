"""Which of torchrun's processes this is. Loads without torch."""

import os


def rank() -> int:
    """Number of this process, 0 when it is alone."""
    return int(os.environ.get("RANK", "0")) if world() > 1 else 0


def world() -> int:
    """Processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
