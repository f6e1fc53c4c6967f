"""Rewrites of the integer network that preserve its outputs."""

from codesign.passes.pipeline import PASSES, rewrite
from codesign.passes.record import removed

__all__ = ["PASSES", "removed", "rewrite"]
