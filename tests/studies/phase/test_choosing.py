from __future__ import annotations

import pytest

from prunescope.studies.phase.choosing import families, ways

ERRORS = [(0.20, 0.12), (0.14, 0.10), (0.18, 0.11)]
LMC = [(-0.01, 0.0), (-0.02, 0.0), (-0.30, 0.0)]
CKA = [(0.90, 0.95), (0.91, 0.96), (0.99, 0.97)]


def chosen(diagram, key, **more):
    known = {"lmc": LMC, "test_error": ERRORS, "cka": CKA} | more
    return next(way for way in ways(diagram(**known), 0.1) if way.key == key)


def test_the_gate_keeps_the_poorly_connected_out(diagram):
    found = chosen(diagram, "algorithm-2.1")
    assert [one.values for one in found.chosen] == [(20,), (40,)]
    assert [one.regret for one in found.chosen] == pytest.approx([0, 0.01])
    assert found.regret == pytest.approx(0.005)
    assert found.worst == pytest.approx(0.01)


def test_where_nothing_passes_the_best_connected_is_taken(diagram):
    poor = [(-0.5, 0.0), (-0.2, 0.0), (-0.9, 0.0)]
    assert chosen(diagram, "algorithm-2", lmc=poor).chosen[0].values == (20,)


def test_dense_accuracy_chooses_when_it_is_known(diagram):
    known = {(10, 0): 0.3, (20, 0): 0.2, (40, 0): 0.1}
    assert chosen(diagram, "dense", dense_error=known).chosen[0].values == (40,)
    assert chosen(diagram, "algorithm-2-dense", dense_error=known).chosen[0].values == (20,)
    assert chosen(diagram, "dense", dense_error={(10, 0): 0.3}).regret is None


def test_a_random_choice_is_an_expectation(diagram):
    assert chosen(diagram, "random").chosen[0].regret == pytest.approx((0.06 + 0 + 0.04) / 3)


def test_an_incomplete_family_is_left_out(diagram):
    errors = [(None, 0.12), *ERRORS[1:]]
    few = diagram(lmc=LMC, test_error=errors, cka=CKA)
    assert families(few, 0.1) == ()
    oracle = next(way for way in ways(few, 0.1) if way.key == "oracle")
    assert oracle.chosen[0] is None
    assert oracle.chosen[1].values == (20,)


def test_a_way_says_why_it_cannot_choose(diagram):
    assert chosen(diagram, "before-drop").missing == "no learning-rate drop lies on this axis"
    assert chosen(diagram, "algorithm-2.1", cka=None).missing == "LMC or CKA is not known"
    assert chosen(diagram, "coldest").missing == ""
