"""What was asked of the direction before it was measured, and what was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from truth_cases import list_columns
from truth_flips import TABLE, find_both_sides, read_pairs
from truth_noise import measure_extra, measure_floor
from truth_published import ALONE_WITHOUT, SHIPPED, WITHOUT
from truth_scores import score_selection, score_whole, share_of_connectivity, share_of_cost
from truth_ways import ALONE

from prunescope.api import Advice
from prunescope.api.knobs import KNOBS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from truth_cases import Case
    from truth_cells import Row
    from truth_published import Answer
    from truth_scores import WayScore
    from truth_ways import Said

FULL, BRIEF, ONE = "all signals", ALONE, "one checkpoint"


def write_acceptance(
    rows: Sequence[Row],
    cases: Sequence[Case],
    said: Mapping[str, Sequence[Said]],
    scores: Mapping[str, WayScore],
    published: Mapping[str, Sequence[Answer]],
) -> str:
    """Return a table: asked, reached, whether it is met."""
    lines = [*_of_direction(scores), *_of_steps(said, rows), *_of_cost(cases), *_of_flips(), *_of_published(published)]
    table = ["| asked, on studies left out | reached | met |", "| --- | --- | --- |"]
    return "\n".join(
        [*table, *(f"| {asked} | {reached} | {'yes' if met else 'no'} |" for asked, reached, met in lines)]
    )


def _of_direction(scores: Mapping[str, WayScore]) -> list[tuple[str, str, bool]]:
    found = []
    if (full := scores.get(FULL)) is not None and full.sure and full.reliability is not None:
        right, share, error = full.sure_right / full.sure, full.sure / full.of, full.reliability.calibration_error
        found += [
            ("all signals, right at P ≥ .9: ≥ 95 %", f"{full.sure_right}/{full.sure} ({right:.1%})", right >= 0.95),
            ("of these ≥ 80 % of the resolved cells", f"{share:.0%}", share >= 0.80),
            ("ECE of P(direction) ≤ .05", f"{error:.3f}", error <= 0.05),
        ]
    if (brief := scores.get(BRIEF)) is not None and brief.sure and brief.reliability is not None:
        right, share, error = brief.sure_right / brief.sure, brief.sure / brief.of, brief.reliability.calibration_error
        reached = f"{brief.sure_right}/{brief.sure} ({right:.1%}), {share:.0%}, {error:.3f}"
        found.append(
            (
                "the same three of the direction alone (`diagnose --replicas 0`)",
                reached,
                right >= 0.95 and share >= 0.80 and error <= 0.05,
            )
        )
    if (one := scores.get(ONE)) is not None and one.of and one.reliability is not None:
        right, error = one.right / one.of, one.reliability.calibration_error
        found += [
            ("one checkpoint alone, right: ≥ 88 %", f"{one.right}/{one.of} ({right:.1%})", right >= 0.88),
            ("its ECE ≤ .08", f"{error:.3f}", error <= 0.08),
            *_of_advised(one),
        ]
    return found


def _of_advised(one: WayScore) -> list[tuple[str, str, bool]]:
    """Return the same two over the cells with an advice, as abstentions were counted before."""
    right, wrong = one.advised_right, one.advised - one.advised_right
    met = right >= 0.88 * one.advised and one.advised_error <= 0.08
    return [("the same two where it advises", f"{right} right, {wrong} wrong, ECE {one.advised_error:.3f}", met)]


def _of_steps(said: Mapping[str, Sequence[Said]], rows: Sequence[Row]) -> list[tuple[str, str, bool]]:
    each = said[FULL]
    stay, after = _mean([one.case.regret(0) for one in each]), _mean([one.case.regret(one.step) for one in each])
    worse = 0
    for study in {one.case.row.study for one in each}:
        here = [one for one in each if one.case.row.study == study]
        worse += _mean([one.case.regret(one.step) - one.case.regret(0) for one in here]) > 0
    chosen = score_selection(rows)["brief retraining compared"]["all"]
    measured = measure_extra(rows, "brief retraining compared")
    whole, floor = score_whole(rows)["training losses"]["all"], measure_floor(list_columns(rows))
    return [
        (
            "one step: at most half of the regret of staying",
            f"{100 * after:.2f} of {100 * stay:.2f}",
            after <= stay / 2,
        ),
        ("worse than staying in no study", f"in {worse}", worse == 0),
        (
            "`select`: mean regret ≤ .5 points, in hindsight: as the command, with two whole replicas",
            f"{100 * whole:.2f} points; the truly best network {100 * floor:.2f}",
            whole <= 0.005,
        ),
        ("the same by the brief comparison, two epochs × 2", f"{100 * chosen:.2f} points", chosen <= 0.005),
        (
            "the brief comparison against the choice by the test errors of two whole replicas, on the third",
            f"{100 * measured:+.2f} points",
            measured <= 0.005,
        ),
    ]


def _of_cost(cases: Sequence[Case]) -> list[tuple[str, str, bool]]:
    one, whole = share_of_cost(cases)
    full = one + share_of_connectivity(cases)
    reached = f"{one:.0%}; of all verdicts of a column {whole:.0%}"
    return [
        ("cost of a verdict of all signals ≤ 10 % of the column's retraining", f"{full:.0%}", full <= 0.10),
        ("the same of the direction alone (`diagnose --replicas 0`)", reached, one <= 0.10),
    ]


def _of_flips() -> list[tuple[str, str, bool]]:
    found = find_both_sides(read_pairs()) if TABLE.exists() else {}
    reached = ", ".join(f"{KNOBS[knob].words} (`{study}`)" for study, knob in found.items()) or "none"
    return [("both sides of a best value over two knobs, each z ≥ 4 or ≤ −4", reached, len(set(found.values())) >= 2)]


def _of_published(published: Mapping[str, Sequence[Answer]]) -> list[tuple[str, str, bool]]:
    asked = "published grid, cells off their optimum, right: ≥ 98 %"
    lines = (
        (f"{asked}: one checkpoint, the shipped pack, which holds counts of these cells", SHIPPED),
        ("the same by the nine studies alone", WITHOUT),
        ("the same of the direction alone (`diagnose --replicas 0`)", ALONE_WITHOUT),
    )
    found = []
    for words, name in lines:
        answers = published[name]
        right, none = sum(one.right for one in answers), sum(one.advice is Advice.NONE for one in answers)
        reached = f"{right}/{len(answers)}, {len(answers) - right - none} wrong, {none} without advice"
        found.append((words, reached, right >= 0.98 * len(answers)))
    return found


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
