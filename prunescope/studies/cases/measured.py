"""Dense models pruned to one density, and what their replicas read: where every case study starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Evidence
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.regimes.selection import Member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Reading
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.imported.study import ImportedStudy

LMC, CKA = "lmc/lmc", "cka/softmax"

TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS = "errors/test_error", "errors/train_error", "errors/train_loss"


@dataclass(frozen=True, kw_only=True)
class MeasuredModel:
    """One dense model, pruned to a density, retrained several times and measured."""

    name: str
    """What a person calls the dense model: a file, a run, or the value of the knob."""
    density: float
    value: float
    """Of the knob; NaN where it is unknown."""
    readings: Mapping[str, Reading]
    """Of its replicas, by "<probe>/<name>"."""
    seed: int = 0
    """Of the dense training."""
    dense_error: float | None = None
    epochs: float | None = None
    final_error: float | None = None
    """Test error after the full retraining, where it was done."""

    @property
    def lmc(self) -> float:
        """Mean LMC over pairs; EvidenceError where it was not measured."""
        found = self.mean(LMC)
        if found is None:
            raise EvidenceError(f"{self.name} has no LMC at density {self.density:g}", fix="add the probe lmc")
        return found

    @property
    def cka(self) -> float | None:
        """Mean CKA at the softmax outputs over pairs."""
        return self.mean(CKA)

    @property
    def test_error(self) -> float | None:
        """Mean test error over replicas."""
        return self.mean(TEST_ERROR)

    def array(self, name: str) -> np.ndarray:
        """Return a reading as a flat array, empty where it was not measured."""
        found = self.readings.get(name)
        return np.zeros(0) if found is None else np.asarray(found.value, dtype=np.float64).reshape(-1)

    def mean(self, name: str) -> float | None:
        """Return a reading's mean, None where it was not measured."""
        found = self.array(name)
        return float(found.mean()) if found.size else None

    def member(self) -> Member:
        """Return the model as the selection rules see it."""
        return Member(
            name=self.name,
            lmc=self.lmc,
            cka=self.cka,
            test_error=self.test_error,
            final_error=self.final_error,
            dense_error=self.dense_error,
            epochs=self.epochs,
            train_errors=tuple(self.array(TRAIN_ERROR).tolist()),
            train_losses=tuple(self.array(TRAIN_LOSS).tolist()),
        )


def probe_readings(probes: Sequence[Recipe], session: Session) -> dict[str, Reading]:
    """Return what the finished ones among the probes read; the first of a name counts."""
    found: dict[str, Reading] = {}
    for recipe in probes:
        if session.store.has(recipe.id):
            for probe, named in session.read(recipe.id).readings.items():
                found = {f"{probe}/{name}": reading for name, reading in named.items()} | found
    return found


def measured_column(grid: Grid, session: Session, *, density: float) -> list[MeasuredModel]:
    """Return the measured cells of a study at one density, in the order of the grid.

    Raises UsageError for a density that is not on the grid.
    """
    near = _find_density(density, grid.study.densities, within=1e-9)
    found = []
    for cell in grid.cells:
        if cell.density == near:
            known = probe_readings(cell.probes, session)
            if LMC in known:
                name = f"{grid.study.knob} {cell.value:g}"
                found.append(MeasuredModel(name=name, density=near, value=cell.value, seed=cell.seed, readings=known))
    return found


def imported_column(study: ImportedStudy, *, density: float) -> list[MeasuredModel]:
    """Return the imported cells of one density; UsageError for a density that none has.

    Densities of other programs are what their rounding left: 0.5 finds 0.5001.
    """
    near = _find_density(density, sorted({cell.density for cell in study.cells}), within=1e-3 * density)
    return [
        MeasuredModel(
            name=f"{study.knob} {cell.value:g}",
            density=near,
            value=cell.value,
            seed=cell.seed,
            readings=cell.readings,
        )
        for cell in study.cells
        if cell.density == near
    ]


def _find_density(density: float, known: Sequence[float], *, within: float) -> float:
    near = min(known, key=lambda one: abs(one - density))
    if abs(near - density) > within:
        listed = ", ".join(f"{one:g}" for one in known)
        raise UsageError(f"the study has no density {density:g}", fix=f"it has: {listed}")
    return near


def column_probes(grid: Grid, *, density: float) -> tuple[str, ...]:
    """Return the ids of the probes of a study's cells at one of its densities."""
    return tuple(recipe.id for cell in grid.cells if cell.density == density for recipe in cell.probes)


def merged_readings(models: Sequence[MeasuredModel]) -> MeasuredModel:
    """Return dense models of one value of the knob as one: their replicas' readings side by side.

    The pairs of different dense models are not pairs of one: means may be taken, a bootstrap over pairs may not.
    """
    if len(models) == 1:
        return models[0]
    together = {}
    for name in (LMC, CKA, TEST_ERROR):
        parts = [model.readings[name] for model in models if name in model.readings]
        if parts:
            values = np.concatenate([np.asarray(part.value, dtype=np.float64).reshape(-1) for part in parts])
            together[name] = replace(parts[0], value=values, stderr=None)
    return replace(models[0], readings=together)


def describe_evidence(model: MeasuredModel, knob: str) -> Evidence:
    """Return a model as a rule gets it."""
    knobs = {knob: model.value} if np.isfinite(model.value) else {}
    return Evidence(density=model.density, readings=model.readings, knobs=knobs)
