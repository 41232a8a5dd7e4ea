"""The truth campaign: what a way sees of a cell is no part of its truth, and a study is no part of its calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module, resources

import pytest
from small_sweep import study_text

from prunescope.regimes.log_odds import FAMILY, LMC, POSITION, SHIPPED, load_calibration


def write_tiny(folder, axis):
    """Write a study of one cell per value of the axis; return its file."""
    file = folder / "tiny.toml"
    text = study_text(
        data={"name": "patches", "images": 64, "test_images": 40},
        train={"plugin": "sgd", "epochs": 2, "batch_size": 32},
        dense_probes=[{"plugin": "errors"}, {"plugin": "hessian", "top": 0, "batches": 1}],
        axes={**axis, "density": [0.3]},
        seeds={"dense": [0], "replicas": 3},
    )
    file.write_text(text)
    return file


def module(name):
    return import_module(f"truth_{name}")


def row(value, error, **changed):
    """A cell of a study over epochs whose errors are near `error`."""
    given = {
        "study": "one",
        "knob": "epochs",
        "value": value,
        "density": 0.1,
        "seed": 0,
        "drop": 20.0,
        "test_errors": (error, error + 0.002, error - 0.002),
        "train_errors": (error / 2, error / 2, error / 2),
        "train_losses": (error, error, error),
        "learned": True,
        "lmc": -0.02,
        "lmc_stderr": 0.004,
        "brief": (error + 0.1, error + 0.101),
        "early": (),
        "mapped": error + 0.2,
        "dense_train_error": 0.1,
        "dense_chance": 0.9,
        "dense_test_error": error / 2,
        "trace": 500.0,
        "trace_stderr": 10.0,
        "progress": 0.25,
        "fall": 0.5,
        "damage": 1.2,
        "brief_epochs": 4,
        "truth_epochs": 24,
    }
    return module("cells").Row(**given | changed)


def study(name, errors):
    """The cells of a study at two densities: value of the knob -> error."""
    return [row(value, error, study=name, density=d) for d in (0.1, 0.4) for value, error in errors.items()]


HOT_IS_BEST = {10.0: 0.10, 20.0: 0.15, 40.0: 0.20}
COLD_IS_BEST = {10.0: 0.20, 20.0: 0.15, 40.0: 0.10}


def test_the_better_side_of_a_cell_is_that_of_the_least_test_error():
    cases = module("cases").list_cases(study("one", HOT_IS_BEST))[:3]
    assert [case.row.value for case in cases] == [10.0, 20.0, 40.0]
    assert [(case.resolved, case.is_hotter) for case in cases] == [(False, False), (True, True), (True, True)]
    assert cases[2].gain == pytest.approx(0.1, abs=0.005)
    assert [case.regret(-1) for case in cases] == pytest.approx([0, 0, 0.05], abs=1e-9)


def test_the_replicas_whose_connectivity_a_way_sees_are_no_part_of_the_cells_truth():
    rows = study("one", HOT_IS_BEST)
    moved = [replace(one, test_errors=(0.9, 0.8, one.test_errors[2])) if one.value == 40 else one for one in rows]
    before, after = (module("cases").list_cases(each) for each in (rows, moved))
    for one, other in zip(before, after, strict=True):
        assert one.row.value != 40 or (one.hotter, one.gain) == (other.hotter, other.gain)


def test_no_signal_sees_a_test_error():
    rows = study("one", HOT_IS_BEST)
    moved = [replace(one, test_errors=tuple(1 - error for error in one.test_errors)) for one in rows]
    calibration = load_calibration()
    found = [
        [module("signals").signals_of(case, calibration) for case in module("cases").list_cases(each)]
        for each in (rows, moved)
    ]
    assert found[0] == found[1]
    assert {frozenset(each) for each in found[0]} == {frozenset({FAMILY, LMC, POSITION, "mapped"})}


def test_the_course_of_a_training_is_a_signal_on_other_axes_than_its_epochs_alone():
    calibration = load_calibration()

    def signals(**changed):
        rows = [row(value, 0.1 + value / 1000, knob="batch_size", **changed) for value in (10.0, 20.0, 40.0)]
        return module("signals").signals_of(module("cases").list_cases(rows)[0], calibration)

    assert "position" not in signals()
    assert signals(progress=0.0)["progress"] < 0 < signals(progress=0.8)["progress"]
    assert "progress" not in signals(progress=float("nan"))
    assert "progress" in signals(learned=False)
    assert "progress" not in signals(dense_train_error=0.84)


def test_how_often_a_side_is_the_better_one_moves_no_curve():
    bins = [{"low": None, "high": 0.0, "hotter": 3, "of": 43}, {"low": 0.0, "high": None, "hotter": 9, "of": 19}]
    scaled = [{**one, "of": one["hotter"] + 7 * (one["of"] - one["hotter"])} for one in bins]
    balance = module("signals").balance_sides
    for one, other in zip(balance(bins), balance(scaled), strict=True):
        assert one["hotter"] == pytest.approx(other["hotter"], abs=2e-3)
        assert one["of"] == pytest.approx(other["of"], abs=2e-3)
    assert sum(one["hotter"] for one in balance(bins)) == pytest.approx(sum(one["of"] for one in balance(bins)) / 2)
    assert balance([*bins[:1], {"low": 0.0, "high": None, "hotter": 0, "of": 0}])[0]["of"] == pytest.approx(6)
    assert balance([{"low": None, "high": None, "hotter": 0, "of": 5}])[0]["of"] == 5


def test_a_study_is_no_part_of_the_calibration_of_its_cells():
    others = [*study("two", HOT_IS_BEST), *study("three", COLD_IS_BEST)]
    turned = [replace(one, test_errors=tuple(0.5 - e for e in one.test_errors)) for one in study("one", HOT_IS_BEST)]

    def said(rows, name):
        found = module("ways").ask_ways(module("cases").list_cases(rows))["all signals"]
        return [one.hotter for one in found if one.case.row.study == name]

    assert said([*study("one", HOT_IS_BEST), *others], "one") == said([*turned, *others], "one")
    assert said([*study("one", HOT_IS_BEST), *others], "two") != said([*turned, *others], "two")


def test_counts_of_a_pack_are_those_of_the_cells_and_of_the_earlier_pack():
    signals, earlier = module("signals"), module("signals").read_earlier()
    cases = module("cases").list_cases(study("one", HOT_IS_BEST))
    found = signals.fit_pack(cases, name="some", source="cells")
    assert load_calibration(json.dumps(found)).name == "some"
    added = [(one["hotter"] - two["hotter"], one["of"] - two["of"]) for one, two in zip(found["lmc"], earlier["lmc"])]  # noqa: B905
    assert added == [(0, 0), (0, 0), (0, 0), (4, 4), (0, 0)]
    assert found["position"]["of"] - earlier["position"]["of"] == 2
    assert found["position"]["right"] - earlier["position"]["right"] == 2


def test_the_table_of_cells_is_read_as_it_was_written(tmp_path):
    rows = [row(10.0, 0.125, learned=False, progress=0.5), row(20.0, 0.25, early=(0.5, 0.25))]
    module("cells").write_cells(rows, tmp_path / "cells.csv")
    assert module("cells").read_cells(tmp_path / "cells.csv") == rows


def test_the_shipped_pack_has_the_counts_of_the_shipped_table():
    signals = module("signals")
    cases = module("cases").list_cases(module("cells").read_cells())
    assert len(cases) == 900
    resolved, earlier = [case for case in cases if case.resolved], signals.read_earlier()
    pack = json.loads(resources.files("prunescope.regimes.packs").joinpath(SHIPPED).read_text(encoding="utf-8"))
    for one, found, other in zip(pack["lmc"], signals.count_lmc(resolved), earlier["lmc"], strict=True):
        assert (one["hotter"], one["of"]) == (found["hotter"] + other["hotter"], found["of"] + other["of"])
    assert pack["position"]["of"] == signals._position_counts(resolved)["of"] + earlier["position"]["of"]
    assert pack["source"].startswith(f"{len(resolved)} resolved cells of 9 studies (36 dense seeds")


@pytest.mark.parametrize(("axis", "early"), [({"epochs": [1, 2]}, 0), ({"batch_size": [16, 32]}, 2)])
def test_the_replicas_of_signals_have_seeds_of_their_own(axis, early, tmp_path):
    laid = module("studies").lay_out_truth(write_tiny(tmp_path, axis), tmp_path / "runs")
    for one in laid.cells:
        assert len(one.early) == early
        runs = [*one.cell.retrainings, *one.brief, *one.early]
        assert len({recipe.arguments["seed"] for recipe in runs}) == len(runs) == 5 + early
        assert one.lmc.inputs == tuple(recipe.id for recipe in one.cell.retrainings[:2])
    known = {recipe.id for recipe in laid.of_seed(0)}
    inputs = {name.partition("@")[0] for recipe in laid.of_seed(0) for name in recipe.inputs}
    assert inputs <= known


def test_a_share_of_the_campaign_from_its_file_to_its_cells(tmp_path):
    file = write_tiny(tmp_path, {"batch_size": [16, 32]})
    import_module("run_studies").complete_studies([file], tmp_path / "runs", workers=1)
    found = module("cells").collect_cells(file, tmp_path / "runs" / "tiny")
    assert [(one.value, one.drop, one.truth_epochs, one.brief_epochs) for one in found] == [
        (16, 1, 3, 4),
        (32, 1, 3, 4),
    ]
    assert all(len(one.test_errors) == 3 and len(one.early) == 2 for one in found)
    module("cells").write_cells(found, tmp_path / "cells.csv")
    assert [one.study for one in module("cells").read_cells(tmp_path / "cells.csv")] == ["tiny", "tiny"]
