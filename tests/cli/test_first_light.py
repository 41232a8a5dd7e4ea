"""The road from training to a measurement, as a person types it, against an independent slow implementation."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import slow_reference
import torch

from prunescope.data import sources
from prunescope.networks import checkpoints
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = "patches:images=150,test_images=70"
BATCH = 64


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the study."""
    return tmp_path_factory.mktemp("light") / "study"


@pytest.fixture(scope="module")
def run(invoke: Callable[..., Any]) -> Callable[..., str]:
    """Return a function that runs the program and returns what it prints on stdout: the id."""

    def program(*words: object) -> str:
        done = invoke(*words)
        assert done.exit_code == 0, done.stderr
        return str(done.stdout).strip()

    return program


@pytest.fixture(scope="module")
def replicas(study: Path, run: Callable[..., str]) -> dict[int, list[str]]:
    """Train once with snapshots, prune two of them, retrain each three times; return ids by epoch."""
    dense = run(
        *("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--data", DATA),
        *("--epochs", 4, "--batch-size", 32, "--snapshot-every", 2, "--study", study),
    )
    found = {}
    for epoch in (2, 4):
        pruned = run("prune", "magnitude", f"{dense}@{epoch}", "--density", 0.1, "--study", study)
        found[epoch] = [
            run("retrain", "sgd", pruned, "--epochs", 3, "--batch-size", 32, "--seed", seed, "--study", study)
            for seed in (1, 2, 3)
        ]
    return found


def model_of(study: Path, run_id: str) -> torch.nn.Module:
    """Return the network of a run, ready for the slow implementation."""
    return checkpoints.to_model(Store(study).load_weights(run_id)).eval()


@pytest.mark.parametrize("epoch", [2, 4])
def test_lmc_equals_the_plain_algorithm(
    study: Path, replicas: dict[int, list[str]], run: Callable[..., str], epoch: int
) -> None:
    probe = run("probe", "lmc", *replicas[epoch], "--batch-size", BATCH, "--study", study)
    readings = Store(study).read(probe).readings["lmc"]
    data = sources.open_source(sources.describe(DATA).to_json(), device="cpu")
    for pair, (a, b) in enumerate(combinations(replicas[epoch], 2)):
        slow = slow_reference.path(
            model_of(study, a), model_of(study, b), train=data.train, test=data.test, batch_size=BATCH
        )
        for name, unit in (("train_error", 1e-6), ("train_loss", 1e-6), ("test_error", 1e-6), ("test_loss", 1e-6)):
            np.testing.assert_allclose(readings[f"{name}_path"].value[pair], slow[name], atol=unit)
        lmc, barrier, _ = slow_reference.lmc(slow["train_error"])
        assert readings["lmc"].value[pair] == pytest.approx(lmc, abs=1e-6)
        assert readings["barrier"].value[pair] == pytest.approx(barrier, abs=1e-6)


def test_cka_equals_gram_matrices_in_float64(
    study: Path, replicas: dict[int, list[str]], run: Callable[..., str]
) -> None:
    probe = run("probe", "cka", *replicas[4], "--estimator", "both", "--study", study)
    readings = Store(study).read(probe).readings["cka"]
    data = sources.open_source(sources.describe(DATA).to_json(), device="cpu")
    with torch.no_grad():
        outputs = [
            torch.cat([model_of(study, run_id)(images).softmax(1) for images, _ in data.train.batches(BATCH)]).numpy()
            for run_id in replicas[4]
        ]
    for pair, (x, y) in enumerate(combinations(outputs, 2)):
        biased = slow_reference.cka(x, y, debiased=False)
        assert readings["softmax"].value[pair] == pytest.approx(biased, abs=1e-6)
        debiased = slow_reference.cka(x, y, debiased=True)
        assert readings["softmax_debiased"].value[pair] == pytest.approx(debiased, abs=1e-6)


def test_every_replica_keeps_exactly_the_density_asked_for(study: Path, replicas: dict[int, list[str]]) -> None:
    for run_id in [*replicas[2], *replicas[4]]:
        found = Store(study).load_weights(run_id)
        assert found.mask is not None
        assert found.mask.n_kept == round(0.1 * found.mask.n_weights)
        for name, kept in found.mask.kept.items():
            assert not found.state[name][~kept].any()


def test_the_study_is_whole(study: Path, replicas: dict[int, list[str]]) -> None:
    assert len(replicas) == 2
    assert Store(study).check() == []
    assert Store(study).leftovers() == []
