"""A study's readings as series along one of its ordered axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import UsageError
from prunescope.runs.files import glance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid, StudyCell

TIME = "epoch"
"""The axis of training time."""

HISTORY = {"history/train_loss": "train_loss", "history/train_error": "train_error"}
"""What is known of every epoch of a dense run."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One reading along an axis."""

    name: str
    places: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    """At each place, of every replica (or pair) of every dense seed; one alone in training time."""


def read_series(grid: Grid, session: Session, *, axis: str, reading: str) -> list[Series]:
    """Return the series of a reading ("<probe>/<name>") along an axis: the study's knob, "density", or "epoch".

    Raises UsageError for an axis the study does not have, or a reading that does not fit it.
    """
    knob = grid.study.knob
    if axis == TIME:
        if reading not in HISTORY:
            raise UsageError(f"{reading!r} is not recorded for every epoch", fix=f"give {' or '.join(HISTORY)}")
        return list(_histories(grid, session, reading))
    if axis not in {knob, "density"}:
        raise UsageError(f"the study has no axis {axis!r}", fix=f"it has: {knob}, density, {TIME}")
    found: dict[float, dict[float, list[float]]] = {}
    finished = frozenset(session.store.ids())
    for cell in grid.cells:
        other, place = (cell.density, cell.value) if axis == knob else (cell.value, cell.density)
        if values := _values(cell, session, reading, finished):
            found.setdefault(other, {}).setdefault(place, []).extend(values)
    label = "density" if axis == knob else knob
    return [_series(f"{label} {other:g}", along) for other, along in sorted(found.items())]


def _series(name: str, along: Mapping[float, list[float]]) -> Series:
    places = tuple(sorted(along))
    return Series(name=name, places=places, values=tuple(tuple(along[place]) for place in places))


def _values(cell: StudyCell, session: Session, reading: str, finished: frozenset[str]) -> list[float]:
    probe = reading.partition("/")[0]
    for recipe in (*cell.probes, *cell.dense_probes):
        if recipe.plugin == probe and recipe.id in finished:
            found = glance.arrays(session.store.path(recipe.id), [reading]).get(reading)
            if found is not None and np.isfinite(found[0]).all():
                return [float(value) for value in found[0].reshape(-1)]
    return []


def _histories(grid: Grid, session: Session, reading: str) -> Iterator[Series]:
    for name, recipe in zip(grid.training_names, grid.trainings, strict=True):
        if session.store.has(recipe.id):
            history = session.read(recipe.id, only=()).history
            values = {float(epoch.number): [float(getattr(epoch, HISTORY[reading]))] for epoch in history}
            yield _series(name, values)
