"""Rewrites of the integer network that preserve its outputs."""

from codesign.passes.pipeline import PASSES, rewrite

__all__ = ["PASSES", "rewrite"]
