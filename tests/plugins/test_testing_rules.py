"""check_rule fails on each defect of a rule."""

from __future__ import annotations

import random

import pytest
from defects import fails, importable, plugin

from prunescope.api import Advice, Diagnosis, Evidence, Reading, Regime, RegimeRule
from prunescope.plugins.testing import check_rule


def diagnosis(**values):
    right = {"regime": Regime.II, "advice": Advice.LOWER, "confidence": 0.5, "because": ("LMC is high",)}
    return Diagnosis(**{**right, **values})


def rule(act, *, needs=("lmc/lmc",)):
    return plugin(RegimeRule, classify=lambda self, evidence: act(evidence), members={"needs": needs})  # noqa: ARG005


DEFECTIVE_RULES = {
    "is not pure": lambda _: diagnosis(confidence=random.random()),
    "changes the evidence": lambda evidence: evidence.readings.clear() or diagnosis(),
    "confidence 1.5": lambda _: diagnosis(confidence=1.5),
    "confidence nan": lambda _: diagnosis(confidence=float("nan")),
    "no Diagnosis with reasons": lambda _: diagnosis(because=()),
    "wanted a tuple of sentences": lambda _: diagnosis(because=["LMC is high"]),
    "abstains but advises 'lower'": lambda _: diagnosis(regime=Regime.UNRESOLVED),
    "the advice 'lower' is none": lambda _: diagnosis(advice="lower"),
    "the regime 'II' or": lambda _: diagnosis(regime="II"),
    "KeyError: 'cka/softmax'": lambda evidence: diagnosis(confidence=evidence.readings["cka/softmax"].value[0]),
}


@pytest.mark.parametrize("message", DEFECTIVE_RULES)
def test_defects_of_rules(message):
    fails(check_rule, rule(DEFECTIVE_RULES[message]), message)


@pytest.mark.parametrize("needs", ["lmc/lmc", ("lmc",), None])
def test_needs_name_readings(needs):
    fails(check_rule, rule(lambda _: diagnosis(), needs=needs), "needs is")


def test_a_right_rule_hears_low_and_high_values_alone_and_in_company():
    heard = []
    check_rule(rule(lambda evidence: heard.append(evidence) or diagnosis(), needs=("mine/own",)))
    values = [evidence.readings["mine/own"].value.mean() for evidence in heard]
    assert (min(values), max(values)) == (0, 1)
    assert {len(evidence.readings) > 1 for evidence in heard} == {False, True}
    assert {len(evidence.neighbours) for evidence in heard} == {0, 2}


def test_the_evidence_given_is_judged():
    evidence = Evidence(density=0.3, readings={"lmc/lmc": Reading(-0.25, unit="fraction")})
    heard = []
    check_rule(rule(lambda given: heard.append(given) or diagnosis()), [evidence])
    assert heard == [evidence, evidence]
    fails(check_rule, rule(lambda _: diagnosis()), "no evidence", evidence=[])


RULE_MODULE = """
from dataclasses import dataclass
from prunescope.api import Advice, Diagnosis, Regime, RegimeRule

@dataclass(frozen=True, kw_only=True)
class Rule(RegimeRule):
    '''Help.'''
    needs = ("lmc/lmc",)
    def classify(self, evidence):
        {first}
        return Diagnosis(regime=Regime.II, advice=Advice.LOWER, confidence={confidence}, because=("LMC is high",))
"""


@pytest.mark.parametrize(
    ("first", "confidence", "message"),
    [
        ("import torch", "0.5", "imports torch to classify"),
        ("import os", "os.getpid() % 1000 / 1000", "the result differs in a fresh interpreter"),
        ("import sys", "0.5 if 'torch' in sys.modules else 1 / 0", "fails in a fresh interpreter"),
        ("", "0.5", None),
    ],
)
def test_a_rule_answers_without_torch_in_any_process(tmp_path, monkeypatch, first, confidence, message):
    (tmp_path / "torch.py").touch()  # a fresh interpreter finds it before the real one, which takes seconds
    name = "rule_" + "".join(filter(str.isalnum, first + confidence))
    subject = importable(tmp_path, monkeypatch, name, RULE_MODULE.format(first=first, confidence=confidence))
    if message is None:
        check_rule(subject.Rule())
    else:
        fails(check_rule, subject.Rule(), message)
