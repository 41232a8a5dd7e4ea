"""Sweeps: order, resuming, failures, several processes on one study, selection."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_sweep import study_text

from prunescope.api import Executor, Outcome, Progress, Resources
from prunescope.api.errors import InputError, PluginError, StoreError, UsageError
from prunescope.runs import failures
from prunescope.runs.recipe import task_id
from prunescope.runs.scheduling import arrivals, groups, scheduler, works
from prunescope.runs.scheduling.local import Local
from prunescope.runs.store import Store
from prunescope.studies.grid import selection, studyfolder
from prunescope.training.trainers.sgd import Sgd

TINY = study_text(
    model={"name": "small_mlp"},
    data={"name": "patches", "images": 60, "test_images": 40},
    prune={"plugin": "magnitude", "linear": True},
    probes=[{"plugin": "errors"}, {"plugin": "disagreement"}],
    axes={"epochs": [1, 2], "density": [0.2, 0.5]},
)

SERIAL = Local(in_process=True)


@pytest.fixture
def tiny(tmp_path):
    """Return a store and the grid of a study that takes a second."""
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)
    studyfolder.settle(file, tmp_path / "tiny")
    return Store(tmp_path / "tiny"), studyfolder.load_grid(tmp_path / "tiny")


def readings(store):
    """Return every reading of a study as plain numbers."""
    runs = [store.read(run_id) for run_id in store.ids() if run_id.startswith("probe")]
    return {
        (run.id, probe, name): reading.value if isinstance(reading.value, float) else reading.value.tolist()
        for run in runs
        for probe, named in run.readings.items()
        for name, reading in named.items()
    }


def end_all(found, store):
    outcomes = list(scheduler.run(found.recipes, store, SERIAL, device="cpu"))
    assert not [outcome for outcome in outcomes if outcome.error]
    return [outcome.id for outcome in outcomes]


def test_a_study_is_run_once_and_goes_on_where_it_stopped(tiny):
    store, found = tiny
    running = scheduler.run(found.recipes, store, SERIAL, device="cpu")
    first = [next(running).id for _ in range(7)]
    running.close()
    assert sorted(first) == store.ids()
    stamps = {run_id: store.path(run_id).stat().st_mtime_ns for run_id in first}
    rest = end_all(found, store)
    assert sorted(first + rest) == store.ids() == sorted(recipe.id for recipe in found.recipes)
    assert stamps == {run_id: store.path(run_id).stat().st_mtime_ns for run_id in first}
    assert end_all(found, store) == []
    assert store.check() == []
    assert store.leftovers() == []


def held_kin(found):
    """Return the retrainings that are one job with those of the first cell."""
    return (*found.cells[0].retrainings, *found.cells[1].retrainings)


def test_a_step_another_process_performs_is_put_aside_with_what_needs_it(tiny):
    store, found = tiny
    held = found.cells[0].prune
    kin = {recipe.id for cell in found.cells[:2] for recipe in cell.recipes} - {found.cells[1].prune.id}
    together = groups.divide_recipes(found.recipes, store, device="cpu")
    assert together[held_kin(found)[0].id] == held_kin(found), "cells that wait for each other"
    with store.lock(held.id):
        assert store.is_busy(held.id)
        running = scheduler.run(found.recipes, store, SERIAL, device="cpu")
        ended = [next(running).id for _ in range(len(found.recipes) - len(kin))]
    assert kin.isdisjoint(ended)
    assert {outcome.id for outcome in running} == kin
    assert not store.is_busy(held.id)


def test_what_another_process_finishes_meanwhile_is_told_too(tiny, monkeypatch):
    store, found = tiny
    training = found.trainings[0]

    def finish(state):
        assert state.busy == {training.id}
        lock.__exit__(None, None, None)
        end_all(found, store)

    lock = store.lock(training.id)
    lock.__enter__()
    monkeypatch.setattr(scheduler._State, "wait", finish)
    outcomes = list(scheduler.run(found.recipes, store, SERIAL, device="cpu"))
    assert [outcome.error for outcome in outcomes] == [""] * len(found.recipes)


def test_a_failed_step_is_noted_its_kin_skipped_and_the_rest_goes_on(tiny):
    store, found = tiny
    wrong = replace(found.cells[0].prune, plugin="magnitud")
    cell = found.cells[0]
    kin = [replace(recipe, inputs=(wrong.id,)) for recipe in cell.retrainings]
    others = [recipe for recipe in found.recipes if recipe not in cell.recipes]
    in_order = [others[0], wrong, *kin, *others[1:]]
    outcomes = {outcome.id: outcome for outcome in scheduler.run(in_order, store, SERIAL, device="cpu")}
    assert outcomes[wrong.id].error.startswith("there is no pruner 'magnitud'")
    assert all(outcomes[recipe.id].skipped for recipe in kin)
    assert store.ids() == sorted(recipe.id for recipe in others)
    assert failures.known(store.study) == {wrong.id: "there is no pruner 'magnitud'"}
    assert "Traceback" in failures.path(store.study, wrong.id).read_text()


def test_a_note_of_failure_goes_when_the_step_succeeds(tiny):
    store, found = tiny
    failures.note(store.study, Outcome(id=found.trainings[0].id, error="out of luck"))
    assert failures.known(store.study) == {found.trainings[0].id: "out of luck"}
    end_all(found, store)
    assert failures.known(store.study) == {}


def test_a_full_disk_ends_the_sweep_and_leaves_nothing_half_written(tiny, monkeypatch):
    store, found = tiny
    monkeypatch.setattr(os, "fsync", raise_full)
    outcomes = list(scheduler.run(found.recipes, store, SERIAL, device="cpu"))
    assert [outcome.id for outcome in outcomes] == [found.trainings[0].id]
    assert "No space left on device" in outcomes[0].error
    monkeypatch.undo()
    end_all(found, store)
    assert store.check() == []
    assert store.leftovers() == []


def test_trainings_are_done_together_and_say_so(tiny):
    store, found = tiny
    end_all(found, store)
    engines = {recipe.id: store.read(recipe.id).engine for recipe in found.recipes}
    assert {engines[recipe.id] for cell in found.cells for recipe in cell.retrainings} == {"grouped(4)"}
    assert engines[found.trainings[0].id] == "alone"
    assert engines[found.cells[0].prune.id] == ""


def test_what_is_left_of_a_group_comes_out_as_it_does_undisturbed(tiny, tmp_path):
    store, found = tiny
    other = replace(store, study=tmp_path / "other")
    end_all(found, other)
    end_all(found, store)
    gone = held_kin(found)[1:3]
    kept = store.path(held_kin(found)[0].id)
    stamp = kept.stat().st_mtime_ns
    later = {recipe.id for cell in found.cells[:2] for recipe in cell.probes}
    for run_id in [recipe.id for recipe in gone] + sorted(later):
        store.path(run_id).unlink()
    assert set(end_all(found, store)) == {recipe.id for recipe in gone} | later
    assert kept.stat().st_mtime_ns == stamp
    for recipe in gone:
        assert store.read(recipe.id).weights == other.read(recipe.id).weights, "other bits than undisturbed"
        assert store.read(recipe.id).history == other.read(recipe.id).history
    assert readings(store) == readings(other)


def test_a_part_of_a_study_keeps_what_it_can_of_the_groups(tiny):
    store, found = tiny
    part = selection.only(found.named, ["retrain/epochs=1,density=0.2,*", "retrain/epochs=2,*"])
    assert not [o for o in scheduler.run(list(part.values()), store, SERIAL, device="cpu", of=found.recipes) if o.error]
    sizes = [
        store.read(recipe.id).engine for cell in found.cells for recipe in cell.retrainings if store.has(recipe.id)
    ]
    assert sizes == ["grouped(2)"] * 2 + ["grouped(4)"] * 4


def test_a_group_that_fails_is_done_one_by_one(tiny, monkeypatch):
    store, found = tiny
    bad = held_kin(found)[1].arguments["seed"]

    def diverge(*_arguments, seeds, **_more):
        if bad in seeds:
            raise UsageError("training diverged", fix="lower the learning rate")
        yield from ()

    fit = Sgd.fit_resumable

    def fit_but_one(self, model, data, *, mask, seed, keeper):
        if seed == bad:
            raise UsageError(f"seed {seed} diverged", fix="lower the learning rate")
        return fit(self, model, data, mask=mask, seed=seed, keeper=keeper)

    monkeypatch.setattr(Sgd, "fit_together_resumable", diverge)
    monkeypatch.setattr(Sgd, "fit_resumable", fit_but_one)
    outcomes = {outcome.id: outcome for outcome in scheduler.run(found.recipes, store, SERIAL, device="cpu")}
    assert set(outcomes) == {recipe.id for recipe in found.recipes}
    failing = {recipe.id for cell in found.cells for recipe in cell.retrainings if recipe.arguments["seed"] == bad}
    assert {run_id for run_id, outcome in outcomes.items() if outcome.error and not outcome.skipped} == failing
    assert all("diverged" in outcomes[run_id].error for run_id in failing)
    others = {recipe.id for cell in found.cells for recipe in cell.retrainings} - failing
    assert {store.read(run_id).engine for run_id in others} == {"alone"}
    assert failures.known(store.study).keys() == failing


def test_a_group_whose_input_fails_for_one_goes_on_without_it(tiny):
    store, found = tiny
    wrong = replace(found.cells[0].prune, plugin="magnitud")
    kin = [replace(recipe, inputs=(wrong.id,)) for recipe in found.cells[0].retrainings]
    steps = [found.trainings[0], wrong, *kin, found.cells[1].prune, *found.cells[1].retrainings]
    outcomes = {outcome.id: outcome for outcome in scheduler.run(steps, store, SERIAL, device="cpu")}
    assert all(outcomes[recipe.id].skipped for recipe in kin)
    assert all(store.read(recipe.id).engine == "alone" for recipe in found.cells[1].retrainings)


def test_a_group_that_another_process_trains_is_waited_for(tiny, monkeypatch):
    store, found = tiny
    held = held_kin(found)[2]
    seen = []

    def finish(state):
        seen.append(state.busy)
        lock.__exit__(None, None, None)

    lock = store.lock(held.id)
    lock.__enter__()
    monkeypatch.setattr(scheduler._State, "wait", finish)
    end_all(found, store)
    assert seen == [{held.id}]


def raise_full(*_):
    raise OSError(28, "No space left on device")


@dataclass(frozen=True, kw_only=True)
class Lazy(Executor):
    """Ends before it has begun."""

    def run(self, jobs, perform):  # noqa: ARG002 - the interface
        yield from ()


def test_an_executor_that_forgets_jobs_is_reported(tiny):
    store, found = tiny
    with pytest.raises(PluginError, match="before all steps"):
        list(scheduler.run(found.recipes, store, Lazy(), device="cpu"))


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Executor):
    """Performs every job in another folder, and leaves the results there."""

    folder: str

    def run(self, jobs, perform):
        for job in jobs[:1]:
            perform(replace(job, study=self.folder))
            yield Progress(run=job.id, fraction=0.5)
            yield Outcome(id=job.id)


@dataclass(frozen=True, kw_only=True)
class Spoiling(Executor):
    """Spoils each result once it is there."""

    def run(self, jobs, perform):
        for job in jobs[:1]:
            perform(job)
            path = Path(job.study, job.outputs[-1])
            path.write_bytes(path.read_bytes()[:-1])
            yield Outcome(id=job.id)


def test_a_result_that_lies_elsewhere_is_a_failure_that_names_the_shared_folder(tiny, tmp_path, monkeypatch):
    store, found = tiny
    monkeypatch.setattr(arrivals, "PATIENCE_SECONDS", 0.1)
    executor = Elsewhere(folder=str(tmp_path / "node"))
    outcome = next(scheduler.run(found.recipes[:1], store, executor, device="cpu"))
    assert str(store.path(outcome.id)) in outcome.error
    assert "one folder that all machines reach under the same path" in outcome.error
    assert store.progress(outcome.id) == 0.5


def test_a_result_that_arrives_damaged_is_a_failure(tiny):
    store, found = tiny
    outcome = next(scheduler.run(found.recipes[:1], store, Spoiling(), device="cpu"))
    assert "do not match their digest" in outcome.error


def test_a_job_names_its_files_and_what_it_takes(tiny, monkeypatch):
    store, found = tiny
    monkeypatch.chdir(store.study.parent)
    relative = Store(Path(store.study.name))
    expected = works.Expected(seconds={recipe.id: 2.0 for recipe in found.recipes}, memory=100, gpus=0.5)
    together = groups.divide_recipes(found.recipes, store, device="cpu")
    jobs = {work.job.id: work.job for work in works.works(found.recipes, relative, together, expected)}
    group = together[found.cells[0].retrainings[0].id]
    job = jobs[task_id(group)]
    assert job.study == str(store.study)
    assert job.resources == Resources(gpus=0.5, memory=100 * len(group), seconds=2.0 * len(group))
    assert job.outputs[-1] == f"runs/{group[-1].id}.h5"
    pruned = group[0].inputs[0]
    assert {f"runs/{pruned}.h5", f"runs/{pruned}.safetensors"} <= set(job.inputs)


def test_the_folder_holds_its_study_and_refuses_another(tiny, tmp_path):
    store, _ = tiny
    other = tmp_path / "other.toml"
    other.write_text(TINY.replace("0.5]", "0.6]"))
    with pytest.raises(InputError, match="differs from") as caught:
        studyfolder.settle(other, store.study)
    assert "densities" in caught.value.message
    (tmp_path / "same.toml").write_text("# a comment more\n" + TINY)
    studyfolder.settle(tmp_path / "same.toml", store.study)
    assert (store.study / "study.toml").read_text() == TINY
    assert studyfolder.find_study_file(store.study) == store.study / "study.toml"


def test_the_data_are_looked_at_once(tiny, monkeypatch):
    store, found = tiny
    monkeypatch.setattr("prunescope.data.sources.describe", None)
    assert studyfolder.load_grid(store.study).named == found.named
    (store.study / "data.json").write_text("{")
    monkeypatch.undo()
    assert studyfolder.load_grid(store.study).named == found.named


def test_a_folder_that_cannot_be_made(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)
    with pytest.raises(StoreError, match="cannot write the study folder"):
        studyfolder.settle(file, file / "below")
