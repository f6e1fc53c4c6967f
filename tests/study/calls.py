"""What tests have other processes do; a module of its own, for workers import it by name."""

import os
import signal

from codesign.errors import ConfigError


def double(k: int) -> tuple[int, int]:
    """Twice `k`, and who says so."""
    return 2 * k, os.getpid()


def refuse(k: int) -> None:
    """A user's mistake."""
    raise ConfigError(f"job {k}: is impossible")


def die(k: int) -> None:
    """As when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def blas_threads() -> int:
    """Threads that numpy's matrix products may take."""
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped]

    assert (np.ones((4, 4)) @ np.ones((4, 4))).sum() == 64  # loads the library
    return max(i["num_threads"] for i in threadpoolctl.threadpool_info())


def whoami() -> str:
    """The Dask worker that runs this; raises ValueError elsewhere."""
    from distributed import get_worker  # type: ignore[import-not-found,unused-ignore]

    return str(get_worker().address)
