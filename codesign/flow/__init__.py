"""A flow: one TOML file from data to a compared simulation, in stages that resume if interrupted."""

from codesign.flow.base import Base
from codesign.flow.describe import Flow, presets
from codesign.flow.runner import run
from codesign.flow.stage import Context, Stage
from codesign.report import SUMMARY

__all__ = ["SUMMARY", "Base", "Context", "Flow", "Stage", "presets", "run"]
