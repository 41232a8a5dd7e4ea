from __future__ import annotations

import pytest

from prunescope.api import Advice, Regime
from prunescope.api.errors import EvidenceError
from prunescope.plugins import registry
from prunescope.studies.phase import judging
from prunescope.studies.phase.diagram import Sample


def test_two_a_and_two_b_are_relative_to_the_same_density(diagram, rule):
    cka = [(0.90, 0.99), (0.95, 0.95), (0.95, 0.95)]
    found = judging.judge_cells(diagram([(0.0, 0.0)] * 3, cka=cka), rule)
    assert found[10, 0.1].regime is Regime.II_A
    assert found[10, 0.1].advice is Advice.LOWER
    assert found[10, 0.2].regime is Regime.II_B
    assert found[40, 0.2].advice is Advice.RAISE


def test_a_cell_without_lmc_has_no_verdict(diagram, rule):
    found = judging.judge_cells(diagram([(None, -0.5), (0.0, 0.0), (0.0, 0.0)], cka=[(0.9, 0.9)] * 3), rule)
    assert (10, 0.1) not in found
    assert found[10, 0.2].regime is Regime.I


def test_replicas_that_have_not_learned_are_not_judged(diagram, rule):
    few = diagram([(0.0, 0.0)] * 3)
    lost = Sample(seed=0, lmc=(0.0,), paths=((0.9, 0.9, 0.9),))
    few.cells[10, 0.1].__dict__["samples"] = (lost,)
    assert judging.judge_cells(few, rule)[10, 0.1].regime is Regime.UNRESOLVED


def test_the_middle_is_the_median_seed_or_the_two_around_it():
    samples = [Sample(seed=seed, lmc=(lmc,)) for seed, lmc in enumerate((-0.3, 0.0, -0.1, -0.2))]
    assert [one.seed for one in judging.middle(samples)] == [3, 2]
    assert [one.seed for one in judging.middle(samples[:3])] == [2]
    assert list(judging.middle([Sample(seed=0)])) == []


def test_a_rule_that_needs_more_is_refused(diagram):
    tree = registry.make("rules", "md-tree", {}).instance
    with pytest.raises(EvidenceError, match="requires the reading errors/train_error"):
        judging.judge_cells(diagram([(0.0, 0.0)] * 3), tree)
