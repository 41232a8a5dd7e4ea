"""The thresholds of the model-diagnostics tree, found again in dense models whose tree is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prunescope.api.errors import EvidenceError
from prunescope.regimes.md_tree import PUBLIC, TreeReadings, TreeThresholds, decide
from prunescope.studies.cases.calibrating_tree import FittedLine, fit_tree
from prunescope.studies.cases.dense import Dense

KNOWN = TreeThresholds(train_error=0.02, connectivity=-0.2, log_trace=3.0)


def too_low(one: Dense, thresholds: TreeThresholds) -> bool:
    """Ask the tree itself."""
    lmc = None if one.connectivity is None else TreeReadings(value=one.connectivity, stderr=0.0)
    measured = [TreeReadings(value=value, stderr=0.0) for value in (one.train_error, one.trace)]
    return decide(train_error=measured[0], trace=measured[1], lmc=lmc, thresholds=thresholds).too_low


def lines(
    count: int, *, thresholds: TreeThresholds = KNOWN, between: bool = True, wrong: float = 0.0
) -> list[FittedLine]:
    """Return studies of two models: the best, and one that the tree judges, which lies where the tree says."""
    generator = np.random.default_rng(5)
    found = []
    for number in range(count):
        judged = Dense(
            value=20.0,
            train_error=float(generator.uniform(0, 0.06)),
            test_error=0.2,
            trace=float(np.exp(generator.uniform(1, 5))),
            connectivity=float(generator.uniform(-0.5, 0.05)) if between else None,
        )
        hotter = too_low(judged, thresholds) ^ (generator.random() < wrong)
        best = Dense(value=10.0 if hotter else 40.0, train_error=0.03, test_error=0.1, trace=10.0, connectivity=-0.3)
        found.append(FittedLine(study=f"study {number}", knob="epochs", models=(judged, best)))
    return found


def fitted(made, **given):
    return fit_tree(made, **{"tolerance": 0.004, "plain": PUBLIC, "draws": 200, "seed": 0, **given})


def test_known_thresholds_are_found_again():
    found = fitted(lines(120))
    assert found.cells == 120
    assert 0 < found.too_low < 120
    assert found.accuracy > 0.97
    assert found.held_out > 0.9
    assert found.held_out > found.plain
    assert found.train_error.value == pytest.approx(0.02, abs=0.004)
    assert found.connectivity.value == pytest.approx(-0.2, abs=0.04)
    assert found.log_trace.value == pytest.approx(3.0, abs=0.25)
    for interval in (found.train_error, found.connectivity, found.log_trace):
        assert interval.low <= interval.value <= interval.high


def test_other_thresholds_are_other_thresholds():
    found = fitted(lines(120, thresholds=replace(KNOWN, log_trace=4.0, connectivity=-0.05)))
    assert found.log_trace.value == pytest.approx(4.0, abs=0.25)
    assert found.connectivity.value == pytest.approx(-0.05, abs=0.06)


def test_without_connectivity_two_thresholds_are_fitted():
    found = fitted(lines(80, between=False))
    assert found.connectivity is None
    assert found.accuracy > 0.97
    assert found.log_trace.value == pytest.approx(3.0, abs=0.25)


def test_mislabelled_models_widen_the_intervals_and_cost_accuracy():
    clean, noisy = fitted(lines(60)), fitted(lines(60, wrong=0.25))
    assert noisy.held_out < clean.held_out
    assert noisy.train_error.high - noisy.train_error.low > 2 * (clean.train_error.high - clean.train_error.low)


def test_left_out_accuracy_is_that_of_fits_without_the_model():
    made = lines(12)
    alone = []
    for place, line in enumerate(made):
        found = fitted([*made[:place], *made[place + 1 :]], draws=100)
        thresholds = TreeThresholds(
            train_error=found.train_error.value,
            connectivity=found.connectivity.value,
            log_trace=found.log_trace.value,
        )
        judged, best = line.models
        alone.append(too_low(judged, thresholds) == (best.value < judged.value))
    assert fitted(made, draws=100).held_out == pytest.approx(np.mean(alone), abs=1.5 / 12)


def test_the_leaves_count_every_model_once_at_each_level():
    for between, levels in ((True, {"alone", "connectivity"}), (False, {"alone"})):
        rows = [text.split(":") for text in fitted(lines(60, between=between)).leaves]
        assert {level for level, *_ in rows} == levels
        for level in levels:
            assert sum(int(of) for name, _, _, of in rows if name == level) == 60
    right = sum(int(right) for name, _, right, _ in rows if name == "alone")
    assert right / 60 == pytest.approx(fitted(lines(60, between=False)).held_out)


def test_models_on_both_sides_of_equal_optima_are_right_either_way():
    ends = [Dense(value=value, train_error=0.1, test_error=0.1, trace=5.0) for value in (10.0, 80.0)]
    middle = [
        Dense(value=value, train_error=0.1, test_error=0.3, trace=5.0) for value in (20.0, 40.0, 50.0, 60.0, 70.0)
    ]
    found = fitted([FittedLine(study="two", knob="epochs", models=(*ends, *middle))])
    assert found.cells == 5
    assert found.accuracy == found.plain == found.held_out == 1.0


def test_too_few_models_are_refused():
    with pytest.raises(EvidenceError, match=r"4 dense models lie more than 0\.004"):
        fitted(lines(4))
