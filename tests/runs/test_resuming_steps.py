"""Trainings that are killed for real and resumed: their weights are those of an undisturbed one, to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from prunescope.api.errors import PluginError, UsageError
from prunescope.data import sources
from prunescope.networks.models import ModelSpec
from prunescope.plugins import registry
from prunescope.plugins.isolation import unchanged
from prunescope.runs import pipeline, plan
from prunescope.runs.files import midstep
from prunescope.runs.steps import keeping
from prunescope.runs.store import Store

PERFORM = """
import json, sys
from pathlib import Path
from prunescope.runs import pipeline
from prunescope.runs.recipe import parse
from prunescope.runs.steps import keeping
from prunescope.runs.store import Store
folder, seconds, *recipes = sys.argv[1:]
keeping.SAVE_SECONDS = float(seconds)
recipes, store = [parse(text) for text in recipes], Store(Path(folder))
if len(recipes) == 1:
    pipeline.perform(recipes[0], store, device="cpu")
else:
    pipeline.perform_together(recipes, store, device="cpu")
"""

PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def data():
    return sources.describe("patches:images=100,test_images=20")


def trainings(data, count, *, epochs):
    """Return recipes of dense trainings with snapshots, of a network of convolutions and BatchNorm."""
    model = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    trainer = registry.make("trainers", "sgd", {"epochs": epochs, "batch_size": 20})
    return [
        plan.training_recipe(trainer=trainer, model=model, data=data, seed=seed, snapshots=(1, epochs - 1))
        for seed in range(count)
    ]


def perform(recipes, store):
    if len(recipes) == 1:
        pipeline.perform(recipes[0], store, device="cpu")
    else:
        pipeline.perform_together(recipes, store, device="cpu")


def kill_during(recipes, store, *, blow, seconds, ready):
    """Perform steps in another process, and send it a signal once `ready` holds; return how it ended."""
    words = [sys.executable, "-c", PERFORM, str(store.study), str(seconds), *(recipe.canonical() for recipe in recipes)]
    process = subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1"})
    until = time.monotonic() + PATIENCE_SECONDS
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(blow)
    return process.wait(PATIENCE_SECONDS)


def states_in(store):
    return sorted(store.runs.glob(".partial/*"))


def assert_equal(store, other, recipes):
    for recipe in recipes:
        first, second = store.read(recipe.id), other.read(recipe.id)
        assert first.history == second.history
        assert first.weights.keys() == second.weights.keys()
        assert len(first.weights) == 3, "the end and two snapshots"
        for name in first.weights:
            one, two = (place.load_weights(name.removesuffix(".safetensors")).state for place in (store, other))
            assert all(torch.equal(value, two[key]) for key, value in one.items())


@pytest.mark.parametrize(("count", "blow"), [(1, signal.SIGTERM), (3, signal.SIGKILL)])
def test_a_killed_training_is_resumed_to_the_bit(count, blow, data, tmp_path, monkeypatch):
    recipes = trainings(data, count, epochs=16)
    store, other = Store(tmp_path / "killed"), Store(tmp_path / "whole")
    sudden = blow == signal.SIGKILL
    status = kill_during(
        recipes,
        store,
        blow=blow,
        seconds=0.05 if sudden else 3600,
        ready=lambda: (states_in(store) if sudden else True) and store.progress(recipes[0].id) > 0.1,
    )
    assert status == -blow
    assert len(states_in(store)) == 1
    assert not store.ids()
    loaded, read = [], midstep.read_state
    monkeypatch.setattr(
        midstep, "read_state", lambda *given, **named: loaded.append(read(*given, **named)) or loaded[-1]
    )
    perform(recipes, store)
    assert loaded[0] is not None, "it was resumed, not performed again"
    assert sudden or len(loaded[0]["core"][0]["history"]) >= 1
    assert not states_in(store)
    perform(recipes, other)
    assert_equal(store, other, recipes)


def test_a_short_training_writes_no_state(data, tmp_path):
    (recipe,) = trainings(data, 1, epochs=3)
    store = Store(tmp_path)
    perform([recipe], store)
    assert not (store.runs / ".partial").exists()


def test_a_training_that_fails_leaves_no_state(data, tmp_path, monkeypatch):
    recipe = replace(trainings(data, 1, epochs=6)[0], options={"epochs": 6, "learning_rate": 1e18})
    monkeypatch.setattr(keeping, "SAVE_SECONDS", -1.0)
    store = Store(tmp_path)
    with pytest.raises(UsageError, match="diverged"):
        perform([recipe], store)
    assert not states_in(store)


def test_what_cannot_be_saved_names_its_type(tmp_path):
    with pytest.raises(PluginError, match="holds a object"):
        midstep.write_state(tmp_path / "one.state", {"a": [object()]}, about={})


TREE = {
    "numbers": [1, 2.5, float("inf"), None, True, "é"],
    "tuple": (1, (2.0,)),
    3: {"tensor": torch.arange(6).reshape(2, 3).t(), "half": torch.ones(2, dtype=torch.bfloat16)},
    "same": [torch.zeros(2)] * 2,
}


def test_a_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "folder" / "one.state"
    midstep.write_state(path, TREE, about={"versions": "1"})
    found = midstep.read_state(path, about={"versions": "1"})
    assert found["numbers"] == TREE["numbers"]
    assert found["tuple"] == TREE["tuple"]
    assert torch.equal(found[3]["tensor"], TREE[3]["tensor"])
    assert found[3]["half"].dtype == torch.bfloat16
    assert len(found["same"]) == 2


def damage_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def link(path):
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


@pytest.mark.parametrize("harm", [damage_byte, cut, link, os.unlink, lambda path: path.write_bytes(b"")])
def test_a_state_that_is_not_what_was_written_counts_as_absent(harm, tmp_path):
    path = tmp_path / "one.state"
    midstep.write_state(path, TREE, about={"versions": "1"})
    assert midstep.read_state(path, about={"versions": "1"}) is not None
    assert midstep.read_state(path, about={"versions": "2"}) is None
    harm(path)
    assert midstep.read_state(path, about={"versions": "1"}) is None


def test_states_are_leftovers_that_may_be_deleted(tmp_path):
    store = Store(tmp_path)
    path = store.state_path("train-1")
    midstep.write_state(path, {}, about={})
    assert store.leftovers() == [path]


class Unprintable:
    """What the core holds of a training: networks, which take a fifth of a second to print."""

    def __repr__(self):
        raise AssertionError("was printed")


def test_who_asks_for_the_handler_of_sigterm_prints_no_network(tmp_path):
    keeper = keeping.StepKeeper(
        path=tmp_path / "one.state", about={}, yielded=Unprintable(), device=torch.device("cpu")
    )
    before = signal.getsignal(signal.SIGTERM)
    with keeping._sigterm_received(keeper), unchanged("nobody"):
        assert signal.getsignal(signal.SIGTERM) == keeper.receive
    assert signal.getsignal(signal.SIGTERM) == before
