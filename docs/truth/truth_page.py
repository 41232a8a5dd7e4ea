"""docs/truth.md: every way beside every habit, from the table of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from truth_acceptance import write_acceptance
from truth_candidates import score_pooled, write_candidates
from truth_cases import CERTAIN, GAIN
from truth_cells import read_cells
from truth_flips import TABLE as FLIPS
from truth_flips import read_pairs, write_pairs
from truth_held_out import TABLE as HELD_OUT
from truth_held_out import write_held_out
from truth_noise import write_noise
from truth_paper import write_paper
from truth_published import list_ways, write_published
from truth_scores import (
    ADVISED,
    count_advised,
    score_selection,
    score_way,
    score_whole,
    share_of_connectivity,
    share_of_cost,
)
from truth_tables import as_table
from truth_tuning import write_tuning
from truth_ways import HABITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from truth_cases import Case
    from truth_cells import Row
    from truth_scores import WayScore
    from truth_ways import Said

HEAD = f"""# Measured truth

Written by `nox -s truth` from `docs/data/truth_cells.csv`; do not edit. `nox -s truth -- --table` writes it again from
the table alone, `nox -s truth -- --studies mlp-digits-epochs --seeds 1` runs a share and prints its page.

Every study trains dense networks at five values of a knob, prunes them to five densities, and retrains each pruned
network. A cell is one dense network at one density; its column is the same dense seed and density at all values. The
question of a cell: does the least test error of its column lie on the hotter or on the colder side? A cell is resolved
where one side has it with probability {CERTAIN} or more (t posterior over replicas) and gains more than
{100 * GAIN:.1f} points.

Nothing that a way sees of a cell is part of its truth. Connectivity is that of two replicas of the cell, and the cell's
own truth is the third; siblings are compared by replicas of their own (two epochs × 2). The progress of a training is
that of its recorded loss before the first drop of its rate. Weights, curves and counts are those of the other studies
(leaving one study out) and of eight earlier ones (direction-1), whose runs are not kept.
Cells of one dense seed share runs: 95 % intervals draw studies, and dense seeds within them, again.

The networks are small (400 training images of 8×8), and most are trained too briefly to be too cold: in most
resolved cells the colder side is better. A habit that always says "colder" is therefore right more often here than
it deserves, and what is seen of the hotter side is little; in the curves of LMC and progress both sides count alike.
Every rate below is to be read beside that habit's, and beside that of a step towards the best dense accuracy, which
requires the dense networks of a column, as siblings do, and no pruning.
"""

RELIABILITY, SHAPE = "truth-reliability.svg", "truth-shape.svg"
"""Pictures in docs/images."""

DIRECTION_WORDS = """A way answers where its signals are there; a habit states no probability. Right, ECE and Brier:
over resolved cells, each by its more probable side. Advised: as the verdict, which abstains below a certainty of
0.8."""

STEP_WORDS = """Mean regret, in points of test error above the column's best, after the step that a way advises (to
the next value of the grid; none where it abstains), over all cells, resolved or not. A habit always steps."""

WHOLE_WORDS = """`select` itself retrains every network on a compressed schedule, by default three replicas of a fifth
of the dense epochs (of 32: 6, 18 in all), which were not replayed here. The nearest to them that was, of 16 epochs: the
choice by two replicas that are retrained as long as those of the truth, counted on the third (the mean over the
three) less the least mean of the column, so that the figures stand beside those above. Training losses decide where
training errors are all 0, and are what `select` compares: whichever study is left out, they are better than training
errors on the others in {kept} of {studies} cases. The test errors of the two replicas, which spend labels, choose no
better: what is left is mostly the luck of the least. Two whole replicas of each network are two thirds of the
retraining of the truth; where the brief comparison leaves three of the five, two fifths. The brief comparison errs by
its two epochs and two replicas, in `preresnet-mnist-batch` above all, where replicas of one cell differ most."""

POOLED_WORDS = """Pooled over neighbouring densities the brief comparison is no better: {each} (weights e^(−steps ÷
width)). Losses of the brief retrainings in place of errors, smoothing along the temperature, the course and position of
each member as a prior, errors on the training images at their end (un-augmented, augmented, with BatchNorm
re-estimated), and retraining the best two or three once to the end were tried too, and are not better by more than the
noise; their scripts are not kept."""

COST_WORDS = """`diagnose` with a family measures all of it by default, {both:.0%} for a cell with two replicas and
more with its three: connectivity names the regime, which explains the direction. It does not make the
direction better (the rows "all signals" and "direction alone, no replicas" above), so the asked share holds for the
direction and not for the regime. `diagnose --replicas 0` states the direction alone: it retrains the siblings briefly
and nothing else, {one:.0%}, and names no regime; the same command with `--replicas 3` adds it, and reuses what is
finished. `advise` on a checkpoint retrains three replicas of every network that it compares; `--dry-run` of both prints
the cost first."""

BRANCH_WORDS = """Branches of the checkpoint itself do not show it: trained for two epochs at the rate with which its
training began (re-heated) or at a tenth of its last one (annealed), pruned, and retrained briefly beside itself. On the
resolved cells of two studies the branch that prunes better points the right way in 89 of 116 (46/55 in
mlp-mnist-rate, 43/61 in mlp-patches-batch), in 53 of 56 where it is sure (P ≥ .9); always colder is right in 101. The
branches of a cell cost 10 % of its column's retraining, and are no signal of the verdict. The command, on finished
runs: `python docs/truth/try_branches.py --runs truth-runs --studies mlp-mnist-rate mlp-patches-batch`."""

PAPER_WORDS = """In the paper, networks that are trained longer are better at high density, and worse at low density.
Whether small studies show the same:"""


def write_page(rows: Sequence[Row], cases: Sequence[Case], said: Mapping[str, Sequence[Said]]) -> str:
    """Return the page."""
    scores = {name: score_way(each, states=name not in HABITS) for name, each in said.items() if each}
    published = list_ways(cases)
    parts = [
        HEAD.rstrip(),
        "## Studies",
        _studies(cases),
        "## Direction on resolved cells",
        _directions(scores),
        DIRECTION_WORDS,
        "### By study",
        _by_study(said),
        "### Reliability",
        f"![Stated against right](images/{RELIABILITY})",
        _reliability(scores),
        "## One step",
        STEP_WORDS,
        _steps(said),
        "## Selection",
        "Mean regret, in points, of the network that a rule takes of a column.",
        _selection(score_selection(rows), rows),
        _whole(rows),
        write_noise(rows),
        _pooled(rows),
        "## Tuning",
        write_tuning(rows),
        "## What one checkpoint shows",
        write_candidates(cases),
        BRANCH_WORDS,
        "## Cost",
        _cost(cases),
        "## Against what was asked for",
        write_acceptance(rows, cases, said, scores, published),
        *(["## Studies that no fit has seen", write_held_out(read_cells(HELD_OUT), rows)] if HELD_OUT.exists() else []),
        "## Beside the paper",
        PAPER_WORDS,
        f"![Points of test error above the best of each density](images/{SHAPE})",
        write_paper(rows),
        "### The verdict on the published grid",
        write_published(published, cases),
        *(["### Both sides, on other dense seeds", write_pairs(read_pairs())] if FLIPS.exists() else []),
    ]
    return "\n\n".join(parts) + "\n"


def _studies(cases: Sequence[Case]) -> str:
    lines: list[tuple[object, ...]] = []
    for study in _names(cases):
        here = [case for case in cases if case.row.study == study]
        values, seeds = {case.row.value for case in here}, {case.row.seed for case in here}
        known = [case for case in here if case.resolved]
        hotter = sum(case.is_hotter for case in known)
        densities = len({case.row.density for case in here})
        lines.append((study, f"{len(values)} × {densities}", len(seeds), len(here), len(known), hotter))
    total = [sum(int(str(line[place])) for line in lines) for place in (3, 4, 5)]
    lines.append(("all", "", "", *total))
    return as_table(("study", "values × densities", "dense seeds", "cells", "resolved", "of these hotter"), lines)


def _directions(scores: Mapping[str, WayScore]) -> str:
    lines = []
    for name, found in scores.items():
        known = found.reliability
        sure = "" if known is None else f"{_of(found.sure_right, found.sure)}"
        low, high = found.interval
        lines.append(
            (
                name,
                _of(found.right, found.of),
                f"{low:.0%} to {high:.0%}" if found.of else "",
                sure,
                "" if known is None or not found.of else f"{found.sure / found.of:.0%}",
                "" if known is None else f"{known.calibration_error:.3f}",
                "" if known is None else f"{known.brier:.3f}",
                "" if known is None else count_advised(found),
            )
        )
    columns = ("way or habit", "right", "95 % interval", "right at P ≥ .9", "answered so", "ECE", "Brier", ADVISED)
    return as_table(columns, lines)


def _by_study(said: Mapping[str, Sequence[Said]]) -> str:
    studies = sorted({one.case.row.study for each in said.values() for one in each})
    lines = []
    for name, each in said.items():
        cells = []
        for study in studies:
            found = [one for one in each if one.case.row.study == study and one.case.resolved]
            hits = sum((one.hotter > 1 / 2) == one.case.is_hotter for one in found)
            cells.append(f"{hits}/{len(found)}" if found else "")
        lines.append((name, *cells))
    return as_table(("way or habit", *studies), lines)


def _reliability(scores: Mapping[str, WayScore]) -> str:
    lines = []
    for name, found in scores.items():
        if found.reliability is not None:
            bins = {one.low: f"{one.stated:.2f}: {_of(one.right, one.of)}" for one in found.reliability.bins}
            lines.append((name, *(bins.get(low, "") for low in (0.5, 0.6, 0.7, 0.8, 0.9))))
    return as_table(("stated: right", ".5 to .6", ".6 to .7", ".7 to .8", ".8 to .9", ".9 to 1"), lines)


def _steps(said: Mapping[str, Sequence[Said]]) -> str:
    lines = []
    for name, each in said.items():
        if not each:
            continue
        after, stay = [one.case.regret(one.step) for one in each], [one.case.regret(0) for one in each]
        worse = []
        for study in _names([one.case for one in each]):
            gains = [one.case.regret(0) - one.case.regret(one.step) for one in each if one.case.row.study == study]
            worse += [study] if np.mean(gains) < 0 else []
        share = np.mean([one.step != 0 for one in each])
        lines.append((name, len(each), f"{share:.0%}", _points(stay), _points(after), ", ".join(worse) or "none"))
    return as_table(
        ("way or habit", "cells", "steps", "staying", "after the step", "studies worse than staying"), lines
    )


def _whole(rows: Sequence[Row]) -> str:
    found, studies = score_whole(rows), sorted({row.study for row in rows})
    losses, errors = found["training losses"], found["training errors"]
    kept = [study for study in studies if sum(losses[one] - errors[one] for one in studies if one != study) < 0]
    words = WHOLE_WORDS.format(kept=len(kept), studies=len(studies))
    return words + "\n\n" + _selection(found, rows)


def _selection(found: Mapping[str, Mapping[str, float]], rows: Sequence[Row]) -> str:
    studies = [*sorted({row.study for row in rows}), "all"]
    lines = [
        (name, *(f"{100 * each[study]:.2f}" if study in each else "" for study in studies))
        for name, each in found.items()
    ]
    return as_table(("rule", *studies), lines)


def _pooled(rows: Sequence[Row]) -> str:
    found = [f"{100 * regret:.2f} points at a width of {width:g}" for width, regret in score_pooled(rows).items()]
    return POOLED_WORDS.format(each=", ".join(found))


def _cost(cases: Sequence[Case]) -> str:
    one, whole = share_of_cost(cases)
    return (
        "Epochs of brief retraining as a share of the epochs in which the column's replicas are retrained: "
        f"{one:.0%} for the siblings of one cell, {whole:.0%} for a whole column, whose cells share them. The map "
        "retrains nothing. Connectivity requires two replicas retrained as long as those of the truth: "
        f"{share_of_connectivity(cases):.0%} more for a cell.\n\n"
        + COST_WORDS.format(one=one, both=one + share_of_connectivity(cases))
    )


def _names(cases: Iterable[Case]) -> list[str]:
    return sorted({case.row.study for case in cases})


def _points(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.2f}"


def _of(right: int, of: int) -> str:
    return f"{right}/{of} ({right / of:.0%})" if of else ""
