"""Programs that tests need besides Python packages."""

import os
import shutil

import pytest


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip where `tool` is not on PATH; with $CI set, run and fail: a skipped test proves nothing there."""
    absent = shutil.which(tool) is None and not os.environ.get("CI")
    return pytest.mark.skipif(absent, reason=f"{tool} is not installed")
