"""Runs are removed with their weights, and never from under others."""

import pytest

from prunescope.api.errors import UsageError
from prunescope.runs.recipe import Recipe
from prunescope.runs.removing import find_dependants, remove_leftovers, remove_run
from prunescope.runs.steps.finishing import finish_run
from prunescope.runs.steps.result import StepResult
from prunescope.runs.store import Store


@pytest.fixture
def store(tmp_path):
    """A dense run, a pruned one of its epoch 2, and a measurement of that."""
    made = Store(tmp_path / "study")
    chain = [Recipe(step="train")]
    chain.append(Recipe(step="prune", inputs=(f"{chain[0].id}@2",)))
    chain.append(Recipe(step="probe", inputs=(chain[1].id,)))
    for recipe in chain:
        with made.lock(recipe.id):
            finish_run(recipe, StepResult(facts={}), made, device="cpu", seconds=0.0)
    (made.runs / f"{chain[0].id}.safetensors").write_bytes(b"weights")
    (made.runs / f"{chain[0].id}@2.safetensors").write_bytes(b"weights")
    return made, [recipe.id for recipe in chain]


def test_runs_that_start_from_it_are_found_through_others(store):
    made, (dense, pruned, measured) = store
    assert find_dependants(dense, made) == sorted([pruned, measured])
    assert find_dependants(measured, made) == []


def test_a_run_that_others_start_from_is_kept_unless_asked(store):
    made, (dense, pruned, measured) = store
    with pytest.raises(UsageError, match="2 runs start from"):
        remove_run(dense, made)
    assert set(made.ids()) == {dense, pruned, measured}
    assert set(remove_run(dense, made, dependants=True)) == {dense, pruned, measured}
    assert list(made.ids()) == []
    assert list(made.runs.glob("*.safetensors")) == []


def test_the_last_of_a_chain_is_removed_alone(store):
    made, (dense, pruned, measured) = store
    assert remove_run(measured, made) == [measured]
    assert set(made.ids()) == {dense, pruned}
    assert len(list(made.runs.glob("*.safetensors"))) == 2


def test_what_interrupted_steps_left_is_removed_and_nothing_else(store):
    made, ids = store
    left = made.runs / "retrain-0123456789abcdef.safetensors"
    left.write_bytes(b"half")
    (made.study / "damaged").mkdir()
    (made.study / "damaged" / "probe-1.h5").write_bytes(b"x")
    assert remove_leftovers(made) == [left, made.study / "damaged" / "probe-1.h5"]
    assert set(made.ids()) == set(ids)
    assert remove_leftovers(made) == []
