"""The record of a run and its report; figures, tables and plots that studies and searches share."""

from codesign.report.metrics import (
    SUMMARY,
    Accuracies,
    Accuracy,
    Arrays,
    Cycles,
    Data,
    Inputs,
    Layer,
    LayerCycles,
    Losses,
    Metrics,
    Speed,
    Unsliced,
    load,
)
from codesign.report.numbers import number
from codesign.report.render import render, text

__all__ = [
    "SUMMARY",
    "Accuracies",
    "Accuracy",
    "Arrays",
    "Cycles",
    "Data",
    "Inputs",
    "Layer",
    "LayerCycles",
    "Losses",
    "Metrics",
    "Speed",
    "Unsliced",
    "load",
    "number",
    "render",
    "text",
]
