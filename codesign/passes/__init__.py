"""Rewrites of the integer network that keep its outputs."""

from codesign.passes.pipeline import PASSES, run

__all__ = ["PASSES", "run"]
