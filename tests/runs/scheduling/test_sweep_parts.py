"""Parts of a study: shards, what --only names, and what a job waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunescope.api.errors import UsageError
from prunescope.data.spec import Source
from prunescope.runs.recipe import Recipe, run_of
from prunescope.runs.scheduling import works
from prunescope.runs.store import Store
from prunescope.studies.grid import layout, selection, study

STUDY = study.Study(
    name="mine",
    model="preresnet8",
    model_options={},
    data="patches",
    train=study.PluginChoice(plugin="sgd"),
    prune=study.PluginChoice(plugin="magnitude"),
    retrain=study.PluginChoice(plugin="sgd"),
    probes=(study.PluginChoice(plugin="errors"), study.PluginChoice(plugin="lmc")),
    knob="batch_size",
    values=(16, 32, 64),
    hold="epochs",
    snapshots=True,
    densities=(0.1, 0.5),
    dense_seeds=(0, 1),
    replicas=2,
)

GRID = layout.expand(STUDY, Source(name="patches"), num_classes=10, in_chans=3, image_size=(8, 8))


@pytest.mark.parametrize("of", [1, 2, 3, 5, 12, 13])
def test_shards_divide_the_cells_and_are_complete(of):
    parts = [selection.shard(GRID, number, of=of) for number in range(1, of + 1)]
    prunings = [name for part in parts for name in part if name.startswith("prune/")]
    assert sorted(prunings) == sorted(name for name in GRID.named if name.startswith("prune/"))
    sizes = [sum(name.startswith("prune/") for name in part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        ids = {recipe.id for recipe in part.values()}
        assert {run_of(reference) for recipe in part.values() for reference in recipe.inputs} <= ids


def test_six_shards_of_six_dense_runs_train_one_each():
    parts = [selection.shard(GRID, number, of=6) for number in range(1, 7)]
    assert [sum(name.startswith("train/") for name in part) for part in parts] == [1] * 6


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("train", 6),
        ("prune", 6 + 12),
        ("probe/lmc/batch_size=16,density=0.1,*", 2 * (1 + 1 + 2 + 1)),
        ("*density=0.1,seed=0*", 3 * (1 + 1 + 2 + 2)),
        (GRID.cells[0].prune.id[:12], 2),
    ],
)
def test_only_takes_what_it_names_and_what_that_needs(pattern, count):
    found = selection.only(GRID.named, [pattern])
    assert len(found) == count
    assert list(found) == [name for name in GRID.named if name in found]


def test_only_several_and_none():
    assert len(selection.only(GRID.named, ["train/batch_size=16,seed=0", "train/batch_size=32,seed=1"])) == 2
    with pytest.raises(UsageError, match="names no step"):
        selection.only(GRID.named, ["train", "prone"])


def test_jobs_wait_for_unfinished_inputs_alone(tmp_path):
    first = Recipe(step="train", plugin="sgd")
    second = Recipe(step="prune", plugin="magnitude", inputs=(f"{first.id}@10", "train-elsewhere"))
    found = works.works([first, second, first], Store(Path(tmp_path)), {})
    assert [(work.job.id, work.job.needs) for work in found] == [(first.id, ()), (second.id, (first.id,))]
