"""The published thresholds stand in one place, and everything without others uses them."""

from __future__ import annotations

from prunescope.regimes.direction import EPSILON
from prunescope.regimes.rules import MdTree, ThreeRegime
from prunescope.regimes.thresholds import PUBLISHED
from prunescope.studies.cases.tuning import Aim
from prunescope.studies.phase.boundary import Epsilon
from prunescope.studies.phase.findings import threshold


def test_what_has_no_thresholds_of_its_own_takes_the_published_ones():
    assert ThreeRegime().thresholds() == PUBLISHED
    assert Aim(values=(1,), seeds=(0,), replicas=2, limit=1).thresholds == PUBLISHED
    assert (EPSILON, Epsilon().middle) == (PUBLISHED.epsilon, PUBLISHED.epsilon)
    assert MdTree().thresholds() is None
    assert threshold(MdTree()) == Epsilon()


def test_a_rule_says_what_its_thresholds_are():
    rule = ThreeRegime(epsilon=0.2, epsilon_low=0.1, epsilon_high=0.3, learned=0.4)
    assert threshold(rule) == Epsilon(middle=0.2, low=0.1, high=0.3)
    assert rule.thresholds().learned == 0.4
