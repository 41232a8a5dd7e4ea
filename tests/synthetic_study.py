"""A finished study without training: plausible readings, written as real result files by the real writer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Epoch, Evidence, Reading
from prunescope.regimes.rules import MdTree, ThreeRegime
from prunescope.runs.files import runfile
from prunescope.runs.files.runfile import Run, Verdict
from prunescope.runs.recipe import Recipe
from prunescope.runs.session import Session
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from pathlib import Path

DATA = {"name": "patches", "options": {"noise": 0.5}, "version": 1, "fingerprint": "8f1d3c0a9b5e7722"}
MODEL = {"name": "preresnet8", "num_classes": 10, "in_chans": 3, "image_size": [8, 8], "options": {"width": 0.5}}
KNOBS = {"epochs": 80, "batch_size": 64, "learning_rate": 0.1, "weight_decay": 1e-4}
LAYERS = (
    "conv1.weight",
    *(f"stage{s}.0.conv{c}.weight" for s in (1, 2, 3) for c in (1, 2)),
    "stage2.0.shortcut.weight",
    "stage3.0.shortcut.weight",
)
VERSIONS = {
    "prunescope": "0.1.0",
    "torch": "2.8.0",
    "timm": "1.0.19",
    "numpy": "2.2.1",
    "h5py": "3.12.1",
    "python": "3.11.9",
}
FROM_FILE = Recipe(step="import", arguments={"sha256": "ab" * 32, "weights": None, "model": MODEL})
FROM_RESULTS = Recipe(step="import", plugin="timm", arguments={"density": 1.0, "files": [], "weights": "cd" * 32})
HOSTILE = "<script>alert('note')</script> & \"quotes\""


@dataclass(frozen=True)
class Case:
    """What the readings at one density look like."""

    density: float
    barrier: float
    ends: float
    cka: float
    test_error: float


CASES = (
    Case(0.05, 0.34, 0.21, 0.862, 0.243),
    Case(0.1, 0.125, 0.093, 0.951, 0.148),
    Case(0.2, 0.012, 0.021, 0.987, 0.101),
)


def study(
    folder: Path, *, imported: Recipe | bool = False, third_party: bool = True, cases: tuple[Case, ...] = CASES
) -> tuple[Session, str]:
    """Write a study of three densities (Regime I, unresolved, II) and return its session and the diagnosis's id."""
    store = Store(folder)
    dense = write(store, _imported(FROM_FILE if imported is True else imported) if imported else _trained())
    asked, verdicts = [], []
    for case in cases:
        probes = _at_density(store, dense, case, third_party=third_party)
        asked.append(_case(case.density, "three-regime", probes))
        verdicts.append(
            Verdict(
                density=case.density,
                rule="three-regime",
                diagnosis=ThreeRegime().classify(_heard(case.density, probes)),
            )
        )
    probes = _on_dense(store, dense)
    asked.append(_case(1.0, "md-tree", probes))
    verdicts.append(Verdict(density=1.0, rule="md-tree", diagnosis=MdTree().classify(_heard(1.0, probes))))
    recipe = Recipe(
        step="diagnose", arguments={"cases": asked}, inputs=(dense, *sorted({run.id for run in _all(asked, store)}))
    )
    return Session(store=store), write(
        store, _run(recipe, seconds=0.02, verdicts=tuple(verdicts), facts={"dense": dense})
    )


def dense_only(folder: Path, *, more: dict[str, dict[str, Reading]] | None = None) -> tuple[Session, str]:
    """Write a diagnosis of a dense model alone."""
    store = Store(folder)
    dense = write(store, _trained())
    probes = _on_dense(store, dense)
    probes += [_probe(store, probe, readings, [dense]) for probe, readings in (more or {}).items()]
    verdict = Verdict(density=1.0, rule="md-tree", diagnosis=MdTree().classify(_heard(1.0, probes)))
    recipe = Recipe(
        step="diagnose",
        arguments={"cases": [_case(1.0, "md-tree", probes)]},
        inputs=(dense, *sorted(probe.id for probe in probes)),
    )
    return Session(store=store), write(store, _run(recipe, seconds=0.02, verdicts=(verdict,)))


def _trained() -> Run:
    recipe = Recipe(
        step="train",
        plugin="sgd",
        options={"drops": [0.4, 0.8], "nesterov": True},
        arguments={"model": MODEL, "data": DATA, "seed": 3},
    )
    history = tuple(
        Epoch(number=k, of=80, learning_rate=0.1, train_loss=2 / k, train_error=0.8 / k) for k in range(1, 81)
    )
    facts = {"model": MODEL, "knobs": KNOBS, "training": {"optimizer": "sgd", **KNOBS}, "data": DATA}
    run = _run(recipe, seconds=71.4, facts=facts, history=history)
    return Run(**{**vars(run), "weights": {f"{run.id}.safetensors": "5e" * 32}})


def _imported(recipe: Recipe) -> Run:
    facts = {
        "model": MODEL,
        "knobs": {**KNOBS, "batch_size": 32, "optimizer": "sgd"},
        "training": {"optimizer": "sgd", **KNOBS},
        "data": None,
        "source": "runs/last.pth.tar",
        "format": "timm train.py checkpoint",
        "notes": ["took the EMA weights; --weights raw takes the others", HOSTILE],
    }
    return _run(recipe, seconds=0.2, facts=facts)


def _at_density(store: Store, dense: str, case: Case, *, third_party: bool) -> list[Run]:
    prune = Recipe(
        step="prune",
        plugin="magnitude",
        arguments={"density": case.density, "data": DATA, "seed": 0},
        inputs=(dense,),
    )
    write(store, _run(prune, seconds=0.1, facts={"density": case.density}))
    replicas = []
    for seed in (1, 2, 3):
        recipe = Recipe(
            step="retrain",
            plugin="sgd",
            options={"epochs": 16},
            arguments={"data": DATA, "seed": seed},
            inputs=(prune.id,),
        )
        history = tuple(
            Epoch(number=k, of=16, learning_rate=0.1, train_loss=1 / k, train_error=case.ends + 0.3 / k)
            for k in range(1, 17)
        )
        replicas.append(write(store, _run(recipe, seconds=14.2, history=history)))
    probes = {
        "lmc": _lmc(case),
        "cka": {
            "softmax": Reading(
                _around(case.cka, 0.002, 3, seed=5), "1", n=2000, estimator="linear CKA, biased", axes=("pair",)
            )
        },
        "disagreement": _disagreement(case),
        "errors": _errors(case, replicas=3),
        "size": _size(case.density, replicas=3),
    }
    if third_party:
        probes["rank"] = {
            "stable_rank": Reading(_around(7.3, 0.4, 3, seed=6), "1", estimator="power iteration", axes=("replica",)),
            "per <b>block</b>": Reading(
                np.abs(np.random.default_rng(1).normal(3, 1, (3, 4))),
                "1",
                axes=("replica", "block"),
                labels=("stem", "<script>alert('layer')</script>", "stage2", "stage3"),
            ),
            "spectrum": Reading(np.linspace(0, 1, 24).reshape(3, 2, 4), "1", axes=("replica", "side", "order")),
        }
    return [_probe(store, probe, readings, replicas) for probe, readings in probes.items()]


def _on_dense(store: Store, dense: str) -> list[Run]:
    probes = {
        "errors": _errors(Case(1.0, 0, 0.012, 1, 0.087), replicas=1),
        "hessian": {
            "trace": Reading(
                np.array([812.0]),
                "nat/weight^2",
                n=40,
                stderr=np.array([14.0]),
                estimator="Hutchinson",
                axes=("replica",),
            ),
            "top_eigenvalues": Reading(np.array([[61.2, 40.3, 33.1]]), "nat/weight^2", axes=("replica", "index")),
        },
        "size": _size(1.0, replicas=1),
    }
    return [_probe(store, probe, readings, [dense]) for probe, readings in probes.items()]


def _probe(store: Store, probe: str, readings: dict[str, Reading], replicas: list[str]) -> Run:
    recipe = Recipe(step="probe", plugin=probe, arguments={"data": DATA, "seed": 0}, inputs=tuple(replicas))
    run = _run(recipe, seconds=1.3, readings={probe: readings}, facts={"replicas": replicas})
    write(store, run)
    return run


def _lmc(case: Case) -> dict[str, Reading]:
    t = np.linspace(0, 1, 11)
    ends = _around(case.ends, 0.006, 3, seed=2)
    heights = _around(case.barrier, 0.12 * case.barrier, 3, seed=3)
    pairs = list(combinations(range(3), 2))
    paths = np.array(
        [
            (1 - t) * ends[i] + t * ends[j] + heights[k] * np.sin(np.pi * t) ** 1.4 * (1 + 0.1 * (t - 0.5) * k)
            for k, (i, j) in enumerate(pairs)
        ]
    )
    means = (paths[:, 0] + paths[:, -1]) / 2
    stars = 1 + np.abs(means[:, None] - paths)[:, 1:-1].argmax(axis=1)
    how = "11 points, BatchNorm re-estimated in batches of 256"
    error = np.full(3, 0.009)
    return {
        "lmc": Reading(means - paths[range(3), stars], "fraction", n=2000, stderr=error, estimator=how, axes=("pair",)),
        "barrier": Reading(paths.max(axis=1) - means, "fraction", n=2000, stderr=error, estimator=how, axes=("pair",)),
        "t_star": Reading(t[stars], "1", estimator=how, axes=("pair",)),
        "train_error_path": Reading(
            paths,
            "fraction",
            n=2000,
            stderr=0 * paths + 0.008,
            estimator=how,
            axes=("pair", "t"),
            labels=tuple(f"{x:g}" for x in t),
        ),
    }


def _disagreement(case: Case) -> dict[str, Reading]:
    values = _around(0.9 * case.test_error, 0.004, 3, seed=7)
    divergence = _around(0.4 * case.test_error, 0.002, 3, seed=8)
    return {
        "test_disagreement": Reading(values, "fraction", n=4000, stderr=np.full(3, 0.005), axes=("pair",)),
        "test_jensen_shannon": Reading(divergence, "nat", n=4000, stderr=np.full(3, 0.001), axes=("pair",)),
    }


def _errors(case: Case, *, replicas: int) -> dict[str, Reading]:
    train, test = _around(case.ends, 0.004, replicas, seed=9), _around(case.test_error, 0.005, replicas, seed=10)
    return {
        "train_error": Reading(
            train, "fraction", n=2000, stderr=np.sqrt(train * (1 - train) / 2000), estimator="top-1", axes=("replica",)
        ),
        "test_error": Reading(
            test, "fraction", n=4000, stderr=np.sqrt(test * (1 - test) / 4000), estimator="top-1", axes=("replica",)
        ),
        "train_loss": Reading(
            3.1 * train, "nat", n=2000, stderr=0 * train + 0.01, estimator="cross-entropy", axes=("replica",)
        ),
    }


def _size(density: float, *, replicas: int) -> dict[str, Reading]:
    layers = np.clip(density * np.linspace(1.9, 0.6, len(LAYERS)), 0, 1) if density < 1 else np.ones(len(LAYERS))
    ones = np.ones(replicas)
    return {
        "density": Reading(density * ones, "fraction", axes=("replica",)),
        "layer_density": Reading(np.tile(layers, (replicas, 1)), "fraction", axes=("replica", "layer"), labels=LAYERS),
        "theoretical_speedup": Reading(ones / (density * 0.97 + 0.03), "1", axes=("replica",)),
        "stored": Reading(81_920.0 * ones, "byte", axes=("replica",)),
        "latency": Reading(0.0021 * ones, "second", axes=("replica",)),
    }


def _around(mean: float, spread: float, count: int, *, seed: int) -> np.ndarray:
    return np.clip(mean + spread * np.random.default_rng(seed).normal(size=count), 0.0001, None)


def _case(density: float, rule: str, probes: list[Run]) -> dict[str, object]:
    return {"density": density, "rule": rule, "version": 1, "options": {}, "probes": [probe.id for probe in probes]}


def _heard(density: float, probes: list[Run]) -> Evidence:
    readings = {
        f"{probe}/{name}": reading
        for run in probes
        for probe, named in run.readings.items()
        for name, reading in named.items()
    }
    return Evidence(density=density, readings=readings)


def _all(asked: list[dict[str, object]], store: Store) -> list[Run]:
    return [store.read(run_id) for case in asked for run_id in case["probes"]]


def _run(recipe: Recipe, *, seconds: float, **made: object) -> Run:
    return Run(
        recipe=recipe,
        created="2026-03-01T12:00:00+00:00",
        wall_seconds=seconds,
        device="x86_64 (2 threads)",
        versions=VERSIONS,
        **made,
    )


def write(store: Store, run: Run) -> str:
    store.runs.mkdir(parents=True, exist_ok=True)
    store.path(run.id).write_bytes(runfile.run_bytes(run))
    return run.id
