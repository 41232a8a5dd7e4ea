"""Checks a regime rule."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice, Evidence, Reading, Regime, RegimeRule, Thresholds
from prunescope.plugins.checks import check_diagnosis
from prunescope.plugins.testing.plugin import accepted_option, check_plugin, require, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.api import Diagnosis

RANGES: dict[str, tuple[str, float, float]] = {
    "cka/softmax": ("pair", 0.85, 0.999),
    "errors/test_error": ("replica", 0.05, 0.6),
    "errors/train_error": ("replica", 0.0, 0.4),
    "hessian/trace": ("replica", 10.0, 20000.0),
    "lmc/lmc": ("pair", -0.4, 0.02),
}
"""Reading -> its axis, and from where to where toy evidence goes; any other goes over replicas from 0 to 1."""

# Classifies without torch, or prints "torch"; "absent" where a fresh interpreter does not find the rule's module.
CLASSIFY = """
import pickle, sys
try:
    rule, cases = pickle.loads(sys.stdin.buffer.read())
except (ModuleNotFoundError, AttributeError):
    answer = "absent"
else:
    found = [rule.classify(evidence) for evidence in cases]
    answer = "torch" if "torch" in sys.modules else found
sys.stdout.buffer.write(pickle.dumps(answer))
"""


def check_rule(rule: RegimeRule, evidence: Sequence[Evidence] | None = None) -> None:
    """Check that a rule is pure, loads no torch, and answers or abstains with reasons.

    evidence: what it shall judge; when None, toy evidence over the range of every reading: first what the rule needs
    and nothing else, then also other readings, knobs and neighbours.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(rule, RegimeRule)
    who, needs = title(rule), getattr(type(rule), "needs", None)
    named = isinstance(needs, tuple) and all(isinstance(name, str) and name.count("/") == 1 for name in needs)
    require(named, f'{who}.needs is {needs!r}, wanted a tuple of "<probe>/<name>"')
    _check_thresholds(rule)
    cases = list(evidence) if evidence is not None else list(_toy_evidence(rule))
    require(bool(cases), f"{who} is checked on no evidence")
    found = [_check_case(rule, case) for case in cases]
    _check_fresh(rule, cases, found)


def _check_thresholds(rule: RegimeRule) -> None:
    found = rule.thresholds()
    fits = found is None or (isinstance(found, Thresholds) and 0 <= found.low <= found.epsilon <= found.high)
    require(fits, f"{title(rule)}.thresholds() is {found!r}, wanted None or Thresholds with low <= epsilon <= high")


def _check_case(rule: RegimeRule, evidence: Evidence) -> Diagnosis:
    who = f"{title(rule)} on {_describe(evidence)}"
    before = pickle.dumps(evidence)
    try:
        found, again = rule.classify(evidence), rule.classify(deepcopy(evidence))
    except Exception as error:
        raise AssertionError(f"{who}: {type(error).__name__}: {error}") from error
    require(pickle.dumps(evidence) == before, f"{who} changes the evidence")
    with accepted_option():
        check_diagnosis(who, found)
    require(found == again, f"{who} is not pure: it returns {found}, then {again}")
    regime_fits = found.regime is None or isinstance(found.regime, Regime)
    require(regime_fits and isinstance(found.advice, Advice), f"{who} returns {found.regime!r}, {found.advice!r}")
    texts = isinstance(found.because, tuple) and all(isinstance(text, str) and text for text in found.because)
    require(texts, f"{who} gives the reasons {found.because!r}, wanted a tuple of sentences")
    abstains = found.regime is Regime.UNRESOLVED
    require(not abstains or found.advice is Advice.NONE, f"{who} abstains but advises {found.advice.value!r}")
    return found


def _check_fresh(rule: RegimeRule, cases: Sequence[Evidence], found: Sequence[Diagnosis]) -> None:
    """Judge the same evidence in a fresh interpreter: without torch, and with the same answers."""
    who = title(rule)
    try:
        question = pickle.dumps((rule, cases))
    except (pickle.PicklingError, AttributeError):
        return  # a class inside a function: no other process can import it
    command = [sys.executable, "-P", "-c", CLASSIFY]
    process = subprocess.run(command, input=question, capture_output=True, check=False)  # noqa: S603 - our own program
    require(process.returncode == 0, f"{who} fails in a fresh interpreter:\n{process.stderr.decode()}")
    answer = pickle.loads(process.stdout)  # noqa: S301 - what our own program wrote
    require(answer != "torch", f"{who} imports torch to classify: a rule uses numbers only")
    require(answer in ("absent", list(found)), f"{who} is not pure: the result differs in a fresh interpreter")


def _toy_evidence(rule: RegimeRule) -> Iterator[Evidence]:
    for count in (1, 3):
        for place in np.linspace(0, 1, 5):
            needed = {name: _reading(name, float(place), count) for name in rule.needs}
            yield Evidence(density=0.1, readings=needed)
            every = {name: _reading(name, float(place), count) for name in sorted({*RANGES, *rule.needs})}
            neighbours = [
                Evidence(
                    density=0.1,
                    readings={name: _reading(name, other, count) for name in every},
                    knobs={"epochs": 80.0 * (1 + other)},
                )
                for other in (0.2, 0.95)
            ]
            yield Evidence(density=0.1, readings=every, knobs={"epochs": 80.0}, neighbours=neighbours)


def _reading(name: str, place: float, count: int) -> Reading:
    """Return `count` values close to a place in the reading's range, 0 its lower end and 1 its upper."""
    axis, low, high = RANGES.get(name, ("replica", 0.0, 1.0))
    spread = np.linspace(-0.01, 0.01, count) if count > 1 else np.zeros(1)
    values = low + (high - low) * np.clip(place + spread, 0, 1)
    return Reading(values, unit="1", n=1000, stderr=np.full(count, 0.005 * (high - low)), axes=(axis,))


def _describe(evidence: Evidence) -> str:
    values = {name: float(np.mean(reading.value)) for name, reading in evidence.readings.items()}
    return f"density {evidence.density:g}, " + ", ".join(f"{name} {value:.4g}" for name, value in values.items())
