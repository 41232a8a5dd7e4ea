"""Case study 3: the value of a temperature-like knob for one density, with fewer runs than the grid.

Source: Zhou et al. 2023, section 5.3, where SAM's rho is the knob. One dense seed and two replicas screen the values by
a search along the knob; a value whose LMC straddles the threshold gets its other replicas, and, if that is asked, the
full retraining; the best are confirmed on the other dense seeds, one after the other, the worse half leaving after each
(sequential halving, Karnin et al. 2013), as long as the runs stay within a share of the grid's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from prunescope.api.errors import EvidenceError
from prunescope.regimes import three_regime
from prunescope.regimes.best_value import STEP
from prunescope.regimes.thresholds import PUBLISHED
from prunescope.studies.cases.measured import LMC, merged_readings
from prunescope.studies.cases.search import Look, search_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Thresholds
    from prunescope.regimes.three_regime import Gate
    from prunescope.studies.cases.measured import MeasuredModel

SCREENING = 2
"""Replicas of a first look: one pair."""

FINALISTS = 3
"""Values that are confirmed on a second dense seed."""

LAST = 2
"""Values that are confirmed on every further one."""

CONSTANT = "cka/constant"
"""Beside it CKA is missing only where the outputs do not depend on the image."""

DRAWS = 4000
"""Of the bootstrap that judges the gate."""

By = Literal["test-error", "cka"]


class Bench(Protocol):
    """Where models are made and measured; it remembers what it made."""

    def look(self, value: float, *, seed: int, replicas: int, full: bool = False) -> MeasuredModel:
        """Return one dense model, pruned, retrained so many times (as long as it was trained, if full), measured."""

    def price(self, value: float, *, seed: int, replicas: int) -> int:
        """Return how many more runs a look would take."""

    @property
    def spent(self) -> int:
        """Runs used so far at this density."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What is tuned, and how far the search may go."""

    values: tuple[float, ...]
    """Of the knob, the hottest first."""
    seeds: tuple[int, ...]
    replicas: int
    limit: int
    """Runs that may be reached; screening by the regime, and a first look, are not cut short."""
    by: By = "test-error"
    thresholds: Thresholds = PUBLISHED
    """Of the gate on LMC; its interval straddles them below their certainty."""
    full: bool = False
    """Retrain as long as was trained where more replicas leave the gate open too."""
    step: float = STEP
    """Of the posterior of the best value."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The value found, and what was looked at on the way."""

    value: float
    looked: tuple[MeasuredModel, ...]
    """One per value, its seeds together, the hottest first."""
    straddled: tuple[float, ...]
    """Values whose first look did not decide the gate."""
    connected: bool
    """False where no value that was looked at passes the gate: the value of the best LMC is taken."""
    runs: int


def tune_grid(bench: Bench, aim: Aim) -> Tuned:
    """Search the values on the first dense seed, confirm the best on the others, and choose."""
    models: dict[float, list[MeasuredModel]] = {}
    straddled: list[float] = []

    def look(place: int) -> Look:
        value = aim.values[place]
        found, straddles = _screen(bench, aim, value)
        if straddles:
            straddled.append(value)
        models[value] = [found]
        return worth(found, aim)

    seen = search_values(len(aim.values), look)
    ranked = sorted(seen, key=lambda place: seen[place], reverse=True)
    finalists = [aim.values[place] for place in ranked[:FINALISTS]]
    chosen = _confirm(bench, aim, finalists, models)
    together = {value: merged_readings(found) for value, found in models.items()}
    return Tuned(
        value=chosen,
        looked=tuple(together[value] for value in aim.values if value in together),
        straddled=tuple(straddled),
        connected=worth(together[chosen], aim).connected,
        runs=bench.spent,
    )


def worth(model: MeasuredModel, aim: Aim) -> Look:
    """Return what the search compares: the gate, then the test error or CKA; LMC where the gate is closed.

    The gate closes where LMC is below all that epsilon may be: one dense seed is too noisy to give up the colder values
    for less.
    """
    if CONSTANT in model.readings and model.cka is None:
        return Look(connected=True, score=0.0, learned=False)
    if model.lmc < -aim.thresholds.high:
        return Look(connected=False, score=model.lmc)
    score = model.cka if aim.by == "cka" else None if model.test_error is None else -model.test_error
    if score is None:
        raise EvidenceError(f"{model.name} has no {aim.by} at density {model.density:g}", fix="add its probe")
    return Look(connected=True, score=score)


def straddles(model: MeasuredModel, thresholds: Thresholds) -> bool:
    """Whether LMC leaves it open on which side of the threshold the model is."""
    poor = _gate(model, thresholds).probability_poor
    return max(poor, 1 - poor) < thresholds.certainty


def regret(models: Sequence[MeasuredModel], aim: Aim, value: float) -> float | None:
    """Return the test error at `value` minus the lowest of the grid; None where a cell of the grid is missing."""
    errors = {}
    for candidate in aim.values:
        found = [model for model in models if model.value == candidate]
        error = merged_readings(found).test_error if len(found) == len(aim.seeds) else None
        if error is None:
            return None
        errors[candidate] = error
    return errors[value] - min(errors.values())


def _screen(bench: Bench, aim: Aim, value: float) -> tuple[MeasuredModel, bool]:
    """Look with few replicas; with all of them, then fully, where the gate stays open."""
    seed = aim.seeds[0]
    found = bench.look(value, seed=seed, replicas=min(SCREENING, aim.replicas))
    if not straddles(found, aim.thresholds):
        return found, False
    if aim.replicas > SCREENING:
        found = bench.look(value, seed=seed, replicas=aim.replicas)
    if aim.full and straddles(found, aim.thresholds):
        found = bench.look(value, seed=seed, replicas=aim.replicas, full=True)
    return found, True


def _confirm(bench: Bench, aim: Aim, finalists: Sequence[float], models: dict[float, list[MeasuredModel]]) -> float:
    """Look at the finalists, best first, on one dense seed after the other while the runs allow; return the best.

    Only values that were looked at on the same seeds are compared.
    """
    left, replicas = list(finalists), min(SCREENING, aim.replicas)
    for seed in aim.seeds[1:]:
        price = sum(bench.price(value, seed=seed, replicas=replicas) for value in left[:2])
        if len(left) < 2 or bench.spent + price > aim.limit:
            break
        looked = []
        for value in left:
            if bench.spent + bench.price(value, seed=seed, replicas=replicas) <= aim.limit:
                models[value].append(bench.look(value, seed=seed, replicas=replicas))
                looked.append(value)
        left = sorted(looked, key=lambda value: worth(merged_readings(models[value]), aim), reverse=True)[:LAST]
    return left[0]


def _gate(model: MeasuredModel, thresholds: Thresholds) -> Gate:
    values, stderr = model.array(LMC), model.readings[LMC].stderr
    errors = np.zeros_like(values) if stderr is None else np.asarray(stderr, dtype=np.float64).reshape(-1)
    return three_regime.gate(
        values.tolist(),
        stderr=errors.tolist(),
        epsilon=(thresholds.low, thresholds.high),
        pair_spread=thresholds.pair_spread,
        draws=DRAWS,
        seed=0,
    )
