"""Selection rules on the published grid and on families whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from published_grid import families

from prunescope.regimes.selection import Member, algorithm_2, algorithm_2_1, before_drop, choices, connected


def regrets(density, **given):
    return {choice.rule: choice.regret for choice in choices(families()[density], epsilon=0.1, drop=80, **given)}


def test_the_published_grid_prefers_the_gated_rules_to_the_longest_training():
    for density, longest in ((5.0, 0.0273), (7.0, 0.0327), (10.0, 0.0101)):
        found = regrets(density)
        assert found["longest-trained"] == pytest.approx(longest, abs=1e-9)
        assert found["algorithm-2"] <= 0.0098 + 1e-9
        assert found["algorithm-2.1"] <= 0.0098 + 1e-9
        assert found["oracle"] == 0


def test_the_snapshot_before_the_drop_is_hard_to_beat_on_the_published_grid():
    found = [regrets(density)["before-drop"] for density in families()]
    assert max(found) == pytest.approx(0.0004, abs=1e-9)


def test_the_random_choice_regrets_the_mean():
    members = [Member(name=name, lmc=0, test_error=error) for name, error in (("a", 0.1), ("b", 0.2), ("c", 0.6))]
    found = {choice.rule: choice for choice in choices(members, epsilon=0.1)}
    assert found["random"].regret == pytest.approx(0.2)
    assert set(found) == {"algorithm-2", "oracle", "random"}


def test_the_gate_comes_before_the_error_and_before_cka():
    poor = Member(name="poor", lmc=-0.5, cka=0.99, test_error=0.1)
    good = Member(name="good", lmc=-0.05, cka=0.9, test_error=0.3)
    best = Member(name="best", lmc=0.0, cka=0.95, test_error=0.35)
    assert algorithm_2([poor, good, best], epsilon=0.1) is good
    assert algorithm_2_1([poor, good, best], epsilon=0.1) is best
    assert connected([poor, good], epsilon=0.5) == [poor, good]


def test_where_none_is_connected_the_least_barrier_is_taken():
    members = [Member(name=str(lmc), lmc=lmc, cka=0.5, test_error=-lmc) for lmc in (-0.4, -0.2, -0.6)]
    assert algorithm_2(members, epsilon=0.1).lmc == -0.2
    assert algorithm_2_1(members, epsilon=0.1).lmc == -0.2
    assert "none is connected" in choices(members, epsilon=0.1)[0].because


def test_regret_is_counted_in_the_full_retraining_where_it_is_known():
    first = Member(name="first", lmc=0, test_error=0.1, final_error=0.5, dense_error=0.2, epochs=10)
    second = Member(name="second", lmc=0, test_error=0.2, final_error=0.3, dense_error=0.1, epochs=20)
    found = {choice.rule: choice for choice in choices([first, second], epsilon=0.1)}
    assert found["algorithm-2"].member == "first"
    assert found["algorithm-2"].regret == pytest.approx(0.2)
    assert found["best-dense"].member == found["longest-trained"].member == found["oracle"].member == "second"
    assert found["algorithm-2-dense"].member == "second"
    poor = {choice.rule: choice for choice in choices([first, replace(second, lmc=-0.5)], epsilon=0.1)}
    assert poor["algorithm-2-dense"].member == "first"
    assert poor["best-dense"].member == "second"
    partly = choices([first, replace(second, final_error=None)], epsilon=0.1)
    assert {choice.regret for choice in partly} == {None}
    assert "oracle" not in {choice.rule for choice in partly}


def test_rules_without_their_readings_are_left_out():
    members = [Member(name="a", lmc=0, cka=0.9), Member(name="b", lmc=0, cka=0.8)]
    assert [choice.rule for choice in choices(members, epsilon=0.1)] == ["algorithm-2.1", "random"]
    with pytest.raises(ValueError, match="test error of a"):
        algorithm_2(members, epsilon=0.1)
    with pytest.raises(ValueError, match="CKA of c"):
        algorithm_2_1([Member(name="c", lmc=0)], epsilon=0.1)
    with pytest.raises(ValueError, match="no model"):
        choices([], epsilon=0.1)


def test_without_lmc_the_plain_rules_are_left():
    members = [Member(name=str(epochs), test_error=1 / epochs, cka=0.9, epochs=epochs) for epochs in (2, 4)]
    found = [choice.rule for choice in choices([replace(members[0], lmc=0.0), members[1]], epsilon=0.1, drop=2)]
    assert found == ["longest-trained", "before-drop", "oracle", "random"]
    with pytest.raises(ValueError, match="LMC of 2"):
        algorithm_2(members, epsilon=0.1)


def test_a_network_whose_outputs_are_constant_is_passed_over():
    collapsed = Member(name="collapsed", lmc=0.0, cka=None, test_error=0.9)
    poor = Member(name="poor", lmc=-0.5, cka=0.5, test_error=0.4)
    assert algorithm_2_1([collapsed, poor], epsilon=0.1) is poor
    assert algorithm_2_1([collapsed, Member(name="good", lmc=-0.05, cka=0.8)], epsilon=0.1).name == "good"


def test_before_the_drop_means_at_it_too():
    members = [Member(name=str(epochs), lmc=0, epochs=epochs) for epochs in (40, 80, 100)]
    assert before_drop(members, drop=80).epochs == 80
    assert before_drop(members, drop=30) is None
    assert before_drop([Member(name="unknown")], drop=30) is None


def test_the_comparison_of_training_errors_comes_first_where_all_are_known():
    members = [
        Member(name="hot", lmc=-0.01, cka=0.9, test_error=0.2, train_errors=(0.10, 0.11)),
        Member(name="cold", lmc=-0.01, cka=0.99, test_error=0.1, train_errors=(0.20, 0.21)),
    ]
    found = choices(members, epsilon=0.1)
    assert [(one.rule, one.member) for one in found[:3]] == [
        ("comparison", "hot"),
        ("algorithm-2", "cold"),
        ("algorithm-2.1", "cold"),
    ]
    assert found[0].regret == pytest.approx(0.1)
    assert "no labels of test data" in found[0].because
    partly = [members[0], replace(members[1], train_errors=())]
    assert choices(partly, epsilon=0.1)[0].rule == "algorithm-2"


def test_training_losses_are_compared_before_errors_that_are_all_zero():
    members = [
        Member(name="hot", test_error=0.2, train_errors=(0.0, 0.0), train_losses=(0.020, 0.021)),
        Member(name="cold", test_error=0.1, train_errors=(0.0, 0.0), train_losses=(0.001, 0.002)),
    ]
    found = choices(members, epsilon=0.1)[0]
    assert (found.rule, found.member) == ("comparison", "cold")
    assert found.because.startswith("least training loss")
    partly = [replace(members[0], train_errors=(0.0, 0.001)), replace(members[1], train_losses=())]
    assert choices(partly, epsilon=0.1)[0].because.startswith("least training error")
