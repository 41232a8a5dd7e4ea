"""Studies that no fit has seen: what judges them, and schedules without drops."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from importlib import import_module

import pytest


def module(name):
    return import_module(f"truth_{name}")


@cache
def unseen():
    return tuple(module("cells").read_cells(module("held_out").TABLE))


def test_no_unseen_study_is_in_the_table_of_the_fit():
    fitted = {row.study for row in module("cells").read_cells()}
    assert unseen()
    assert not fitted & {row.study for row in unseen()}


def test_the_verdict_on_unseen_studies_is_right_where_it_is_sure():
    cases = module("cases").list_cases(unseen())
    found = module("ways").ask_by(cases, module("held_out").load_calibration())
    for way in ("all signals", "direction alone, no replicas"):
        score = module("scores").score_way(found[way], states=True)
        assert score.sure_right >= 0.95 * score.sure
        assert score.step <= score.stay / 2


def test_what_one_checkpoint_advises_on_unseen_studies_is_right_as_often_as_asked():
    cases = module("cases").list_cases(unseen())
    found = module("ways").ask_by(cases, module("held_out").load_calibration())["one checkpoint"]
    score = module("scores").score_way(found, states=True)
    advised = [one for one in found if one.case.resolved and one.step]
    assert sum(one.case.is_hotter is (one.step < 0) for one in advised) >= 0.88 * len(advised) > 0
    assert score.sure_right >= 0.95 * score.sure
    assert score.step <= score.stay


def test_along_the_radius_of_sam_and_of_networks_at_random_no_course_is_a_signal():
    calibration = module("held_out").load_calibration()
    seen = [case for case in module("cases").list_cases(unseen()) if math.isfinite(case.row.progress)]
    left = [case for case in seen if "progress" not in module("signals").signals_of(case, calibration)]
    assert {case.row.study for case in left} >= {"preresnet-sam-rho", "mlp-few-batch"}
    for case in left:
        row = case.row
        assert row.knob in {"rho", "epochs"} or row.dense_train_error > 0.9 * row.dense_chance


def test_no_cell_lies_before_or_after_a_drop_that_its_schedule_does_not_have():
    rows = [row for row in unseen() if row.study == "mlp-adam-cosine-epochs"]
    assert {row.drop for row in rows} == {math.inf}
    assert all(row.placed is None and math.isnan(row.progress) for row in rows)
    calibration = module("held_out").load_calibration()
    for case in module("cases").list_cases(rows):
        assert not {"position", "progress"} & module("signals").signals_of(case, calibration).keys()
        assert module("ways").HABITS["past the first drop hotter, else colder"](case) is None


def test_the_same_floor_under_every_loss_moves_the_ratio_and_not_the_share():
    measure = module("cells").measure_progress
    losses = [2.0 - 0.1 * epoch for epoch in range(16)] + [0.3] * 8
    assert measure(losses, 16) == pytest.approx(measure([loss + 1 for loss in losses], 16))


def test_the_earlier_measurement_is_judged_by_a_fit_of_its_own():
    nine = module("cells").read_cells()
    judged = module("held_out").judge_held_out(unseen(), nine)
    moved = module("held_out").judge_held_out([replace(row, fall=9.0) for row in unseen()], nine)
    assert [one.hotter for one in judged["share"]["all signals"]] == [
        one.hotter for one in moved["share"]["all signals"]
    ]
    assert judged["ratio"] != moved["ratio"]
