"""Other objectives and other inputs than classes of images, as a person types them, from training to a verdict."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import objective_data
import pytest
import torch

from prunescope.api.trust import NOTHING
from prunescope.data import sources
from prunescope.runs.store import Store

TRUST = NOTHING.also(["objective_data:numbers"])

DOCS = Path(__file__).parents[2] / "docs/objectives"

SGD = ("--epochs", 2, "--batch-size", 20, "--learning-rate", 0.05)


@pytest.fixture(autouse=True)
def _examples(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)


@pytest.fixture
def run(invoke, tmp_path):
    """Return a function that runs a command in a study and returns its id."""

    def program(*words):
        done = invoke(*words, "--study", tmp_path / "study")
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    return program


@pytest.mark.parametrize(
    ("trainer", "model", "data", "options", "words"),
    [
        ("timm", "tokens:transformer", "sequences", ("linear=true",), "top-1 error"),
        ("sgd", "grasps:network", "bars", (), "labelled positions outside the most likely ones"),
    ],
)
def test_a_checkpoint_is_diagnosed_with_its_own_words(run, invoke, tmp_path, trainer, model, data, options, words):
    source = f"objective_data:{data}"
    dense = run("train", trainer, "--model", model, "--data", source, "--epochs", 2, "--batch-size", 20)
    asked = [part for option in options for part in ("--pruner-option", option)]
    report = tmp_path / "report.html"
    found = invoke(
        *("diagnose", dense, "--densities", 0.3, "--replicas", 2, "--retrain-epochs", 1, "--workers", 1, *asked),
        *("--probe", "bezier", "--probe-option", "bezier.epochs=1", "--json", "--report", report),
        *("--study", tmp_path / "study"),
    )
    assert found.exit_code in (0, 4), found.stderr  # 4: no verdict
    assert json.loads(found.stdout)
    assert words in report.read_text(encoding="utf-8")
    store = Store(tmp_path / "study")
    probes = [store.read(run_id).readings for run_id in store.ids() if run_id.startswith("probe")]
    readings = next(found["errors"] for found in probes if "errors" in found)
    assert readings["test_error"].estimator == words
    assert 0 < float(np.mean(readings["test_chance"].value)) <= 1


@pytest.mark.parametrize(
    ("model", "data", "unit", "words"),
    [
        ("perceptron", "label_sets", "nat", "mean label error"),
        ("perceptron", "numbers", "target^2", "squared error / variance of the targets, at most 1"),
        ("pixels", "masks", "nat", "pixel error"),
    ],
)
def test_every_step_takes_the_objective_of_the_data(run, tmp_path, model, data, unit, words):
    dense = run("train", "sgd", "--model", f"objective_data:{model}", "--data", f"objective_data:{data}", *SGD)
    linear = ("--linear",) if model == "perceptron" else ()
    pruned = run("prune", "snip", dense, "--density", 0.5, *linear)
    replicas = [run("retrain", "sam", pruned, *SGD, "--seed", seed) for seed in (1, 2)]
    store = Store(tmp_path / "study")

    def read(probe, *words):
        return store.read(run("probe", probe, *words)).readings[probe]

    line = read("lmc", *replicas, "--points", 5)
    assert line["lmc_loss"].unit == unit
    assert (np.abs(line["train_error_path"].value) <= 1).all()
    assert line["train_loss_path"].value.shape == (1, 5)
    assert 0 < read("cka", *replicas)["softmax"].value[0] <= 1
    curvature = read("hessian", dense, "--batch-size", 20, "--batches", 2, "--vectors", 2, "--max-products", 5)
    assert curvature["trace"].unit == f"{unit}/weight^2"
    assert np.isfinite(curvature["trace"].value).all()
    errors = read("errors", replicas[0])
    assert errors["train_error"].estimator == words
    assert errors["train_error"].value[0] == pytest.approx(line["train_error_path"].value[0, 0], abs=0.2)
    differ = read("disagreement", *replicas)
    assert 0 <= differ["test_disagreement"].value[0] <= 1
    assert ("test_jensen_shannon" in differ) == (data != "numbers")


def test_the_objective_is_part_of_what_the_data_are(monkeypatch):
    one = sources.describe("objective_data:numbers", trust=TRUST).fingerprint
    made = objective_data.numbers()
    assert len(made.train) == 120
    sources._load.cache_clear()
    other = type(made.objective)(variance=(1.0,))
    monkeypatch.setattr(objective_data.Regression, "of", staticmethod(lambda _: other))
    assert sources.describe("objective_data:numbers", trust=TRUST).fingerprint != one
    sources._load.cache_clear()


@pytest.mark.parametrize(
    ("option", "message"), [("--mixup", "mixup is 0.2"), ("--label-smoothing", "label_smoothing is 0.2")]
)
def test_what_an_objective_cannot_do_is_one_clear_error(invoke, tmp_path, option, message):
    done = invoke(
        *("train", "sgd", "--model", "objective_data:perceptron", "--data", "objective_data:numbers", option, 0.2),
        *("--epochs", 1, "--study", tmp_path / "study"),
    )
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("model", "data", "in_chans"),
    [("tokens:transformer", "sequences", 16), ("objective_data:perceptron", "numbers", objective_data.FEATURES)],
)
def test_weights_of_another_program_are_read_for_rows_of_their_length(run, tmp_path, model, data, in_chans):
    module, _, name = model.partition(":")
    network = getattr(importlib.import_module(module), name)(num_classes=3, in_chans=in_chans)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    probe = run("probe", "errors", tmp_path / "weights.pt", "--model", model, "--data", f"objective_data:{data}")
    readings = Store(tmp_path / "study").read(probe).readings["errors"]
    made = getattr(objective_data, data)()
    with torch.no_grad():
        wrong = made.objective.errors(network.eval()(made.test.inputs), made.test.targets).float().mean().item()
    assert float(np.mean(readings["test_error"].value)) == pytest.approx(wrong, abs=1e-6)
