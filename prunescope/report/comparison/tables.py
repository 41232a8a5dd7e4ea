"""A comparison as rows and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from prunescope.api.wording import density_text, points_text
from prunescope.report.common import formatting
from prunescope.studies.comparison.measured import Quantity, best, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.studies.comparison.measured import ComparedPoint, MeasuredComparison, Summary

COMPARISON_SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""

COMPARISON_COLUMNS = ("pruner", "density", "top-1, %", "top-5, %", "compression", "theoretical speed-up", "seeds")

COMPARED_QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

DENSE_ROW = "dense"


def comparison_rows(measured: MeasuredComparison) -> list[tuple[str, ...]]:
    """Return a line for the dense models and one for every density and pruner: mean ± standard deviation over seeds."""
    found = [_comparison_row(density_text(1.0), DENSE_ROW, measured.dense)]
    for density in measured.densities:
        for label, points in measured.pruned.items():
            found.append(_comparison_row(density_text(density), label, points[density]))
    return found


def _comparison_row(density: str, label: str, points: Sequence[ComparedPoint]) -> tuple[str, ...]:
    top1, top5, compression, speedup = (summarize(points, quantity) for quantity in COMPARED_QUANTITIES)
    return (
        label,
        density,
        accuracy(top1),
        accuracy(top5),
        factor(compression),
        factor(speedup),
        str(len(points)),
    )


def accuracy(found: Summary | None) -> str:
    """Write an accuracy in percent.

    >>> from prunescope.studies.comparison.measured import Summary
    >>> accuracy(Summary(0.8123, 0.0101, 3)), accuracy(Summary(0.8, None, 1)), accuracy(None)
    ('81.23 ± 1.01', '80.00', 'n/a')
    """
    if found is None:
        return "n/a"
    return points_text(found.mean) + ("" if found.deviation is None else f" ± {points_text(found.deviation)}")


def factor(found: Summary | None) -> str:
    """Write a compression ratio or speed-up; its deviation where it has one.

    >>> from prunescope.studies.comparison.measured import Summary
    >>> factor(Summary(12.34, 0.0, 3)), factor(Summary(7.1, 0.25, 3))
    ('12.34', '7.1 ± 0.25')
    """
    if found is None:
        return "n/a"
    spread = found.deviation or 0.0
    return formatting.number(found.mean) + (f" ± {spread:.2g}" if spread > 5e-4 * found.mean else "")


def comparison_as_json(measured: MeasuredComparison, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as JSON values; `facts`: how it was made."""
    return {
        "schema_version": COMPARISON_SCHEMA,
        **facts,
        "densities": list(measured.densities),
        "seeds": list(measured.seeds),
        "dense": _points(measured.dense),
        "pruners": {
            label: [{"density": density, **_points(points)} for density, points in found.items()]
            for label, found in measured.pruned.items()
        },
        "best": [_best(measured, density) for density in measured.densities],
        "missing": [{"pruner": label, "density": density} for label, density in measured.missing],
    }


def _points(points: Sequence[ComparedPoint]) -> dict[str, Any]:
    summaries = {quantity: summarize(points, quantity) for quantity in COMPARED_QUANTITIES}
    return {
        "seeds": [asdict(point) for point in points],
        **{quantity: asdict(found) if found else None for quantity, found in summaries.items()},
    }


def _best(measured: MeasuredComparison, density: float) -> dict[str, Any]:
    found = best(measured, density)
    first, beside = found or (None, ())
    return {"density": density, "pruner": first, "level": list(beside)}
