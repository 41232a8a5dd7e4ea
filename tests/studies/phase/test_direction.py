from __future__ import annotations

import pytest

from prunescope.api import Advice, Diagnosis, Regime
from prunescope.studies.phase import direction

ERRORS = [(0.150, 0.103), (0.100, 0.100), (0.120, 0.110)]


def verdicts(advice):
    return {
        (value, 0.1): Diagnosis(regime=Regime.II, advice=found, confidence=None, because=())
        for value, found in zip((10, 20, 40), advice, strict=True)
    }


@pytest.mark.parametrize(
    ("advice", "right", "wrong", "abstained"),
    [
        ((Advice.LOWER, Advice.RAISE, Advice.RAISE), 2, 0, 0),
        ((Advice.RAISE, Advice.LOWER, Advice.LOWER), 0, 2, 0),
        ((Advice.KEEP, Advice.KEEP, Advice.NONE), 0, 1, 1),
    ],
)
def test_only_cells_off_their_best_count(diagram, advice, right, wrong, abstained):
    first, second = direction.of_rule(diagram(test_error=ERRORS), verdicts(advice))
    assert (first.right, first.wrong, first.abstained) == (right, wrong, abstained)
    assert (second.cells, second.abstained) == (1, 1)  # 10 epochs are 0.3 points off; 40 have no verdict


def test_always_colder_is_right_on_the_hot_side_only(diagram):
    first, second = direction.always_colder(diagram(test_error=ERRORS))
    assert (first.right, first.wrong) == (1, 1)
    assert (second.right, second.wrong) == (0, 1)


def test_towards_the_drop(diagram):
    first, _ = direction.towards_drop(diagram(test_error=ERRORS, drops=(25.0,)))
    assert (first.right, first.wrong) == (2, 0)
    assert direction.towards_drop(diagram(test_error=ERRORS)) == ()


LMC = [(0.0, 0.0), (-0.05, 0.0), (-0.3, 0.01)]
CKA = [(0.90, 0.95), (0.95, 0.97), (0.99, None)]


def counts(scores):
    return [(one.right, one.wrong, one.abstained) for one in scores]


def test_the_gate_and_cka_together_and_alone(diagram):
    made = diagram(LMC, cka=CKA, test_error=[(0.15, 0.12), (0.10, 0.13), (0.12, 0.10)])
    assert counts(direction.by_means(made, 0.1)) == [(2, 0, 0), (1, 1, 0)]  # 20 epochs have the best CKA that is known
    assert counts(direction.by_lmc(made, 0.1)) == [(2, 0, 0), (2, 0, 0)]
    assert counts(direction.by_cka(made)) == [(1, 1, 0), (1, 1, 0)]  # the cold replicas agree, and are poorly connected


def test_a_cell_without_lmc_is_not_judged(diagram):
    made = diagram([(None, 0), (0, 0), (-0.3, 0)], cka=CKA, test_error=[(0.15, 0.1), (0.10, 0.1), (0.12, 0.1)])
    assert counts(direction.by_means(made, 0.1))[0] == (1, 0, 1)


def test_no_snapshot_before_the_drop_is_nowhere_to_go(diagram):
    assert direction.towards_drop(diagram(test_error=ERRORS, drops=(5.0,))) == ()


def test_missing_errors_do_not_count(diagram):
    first, _ = direction.always_colder(diagram(test_error=[(None, 0.1), (0.1, 0.1), (0.2, 0.1)]))
    assert first.cells == 1
