"""What a run found: one record, and how it looks."""

from codesign.report.metrics import SUMMARY, Accuracies, Accuracy, Arrays, Cycles, Inputs, Metrics, load
from codesign.report.render import number, render, text

__all__ = [
    "SUMMARY",
    "Accuracies",
    "Accuracy",
    "Arrays",
    "Cycles",
    "Inputs",
    "Metrics",
    "load",
    "number",
    "render",
    "text",
]
