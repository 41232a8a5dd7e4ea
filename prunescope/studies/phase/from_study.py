"""A phase diagram from a study's grid and its finished runs, in one pass over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.plugins import registry
from prunescope.regimes.direction import hottest_first
from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.files.contents import Contents
    from prunescope.runs.files.glance import Array
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.grid import layout as grid
    from prunescope.studies.grid.study import Study

ONLY = (
    "errors/test_error",
    "errors/train_error",
    "errors/train_chance",
    "lmc/lmc",
    "lmc/train_error_path",
    "cka/softmax",
)
"""The readings a phase diagram is made of."""


def read_study(grid: grid.Grid, session: Session) -> PhaseDiagram:
    """Return what is known of every cell of a study; steps that are not finished leave gaps."""
    return read_timed(grid, session)[0]


def read_timed(grid: grid.Grid, session: Session) -> tuple[PhaseDiagram, dict[str, float]]:
    """Return the diagram, and by its id how long each run took.

    Raises the StoreError of the first result that is damaged, whether or not the diagram needs it.
    """
    contents = session.store.contents(session.store.ids())
    contents.check()
    samples: dict[tuple[float, float], list[Sample]] = {}
    for cell in grid.cells:
        found = samples.setdefault((cell.value, cell.density), [])
        readings = _readings(cell.probes, contents)
        others = _other_readings(cell.probes, contents)
        if readings or others:
            found.append(_sample(cell.seed, readings, others))
    study = grid.study
    diagram = PhaseDiagram(
        name=study.name,
        knob=study.knob,
        values=tuple(hottest_first(study.values, knob=study.knob)),
        densities=study.densities,
        cells={
            (value, density): DiagramCell(value=value, density=density, samples=tuple(found))
            for (value, density), found in samples.items()
        },
        seeds=study.dense_seeds,
        drops=drops(study),
        dense_error=_dense_errors(grid, contents),
    )
    return diagram, {run_id: contents.read(run_id).seconds for run_id in contents.lines}


def drops(study: Study) -> tuple[float, ...]:
    """Return the epochs after which the learning rate of the dense run falls; none unless epochs are snapshots of it.

    With a run for every number of epochs, the drops move along: no value of the knob lies before or after them.
    """
    if study.knob != "epochs" or not study.snapshots:
        return ()
    trainer = registry.make("trainers", study.train.plugin, study.train.options).instance
    return tuple(trainer.drop_epochs())


def _readings(probes: tuple[Recipe, ...], contents: Contents) -> dict[str, Array]:
    """Return the first reading of every name: a study may have one probe twice, with other options."""
    found: dict[str, Array] = {}
    for recipe in probes:
        names = [name for name in ONLY if name.startswith(f"{recipe.plugin}/")]
        if names and recipe.id in contents:
            found = contents.arrays(recipe.id, names) | found
    return found


def _other_readings(probes: tuple[Recipe, ...], contents: Contents) -> dict[str, tuple[float, ...]]:
    """Return what probes measured that the diagram itself does not need: numbers, one for each replica or pair."""
    needed = {name.partition("/")[0] for name in ONLY}
    found: dict[str, tuple[float, ...]] = {}
    for recipe in probes:
        if recipe.plugin in needed or recipe.id not in contents:
            continue
        for name, reading in contents.read(recipe.id).readings.items():
            values = np.atleast_1d(reading.value)
            if values.ndim == 1 and set(reading.axes) <= {"replica", "pair"} and np.isfinite(values).all():
                found.setdefault(name, tuple(values.tolist()))
    return found


def _sample(seed: int, readings: Mapping[str, Array], others: Mapping[str, tuple[float, ...]]) -> Sample:
    return Sample(
        seed=seed,
        others=others,
        test_error=_values(readings.get("errors/test_error")),
        train_error=_values(readings.get("errors/train_error")),
        train_chance=_values(readings.get("errors/train_chance")),
        lmc=_values(readings.get("lmc/lmc")),
        lmc_stderr=_stderr(readings.get("lmc/lmc")),
        cka=_values(readings.get("cka/softmax")),
        paths=_paths(readings.get("lmc/train_error_path")),
    )


def _values(found: Array | None) -> tuple[float, ...]:
    return () if found is None or not np.isfinite(found[0]).all() else tuple(found[0].reshape(-1).tolist())


def _stderr(found: Array | None) -> tuple[float, ...]:
    return () if found is None or found[1] is None else tuple(found[1].reshape(-1).tolist())


def _paths(found: Array | None) -> tuple[tuple[float, ...], ...]:
    return () if found is None else tuple(tuple(path) for path in np.atleast_2d(found[0]).tolist())


def _dense_errors(grid: grid.Grid, contents: Contents) -> dict[tuple[float, int], float]:
    """Return the dense models' test errors where the probe `errors` was run on them."""
    keys = {cell.dense: (cell.value, cell.seed) for cell in grid.cells}
    known = {recipe.id for cell in grid.cells for recipe in cell.probes}
    found = {}
    for run_id in sorted(run_id for run_id in contents.lines if run_id not in known):
        if run_id.startswith("probe-"):
            inputs = contents.read(run_id).inputs
            values = _values(contents.arrays(run_id, ONLY[:1]).get(ONLY[0]))
            if values and len(inputs) == 1 and inputs[0] in keys:
                found[keys[inputs[0]]] = float(np.mean(values))
    return found
