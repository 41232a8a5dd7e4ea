"""The direction of a verdict and its probability, beside the regime that explains it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.api.knobs import KNOBS
from prunescope.api.wording import count_text, error_text, lmc_text, percent, points_interval, probability_text
from prunescope.regimes import learning, log_odds
from prunescope.regimes.log_odds import FAMILY, LMC, MAPPED, POSITION, PROGRESS
from prunescope.regimes.one_checkpoint import has_course, has_fallen
from prunescope.regimes.siblings import Sibling, choose_siblings, compare_siblings
from prunescope.regimes.thresholds import CERTAINTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Diagnosis, Evidence, Reading
    from prunescope.regimes.log_odds import Calibration, Decision, Direction
    from prunescope.regimes.siblings import Comparison

QUANTILES = tuple((place + 0.5) / 15 for place in range(15))
"""At which the uncertainty of LMC is averaged over."""

TRAIN_ERROR, TEST_ERROR = "errors/train_error", "errors/test_error"

PRUNED_ERROR = "pruned/train_error"
"""Of a sibling right after pruning, BatchNorm re-estimated, not retrained."""


@dataclass(frozen=True, kw_only=True)
class _Family:
    """Siblings that were compared, and by what."""

    knob: str
    here: Sibling
    comparison: Comparison
    reading: str
    mapped: Mapping[float, float]
    """Value of the knob -> training error right after pruning; {} where it is not known of all."""


def state_direction(
    diagnosis: Diagnosis,
    evidence: Evidence,
    *,
    calibration: Calibration,
    certainty: float = CERTAINTY,
    learned: float = learning.LEARNED,
    errors: Sequence[str] = (TRAIN_ERROR, TEST_ERROR),
) -> Diagnosis:
    """Return the diagnosis with the direction that the signals give, its probability and the expected gain.

    The regime stays, and its probability moves to `regime_probability`. Signals: siblings (`Evidence.siblings`, else
    the neighbours) compared by the first of `errors` that they have, the place against the recorded schedule, LMC, and
    the course of the checkpoint's own training. Replicas that have not learned show no barrier, and a dense network
    that has not learned no course. A diagnosis without a regime, and one without any signal, comes back as it was.
    """
    family = _family(evidence, errors)
    signals = {} if diagnosis.regime is None else _signals(evidence, family, calibration, learned=learned)
    if not signals:
        return diagnosis
    direction = log_odds.combine_signals(signals, calibration)
    comparison = None if family is None else family.comparison
    decision = log_odds.decide_step(direction, comparison, certainty=certainty)
    gain = decision.gain
    return replace(
        diagnosis,
        advice=decision.advice,
        confidence=decision.probability,
        hotter=direction.hotter,
        regime_probability=diagnosis.confidence,
        gain=None if gain is None else gain.mean,
        gain_interval=None if gain is None else (gain.low, gain.high),
        rests_on=tuple(sorted(signals, key=lambda name: -abs(direction.weights[name] * signals[name]))),
        next_buys=_next_buys(signals, comparison),
        because=(*_reasons(decision, direction, family, evidence, calibration), *_explained(diagnosis, decision)),
    )


def _signals(
    evidence: Evidence, family: _Family | None, calibration: Calibration, *, learned: float
) -> dict[str, float]:
    found = {} if family is None else {FAMILY: log_odds.family_log_odds(family.comparison, calibration)}
    if family is not None and family.mapped:
        found[MAPPED] = _mapped_log_odds(family, calibration)
    knob = evidence.knob if family is None else family.knob
    fell, course = has_fallen(evidence.readings, learned=learned), has_course(knob, evidence.knobs)
    if fell and course and evidence.progress is not None and PROGRESS in calibration.curves:
        found[PROGRESS] = log_odds.curve_log_odds(PROGRESS, evidence.progress, calibration)
    if learning.failed(evidence.readings, learned=learned):
        return found
    epochs, drop = evidence.knobs.get("epochs"), evidence.first_drop
    placed = knob == "epochs" or (knob is None and fell and course and PROGRESS not in found)
    if placed and epochs is not None and drop is not None:
        found[POSITION] = log_odds.position_log_odds(epochs, drop, calibration)
    reading = evidence.readings.get("lmc/lmc")
    if reading is not None:
        found[LMC] = log_odds.lmc_log_odds(_lmc_places(reading), calibration)
    return found


def _lmc_places(reading: Reading) -> np.ndarray:
    """Return where the mean LMC may lie for its finite number of images: quantiles of a normal distribution.

    The spread between replicas is not added: it is in the counts of the curve, which are of measured means.
    """
    values = np.asarray(reading.value, dtype=np.float64).reshape(-1)
    stderr = np.zeros_like(values) if reading.stderr is None else np.broadcast_to(reading.stderr, values.shape)
    error = float(np.sqrt(np.square(stderr).sum()) / len(values))
    mean = float(values.mean())
    return np.array([mean + error * NormalDist().inv_cdf(share) for share in QUANTILES])


def _family(evidence: Evidence, errors: Sequence[str]) -> _Family | None:
    members = evidence.siblings or (evidence, *evidence.neighbours)
    knob = _knob(members)
    if knob is None:
        return None
    for reading in errors:
        known = [one for one in members if reading in one.readings and knob in one.knobs]
        if len(known) > 1 and known[0] is members[0]:
            return _compared(known, knob=knob, reading=reading, drop=evidence.first_drop)
    return None


def _compared(members: Sequence[Evidence], *, knob: str, reading: str, drop: float | None) -> _Family:
    here, *others = [Sibling(value=one.knobs[knob], errors=_errors(one.readings, reading)) for one in members]
    chosen = choose_siblings(
        [one.value for one in (here, *others)], here.value, knob=knob, drop=drop if knob == "epochs" else None
    )
    kept = [one for one in others if one.value in chosen and one.value != here.value]
    values = {here.value, *(one.value for one in kept)}
    mapped = {
        one.knobs[knob]: _errors(one.readings, PRUNED_ERROR)[0]
        for one in members
        if one.knobs[knob] in values and PRUNED_ERROR in one.readings
    }
    return _Family(
        knob=knob,
        here=here,
        comparison=compare_siblings(here, kept, knob=knob),
        reading=reading,
        mapped=mapped if len(mapped) == len(values) else {},
    )


def _mapped_log_odds(family: _Family, calibration: Calibration) -> float:
    here, hotter = family.here.value, KNOBS[family.knob].hotter
    on_hotter, on_colder = (
        [error for value, error in family.mapped.items() if hotter * (value - here) * side > 0] for side in (1, -1)
    )
    return log_odds.mapped_log_odds(family.mapped[here], on_hotter, on_colder, calibration)


def _errors(readings: Mapping[str, Reading], name: str) -> tuple[float, ...]:
    return tuple(np.asarray(readings[name].value, dtype=np.float64).reshape(-1).tolist())


def _knob(members: Sequence[Evidence]) -> str | None:
    """Return the one knob in which members differ from the first; None where there is none, or several."""
    here = members[0].knobs
    differing = [
        name
        for name in KNOBS
        if name in here and any(one.knobs.get(name, here[name]) != here[name] for one in members[1:])
    ]
    return differing[0] if len(differing) == 1 else None


def _reasons(
    decision: Decision,
    direction: Direction,
    family: _Family | None,
    evidence: Evidence,
    calibration: Calibration,
) -> list[str]:
    alone = {name: log_odds.probability(value) for name, value in direction.log_odds.items()}
    found = [
        decision.because,
        f"P(hotter is better) = {probability_text(direction.hotter)}, given that this network is not the best",
    ]
    if family is not None:
        found.append(f"siblings alone: {probability_text(alone[FAMILY])}; {_family_words(family)}")
    if MAPPED in alone:
        found.append(f"siblings right after pruning, not retrained, alone: {probability_text(alone[MAPPED])}")
    if POSITION in alone:
        epochs = count_text(evidence.knobs["epochs"], "epoch")
        place = f"{epochs}, first drop of the learning rate at {evidence.first_drop:g}"
        sure = probability_text(alone[POSITION])
        found.append(f"position in the schedule alone: {sure} ({place}; {_habit_words(calibration)})")
    found += _alone_words(alone, evidence)
    if LMC in alone:
        mean = float(np.mean(np.asarray(evidence.readings["lmc/lmc"].value, dtype=np.float64)))
        found.append(f"LMC {lmc_text(mean)} alone: {probability_text(alone[LMC])}")
    return [*found, f"calibration of the direction: {calibration.source}"]


def _alone_words(alone: Mapping[str, float], evidence: Evidence) -> list[str]:
    """Return what the checkpoint shows by itself, in words."""
    found = []
    if PROGRESS in alone and evidence.progress is not None:
        before = (
            f"{percent(max(evidence.progress, 0))} of the fall of its loss came before the learning rate first fell"
        )
        found.append(f"course of its training alone: {probability_text(alone[PROGRESS])} ({before})")
    return found


def _habit_words(calibration: Calibration) -> str:
    """Return the habit that needs no measurement, and that it is as good as this verdict."""
    return f"the habit 'past the drop hotter, before it colder' is as good: right in {percent(calibration.position)}"


def _family_words(family: _Family) -> str:
    errors = "training" if family.reading == TRAIN_ERROR else "test"
    here = f"{errors} error {error_text(float(np.mean(family.here.errors)))} here"
    gains = (family.comparison.gain_hotter, family.comparison.gain_colder)
    others = [
        f"{points_interval(gain.mean, gain.low, gain.high)} gained at {family.knob} {gain.towards:g}, 80 % interval"
        for gain in gains
        if gain is not None
    ]
    return "; ".join([here, *others])


def _explained(diagnosis: Diagnosis, decision: Decision) -> tuple[str, ...]:
    """Return the rule's reasons; where its advice is another, report that it is the regime's alone."""
    if diagnosis.advice in (decision.advice, Advice.NONE):
        return diagnosis.because
    return (f"the advice of the regime alone: {diagnosis.advice}", *diagnosis.because)


def _next_buys(signals: Mapping[str, float], comparison: Comparison | None) -> str:
    if FAMILY not in signals:
        return (
            "briefly retrained siblings of this training at other temperatures (snapshots, --family) would measure it"
        )
    if comparison is not None and not comparison.both_sides:
        side = "hotter" if comparison.gain_hotter is None else "colder"
        return f"a sibling on the {side} side would show whether to keep the temperature"
    return "more replicas of the siblings narrow the interval of the gain"
