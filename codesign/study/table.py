"""What a study found: one row per combination of case and values, seeds together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign import __version__
from codesign.brief import Brief
from codesign.jobs.training import Result
from codesign.report.stats import deviation, half_width
from codesign.report.tables import rounded
from codesign.study.describe import Study
from codesign.study.expand import Variant

SCHEMA = "codesign-study/1"


@dataclass(frozen=True)
class Row(Brief):
    """Accuracies in percent of the test set, last epoch, in the order of `seeds`.

    `baseline` is full precision: the case's own, or that of the case it is compared with. `drop` is baseline minus
    quantized of the same seed; `ci95` is half the width of the 95 % interval of its mean (Student's t), None with
    fewer than two seeds.
    """

    case: str
    values: dict[str, Any]
    seeds: tuple[int, ...]
    baseline: tuple[float, ...] | None
    quantized: tuple[float, ...]
    drop: tuple[float, ...] | None
    ci95: float | None
    cells: int
    rejected: float  # refused steps, mean over seeds
    dies: dict[str, dict[str, float]]  # per imperfection: mean, sd and min over dies and seeds

    @property
    def baseline_mean(self) -> float | None:
        """Full precision, mean over seeds."""
        return None if self.baseline is None else float(np.mean(self.baseline))

    @property
    def quantized_mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.quantized))

    @property
    def quantized_sd(self) -> float | None:
        """Standard deviation over seeds; None with fewer than two."""
        return deviation(self.quantized)

    @property
    def drop_mean(self) -> float | None:
        """Mean over seeds."""
        return None if self.drop is None else float(np.mean(self.drop))


def rows(study: Study, trainings: Sequence[Variant], found: Sequence[Result]) -> list[Row]:
    """The table: results of the trainings grouped by case and values, in the study's order."""
    groups: dict[tuple[str, str], dict[int, Result]] = {}
    values: dict[str, dict[str, Any]] = {}
    for job, result in zip(trainings, found, strict=True):
        groups.setdefault((job.case, repr(job.values)), {})[job.seed] = result
        values[repr(job.values)] = dict(job.values)
    against = {c.name: c.against or c.name for c in study.case}
    dies = [d.name for d in study.die]
    return [_row(case, values[at], group, groups[against[case], at], dies) for (case, at), group in groups.items()]


def _row(
    case: str, values: dict[str, Any], group: dict[int, Result], other: dict[int, Result], dies: Sequence[str]
) -> Row:
    """`group` and `other` are results by seed, of the same seeds."""
    first, *_ = group.values()
    quantized = tuple(r.quantized for r in group.values())
    baseline = tuple(f for seed in group if (f := other[seed].baseline) is not None) or None
    drop = None if baseline is None else tuple(round(f - q, 6) for f, q in zip(baseline, quantized, strict=True))
    return Row(
        case=case,
        values=values,
        seeds=tuple(group),
        baseline=baseline,
        quantized=quantized,
        drop=drop,
        ci95=None if drop is None else half_width(drop),
        cells=first.cells,
        rejected=float(np.mean([r.rejected for r in group.values()])),
        dies={name: _summary([a for r in group.values() for a in r.dies[name]]) for name in dies},
    )


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "sd": deviation(values) or 0.0,
        "min": float(np.min(values)),
        "dies": float(len(values)),
    }


def record(study: Study, table: Sequence[Row], sets: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON of a study, run with KEY=VALUE changes; the headline row's figures stand at the top."""
    content: dict[str, Any] = {"schema": SCHEMA, "name": study.name, "question": study.question}
    if study.headline is not None:
        row = next(r for r in table if r.case == study.headline)
        content |= _means(row) | {"seeds": row.seeds}
    content |= {"codesign": __version__, "command": study.command(sets), "quick": study.is_quick}
    content["rows"] = [_entry(row) for row in table]
    return dict(rounded(content))


def _entry(row: Row) -> dict[str, Any]:
    return {
        "case": row.case,
        "values": row.values,
        "seeds": row.seeds,
        "float": row.baseline,
        "quantized": row.quantized,
        "drop": row.drop,
        "ci95": row.ci95,
        "cells": row.cells,
        "rejected": row.rejected,
        "dies": row.dies,
        **_means(row),
    }


def _means(row: Row) -> dict[str, Any]:
    return {
        "float_mean": row.baseline_mean,
        "quantized_mean": row.quantized_mean,
        "drop_mean": row.drop_mean,
        "drop_ci95": row.ci95,
    }
