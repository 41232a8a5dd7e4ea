"""Every way and every habit on every cell: the side it names, how sure it is, and the step that it advises."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truth_signals import EARLY, compare_family, fit_pack, signals_of

from prunescope.api import Advice
from prunescope.regimes.log_odds import (
    FAMILY,
    LMC,
    MAPPED,
    POSITION,
    PROGRESS,
    combine_signals,
    decide_step,
    load_calibration,
    position_log_odds,
)
from prunescope.regimes.md_tree import Level, TreeReadings, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from truth_cases import Case

    from prunescope.regimes.log_odds import Calibration

CERTAINTY = 0.8
"""From this probability on a step is advised."""

CONNECTED = -0.05
"""LMC below which the habit of one threshold says hotter."""

SETS = {
    "siblings compared": (FAMILY,),
    "all signals": (FAMILY, LMC, POSITION, MAPPED, PROGRESS),
    "all signals but the map": (FAMILY, LMC, POSITION, PROGRESS),
    "all signals but LMC": (FAMILY, MAPPED, POSITION, PROGRESS),
    "map, no retraining": (MAPPED,),
    "one checkpoint": (LMC, POSITION, PROGRESS),
    "one checkpoint, nothing retrained": (POSITION, PROGRESS),
    "one checkpoint: LMC, position (as direction-2)": (LMC, POSITION),
    "own early snapshot": (EARLY,),
    "progress": (PROGRESS,),
    "LMC": (LMC,),
    "position": (POSITION,),
}
"""Way -> the signals it may use."""

ALONE = "direction alone, no replicas"
"""What `diagnose --replicas 0` states: without LMC, the position also where replicas have not learned."""

STEP = {Advice.RAISE: -1, Advice.LOWER: 1}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a way says of a cell."""

    case: Case
    hotter: float
    """Probability that the better side is the hotter one; of a habit 0 or 1."""
    step: int
    """In the column: -1 hotter, 0 none, 1 colder."""


def ask_ways(cases: Sequence[Case]) -> dict[str, list[Said]]:
    """Return what every way says of the cells for which it has its signals, calibrated on the other studies."""
    studies = sorted({case.row.study for case in cases})
    found: dict[str, list[Said]] = {name: [] for name in _names()}
    for study in studies:
        left = [case for case in cases if case.row.study != study]
        calibration = load_calibration(json.dumps(fit_pack(left, name="", source="")))
        for name, each in ask_by([case for case in cases if case.row.study == study], calibration).items():
            found[name] += each
    return found


def ask_by(cases: Sequence[Case], calibration: Calibration) -> dict[str, list[Said]]:
    """Return what every way says of the cells for which it has its signals, by one calibration."""
    found: dict[str, list[Said]] = {name: [] for name in _names()}
    for case in cases:
        for name, said in _ask(case, calibration).items():
            found[name].append(said)
    return found


def _names() -> Iterator[str]:
    """Yield every way in the order of the page, then the habits."""
    for name in SETS:
        yield name
        if name == "all signals but LMC":
            yield ALONE
    yield from ("md-tree, one checkpoint", *HABITS)


def _ask(case: Case, calibration: Calibration) -> dict[str, Said]:
    signals = signals_of(case, calibration)
    found = {}
    for name, wanted in SETS.items():
        used = {signal: signals[signal] for signal in wanted if signal in signals}
        if used and (len(wanted) > 1 or wanted[0] in signals) and _complete(name, used):
            found[name] = _of_signals(case, used, calibration)
    if FAMILY in signals:
        found[ALONE] = _of_signals(case, _without_replicas(case, signals, calibration), calibration)
    tree = _of_the_tree(case)
    if tree is not None:
        found["md-tree, one checkpoint"] = tree
    for name, habit in HABITS.items():
        side = habit(case)
        if side is not None:
            found[name] = Said(case=case, hotter=float(side), step=-1 if side else 1)
    return found


def _without_replicas(case: Case, signals: Mapping[str, float], calibration: Calibration) -> dict[str, float]:
    row = case.row
    position = {} if row.placed is None else {POSITION: position_log_odds(row.value, row.placed, calibration)}
    return {name: signals[name] for name in (FAMILY, MAPPED, PROGRESS) if name in signals} | position


def _complete(name: str, used: dict[str, float]) -> bool:
    """Whether a way has the signal that gives it its name."""
    return {
        "all signals": FAMILY in used,
        "all signals but the map": FAMILY in used,
        "all signals but LMC": FAMILY in used,
    }.get(name, True)


def _of_signals(case: Case, signals: dict[str, float], calibration: Calibration) -> Said:
    direction = combine_signals(signals, calibration)
    comparison = compare_family(case) if FAMILY in signals else None
    decision = decide_step(direction, comparison, certainty=CERTAINTY)
    return Said(case=case, hotter=direction.hotter, step=STEP.get(decision.advice, 0))


def _of_the_tree(case: Case) -> Said | None:
    """Return what the md-tree says of the dense checkpoint alone, with the rates of its public table."""
    row = case.row
    leaf = decide(
        train_error=TreeReadings(value=row.dense_train_error, stderr=0.0),
        trace=TreeReadings(value=row.trace, stderr=row.trace_stderr),
        lmc=None,
        level=Level.ALONE,
    )
    if leaf.probability is None or math.isnan(leaf.probability):
        return None
    hotter = leaf.probability if leaf.too_low else 1 - leaf.probability
    return Said(case=case, hotter=hotter, step=(-1 if leaf.too_low else 1) if leaf.probability >= CERTAINTY else 0)


def _past_the_drop(case: Case) -> bool | None:
    if not math.isfinite(case.row.drop):
        return None
    if case.row.knob != "epochs":
        return True  # every run of such a study ends past its drops
    return None if case.row.value == case.row.drop else case.row.value > case.row.drop


def _best_dense(case: Case) -> bool | None:
    errors = [row.dense_test_error for row in case.column]
    best = errors.index(min(errors))
    return None if best == case.place else best < case.place


HABITS: dict[str, Callable[[Case], bool | None]] = {
    "past the first drop hotter, else colder": _past_the_drop,
    "always colder": lambda _: False,
    "always hotter": lambda _: True,
    "towards the best dense accuracy": _best_dense,
    "LMC below -0.05 hotter, else colder": lambda case: case.row.lmc < CONNECTED,
}
