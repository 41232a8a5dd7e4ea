"""What a study holds of its dense models: the readings that the model-diagnostics tree uses, by value of the knob."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from prunescope.runs.files import glance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid

DENSE_NAMES = ("errors/train_error", "errors/test_error", "hessian/trace", "lmc/lmc", "bezier/connectivity")


@dataclass(frozen=True, kw_only=True)
class Dense:
    """The dense models at one value of the knob: means over seeds."""

    value: float
    train_error: float
    """Fraction in [0, 1]."""
    test_error: float
    trace: float
    """Of the Hessian."""
    connectivity: float | None = None
    """Between dense models of different seeds, along a trained curve or else the line; None: not measured."""


def dense_models(grid: Grid, session: Session) -> tuple[Dense, ...]:
    """Return the dense models of which errors and trace are known, in the order of the knob's values."""
    found: dict[float, dict[str, list[float]]] = {}
    for value, name, mean in _readings(grid, session):
        found.setdefault(value, {}).setdefault(name, []).append(mean)
    whole = {value: known for value, known in found.items() if set(DENSE_NAMES[:3]) <= set(known)}
    return tuple(_dense(value, whole[value]) for value in grid.study.values if value in whole)


def _dense(value: float, known: dict[str, list[float]]) -> Dense:
    between = known.get("bezier/connectivity") or known.get("lmc/lmc")
    return Dense(
        value=value,
        train_error=fmean(known["errors/train_error"]),
        test_error=fmean(known["errors/test_error"]),
        trace=fmean(known["hessian/trace"]),
        connectivity=fmean(between) if between else None,
    )


def _readings(grid: Grid, session: Session) -> Iterator[tuple[float, str, float]]:
    """Yield (value of the knob, name, mean) of every reading of dense models, whoever ran its probe."""
    values = {cell.dense: cell.value for cell in grid.cells}
    of_replicas = {recipe.id for cell in grid.cells for recipe in cell.probes}
    for run_id in session.store.ids():
        if run_id.startswith("probe-") and run_id not in of_replicas:
            inputs = session.read(run_id, only=()).recipe.inputs
            at = {values.get(reference) for reference in inputs}
            if len(at) == 1 and (value := at.pop()) is not None:
                for name, (array, _) in glance.arrays(session.store.path(run_id), DENSE_NAMES).items():
                    if np.isfinite(array).all():
                        yield value, name, float(array.mean())
