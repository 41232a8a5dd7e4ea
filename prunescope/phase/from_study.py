"""A phase diagram from a study's grid and its finished runs, in one pass over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope import registry
from prunescope.phase.diagram import Cell, PhaseDiagram, Sample, order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from prunescope import grid
    from prunescope.api import Reading
    from prunescope.recipe import Recipe
    from prunescope.runfile import Run
    from prunescope.store import Store
    from prunescope.study import Study

ONLY = ("errors/test_error", "lmc/lmc", "lmc/train_error_path", "cka/softmax")
"""The readings a phase diagram is made of."""


def read(grid: grid.Grid, store: Store) -> PhaseDiagram:
    """Return what is known of every cell of a study; steps that are not finished leave gaps."""
    finished = frozenset(store.ids())
    samples: dict[tuple[float, float], list[Sample]] = {}
    for cell in grid.cells:
        found = samples.setdefault((cell.value, cell.density), [])
        readings = _readings(cell.probes, store, finished)
        if readings:
            found.append(_sample(cell.seed, readings))
    study = grid.study
    return PhaseDiagram(
        name=study.name,
        knob=study.knob,
        values=order(study.knob, set(study.values)),
        densities=study.densities,
        cells={
            (value, density): Cell(value=value, density=density, samples=tuple(found))
            for (value, density), found in samples.items()
        },
        seeds=study.dense_seeds,
        drops=drops(study),
        dense_error=_dense_errors(grid, store, finished),
    )


def drops(study: Study) -> tuple[float, ...]:
    """Return the epochs after which the learning rate of the dense run falls; none unless epochs are snapshots of it.

    With a run for every number of epochs, the drops move along: no value of the knob lies before or after them.
    """
    if study.knob != "epochs" or not study.snapshots:
        return ()
    trainer = registry.make("trainers", study.train.plugin, study.train.options).instance
    if getattr(trainer, "schedule", "") != "multistep":
        return ()
    return tuple(sorted(float(max(1, round(fraction * trainer.epochs))) for fraction in trainer.drops))


def _readings(probes: tuple[Recipe, ...], store: Store, finished: AbstractSet[str]) -> dict[str, Reading]:
    """Return the first reading of every name: a study may have one probe twice, with other options."""
    found: dict[str, Reading] = {}
    for recipe in probes:
        if recipe.id in finished and recipe.plugin in {name.partition("/")[0] for name in ONLY}:
            found = _named(store.read(recipe.id, only=ONLY)) | found
    return found


def _named(run: Run) -> dict[str, Reading]:
    return {f"{probe}/{name}": reading for probe, named in run.readings.items() for name, reading in named.items()}


def _sample(seed: int, readings: Mapping[str, Reading]) -> Sample:
    return Sample(
        seed=seed,
        test_error=_values(readings.get("errors/test_error")),
        lmc=_values(readings.get("lmc/lmc")),
        lmc_stderr=_stderr(readings.get("lmc/lmc")),
        cka=_values(readings.get("cka/softmax")),
        paths=_paths(readings.get("lmc/train_error_path")),
    )


def _values(reading: Reading | None) -> tuple[float, ...]:
    found = () if reading is None else tuple(np.asarray(reading.value, dtype=np.float64).reshape(-1).tolist())
    return found if np.isfinite(found).all() else ()


def _stderr(reading: Reading | None) -> tuple[float, ...]:
    if reading is None or reading.stderr is None:
        return ()
    return tuple(np.asarray(reading.stderr, dtype=np.float64).reshape(-1).tolist())


def _paths(reading: Reading | None) -> tuple[tuple[float, ...], ...]:
    if reading is None:
        return ()
    found = np.asarray(reading.value, dtype=np.float64)
    return tuple(tuple(path) for path in np.atleast_2d(found).tolist())


def _dense_errors(grid: grid.Grid, store: Store, finished: AbstractSet[str]) -> dict[tuple[float, int], float]:
    """Return the dense models' test errors where somebody ran the probe `errors` on them."""
    keys = {cell.dense: (cell.value, cell.seed) for cell in grid.cells}
    known = {recipe.id for cell in grid.cells for recipe in cell.probes}
    found = {}
    for run_id in sorted(finished - known):
        if run_id.startswith("probe-"):
            run = store.read(run_id, only=ONLY[:1])
            values = _values(_named(run).get("errors/test_error"))
            if values and len(run.recipe.inputs) == 1 and run.recipe.inputs[0] in keys:
                found[keys[run.recipe.inputs[0]]] = float(np.mean(values))
    return found
