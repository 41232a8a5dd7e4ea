from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_phase as synthetic

from prunescope.api import Reading, Regime
from prunescope.plugins import registry
from prunescope.runs import plan
from prunescope.runs.files import runfile
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.grid import study
from prunescope.studies.phase import from_study
from prunescope.studies.phase.bending import Bend
from prunescope.studies.phase.findings import find_phases


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    found, store = synthetic.laid_out(), Store(tmp_path_factory.mktemp("whole"))
    synthetic.write(found, store)
    return found, Session(store=store)


def test_every_reading_of_every_cell_is_there(whole):
    grid, session = whole
    diagram = from_study.read_study(grid, session)
    assert diagram.values == (10, 20, 40, 60, 80)
    assert set(diagram.cells) == {(value, density) for value in diagram.values for density in diagram.densities}
    cell = next(one for one in grid.cells if (one.value, one.density, one.seed) == (40, 0.1, 2))
    sample = diagram.cells[40, 0.1].samples[2]
    errors, lmc, cka = (session.read(recipe.id).readings[recipe.plugin] for recipe in cell.probes)
    assert sample.test_error == tuple(errors["test_error"].value)
    assert sample.lmc == tuple(lmc["lmc"].value)
    assert sample.lmc_stderr == tuple(lmc["lmc"].stderr)
    assert sample.cka == tuple(cka["softmax"].value)
    assert np.array_equal(sample.paths, lmc["train_error_path"].value)


def test_a_cell_is_the_median_over_dense_seeds_of_means_over_replicas(whole):
    cell = from_study.read_study(*whole).cells[40, 0.1]
    means = sorted(np.mean(sample.test_error) for sample in cell.samples)
    every = [value for sample in cell.samples for value in sample.test_error]
    summary = cell.summary("test_error")
    assert summary.centre == pytest.approx(means[1])
    assert (summary.low, summary.high) == (min(every), max(every))
    assert (summary.seeds, summary.each) == (3, 3)


def test_unfinished_steps_leave_gaps(tmp_path):
    grid, store = synthetic.laid_out(), Store(tmp_path)
    gone = {recipe.id for cell in grid.cells if (cell.value, cell.density) == (20, 0.1) for recipe in cell.probes}
    lost = {recipe.id for cell in grid.cells if cell.seed == 1 for recipe in cell.probes if recipe.plugin == "cka"}
    synthetic.write(grid, store, skip=lambda recipe: recipe.id in gone | lost)
    diagram = from_study.read_study(grid, Session(store=store))
    assert diagram.cells[20, 0.1].samples == ()
    assert np.isnan(diagram.grid("lmc")).sum() == 1
    assert diagram.cells[40, 0.1].summary("cka").seeds == 2
    assert diagram.cells[40, 0.1].summary("lmc").seeds == 3


def test_an_empty_study_is_a_diagram_of_gaps(tmp_path):
    diagram = from_study.read_study(synthetic.laid_out(), Session(store=Store(tmp_path)))
    assert all(cell.samples == () for cell in diagram.cells.values())
    found = find_phases(diagram, registry.make("rules", "three-regime", {}).instance)
    assert found.verdicts == {}
    assert found.transition is None


def test_dense_errors_are_found_where_they_were_measured(whole, tmp_path):
    grid, store = synthetic.laid_out(), Store(tmp_path)
    synthetic.write(grid, store, skip=lambda recipe: recipe.step != "train")
    dense = grid.cells[0]
    probe = registry.make("probes", "errors", {})
    recipe = plan.probing_recipe(replicas=[dense.dense], probe=probe, data=None, seed=0)
    reading = Reading(np.array([0.07]), "fraction", axes=("replica",))
    run = runfile.Run(
        recipe=recipe, created="", wall_seconds=1, device="", versions={}, readings={"errors": {"test_error": reading}}
    )
    store.path(run.id).write_bytes(runfile.run_bytes(run))
    assert from_study.read_study(grid, Session(store=store)).dense_error == {(dense.value, dense.seed): 0.07}
    assert from_study.read_study(*whole).dense_error == {}


def test_a_study_that_probes_its_dense_models_knows_their_errors(tmp_path):
    asked = replace(synthetic.STUDY, dense_probes=(study.PluginChoice(plugin="errors"),))
    grid, store = synthetic.laid_out(asked), Store(tmp_path)
    synthetic.write(grid, store)
    diagram = from_study.read_study(grid, Session(store=store))
    assert set(diagram.dense_error) == {(value, seed) for value in diagram.values for seed in diagram.seeds}
    cell = next(one for one in grid.cells if (one.value, one.density, one.seed) == (40, 0.1, 2))
    measured = store.read(cell.dense_probes[0].id).readings["errors"]["test_error"].value
    assert diagram.dense_error[40, 2] == measured.item() != diagram.dense_error[40, 1]
    assert diagram.cells[40, 0.1].samples[2].test_error != (measured.item(),)
    found = find_phases(diagram, registry.make("rules", "three-regime", {}).instance)
    assert {way.key: way.regret is None for way in found.ways}["dense"] is False


def test_drops_are_marked_on_snapshots_only():
    assert from_study.drops(synthetic.STUDY) == (40, 60)
    assert from_study.drops(replace(synthetic.STUDY, snapshots=False)) == ()
    cosine = study.PluginChoice(plugin="sgd", options={"epochs": 80, "schedule": "cosine"})
    assert from_study.drops(replace(synthetic.STUDY, train=cosine)) == ()


def test_the_hottest_value_comes_first_whatever_the_knob(tmp_path):
    asked = replace(synthetic.STUDY, knob="learning_rate", values=(0.05, 0.1, 0.2), snapshots=False, dense_seeds=(0,))
    grid, store = synthetic.laid_out(asked), Store(tmp_path)
    synthetic.write(grid, store)
    assert from_study.read_study(grid, Session(store=store)).values == (0.2, 0.1, 0.05)


def test_the_regimes_that_were_put_in_come_out(made_up):
    assert made_up.bend.verdict is Bend.COLDER
    assert made_up.seed_bends == (Bend.COLDER,) * 3
    for (value, density), verdict in made_up.verdicts.items():
        distance = value - synthetic.critical(density)
        if abs(distance) > 20:
            assert (verdict.regime is Regime.I) == (distance > 0), (value, density)
    critical = {one.density: one.value for one in made_up.crossings}
    for density in (0.05, 0.1):  # the grid is coarse: 20 epochs lie between neighbours
        assert critical[density] == pytest.approx(synthetic.critical(density), abs=10)
    assert critical[0.5] is None


def test_the_transition_of_the_made_up_study_is_found(made_up):
    assert (made_up.transition.hotter, made_up.transition.colder) == (40, 60)
    better = {one.density: one.better for one in made_up.transition.differences}
    assert better == {0.05: "", 0.1: "hotter", 0.5: "colder"}
