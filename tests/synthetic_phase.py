"""A finished study without training: readings that follow the three regimes, written by the real writer."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Reading
from prunescope.data.spec import Source
from prunescope.runs.files import runfile
from prunescope.runs.files.runfile import Run
from prunescope.studies.grid import layout, study

if TYPE_CHECKING:
    from prunescope.runs.store import Store

VERSIONS = {"prunescope": "0.1.0", "torch": "2.8.0"}

STUDY = study.Study(
    name="made-up",
    model="preresnet8",
    model_options={"width": 0.5},
    data="patches",
    train=study.PluginChoice(plugin="sgd", options={"epochs": 80, "batch_size": 32}),
    prune=study.PluginChoice(plugin="magnitude"),
    retrain=study.PluginChoice(plugin="sgd", options={"epochs": 8}),
    probes=tuple(study.PluginChoice(plugin=name) for name in ("errors", "lmc", "cka")),
    knob="epochs",
    values=(10, 20, 40, 60, 80),
    hold="epochs",
    snapshots=True,
    densities=(0.05, 0.1, 0.5),
    dense_seeds=(0, 1, 2),
    replicas=3,
)


def laid_out(asked: study.Study = STUDY) -> layout.Grid:
    source = Source(name="patches", fingerprint="0123")
    return layout.expand(asked, source, num_classes=10, in_chans=3, image_size=(8, 8))


def critical(density: float) -> float:
    """Epochs at which replicas come apart: 30 at a density of 0.05, 63 at 0.1, 138 at 0.5."""
    return 30 + 108 * math.log(density / 0.05) / math.log(10)


def write(found: layout.Grid, store: Store, *, skip=lambda recipe: False) -> None:  # noqa: ARG005
    """Write every run of a grid, but those to skip."""
    store.runs.mkdir(parents=True, exist_ok=True)
    for recipe in found.trainings:
        _write(store, recipe, skip, seconds=60.0)
    for cell in found.cells:
        generator = np.random.default_rng([int(cell.value), int(1000 * cell.density), cell.seed])
        for recipe in (cell.prune, *cell.retrainings):
            _write(store, recipe, skip, seconds=2.0)
        for recipe in cell.dense_probes:
            readings = {"errors": {"test_error": _dense_error(cell)}}
            _write(store, recipe, skip, seconds=1.0, readings=readings)
        for recipe in cell.probes:
            _write(
                store, recipe, skip, seconds=1.0, readings={recipe.plugin: _READINGS[recipe.plugin](cell, generator)}
            )


def _write(store, recipe, skip, *, seconds, readings=None):
    if not skip(recipe):
        run = Run(
            recipe=recipe,
            created="2026-03-01T12:00:00+00:00",
            wall_seconds=seconds,
            device="x86_64 (1 thread)",
            versions=VERSIONS,
            readings=readings or {},
        )
        store.path(run.id).write_bytes(runfile.run_bytes(run))


def poor(cell):
    """How far a cell is beyond the boundary, in [0, 1]."""
    return 1 / (1 + math.exp((critical(cell.density) - cell.value) / 4))


def _errors(cell, generator):
    n = len(cell.retrainings)
    mean = 0.08 + 0.004 / cell.density + 0.06 * math.exp(-cell.value / 30) + 0.1 * poor(cell)
    values = mean + 0.002 * generator.normal(size=n)
    return {
        "test_error": Reading(values, "fraction", n=2000, stderr=np.full(n, 0.006), axes=("replica",)),
        "test_loss": Reading(3 * values, "nat", n=2000, axes=("replica",)),
    }


def _dense_error(cell):
    value = 0.08 + 0.06 * math.exp(-cell.value / 30) + 0.001 * cell.seed
    return Reading(np.array([value]), "fraction", n=2000, axes=("replica",))


def _lmc(cell, generator):
    pairs = len(list(combinations(cell.retrainings, 2)))
    t = np.linspace(0, 1, 11)
    heights = 0.01 + 0.4 * poor(cell) + 0.004 * generator.normal(size=pairs)
    paths = 0.05 + heights[:, None] * np.sin(np.pi * t)
    return {
        "lmc": Reading(-heights, "fraction", n=2000, stderr=np.full(pairs, 0.004), axes=("pair",)),
        "train_error_path": Reading(paths, "fraction", n=2000, axes=("pair", "t")),
    }


def _cka(cell, generator):
    pairs = len(list(combinations(cell.retrainings, 2)))
    mean = 0.99 - 0.1 * poor(cell) - 0.1 * math.exp(-cell.value / 30)
    return {"softmax": Reading(mean + 0.0004 * generator.normal(size=pairs), "1", n=2000, axes=("pair",))}


_READINGS = {"errors": _errors, "lmc": _lmc, "cka": _cka}
