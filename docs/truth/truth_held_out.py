"""Studies that no fit has seen, judged by the pack that ships; docs/data/held_out_cells.csv holds their cells.

They differ from the studies of the fit in what these have in common: labels that are wrong, an optimiser and a schedule
without drops, other numbers of images, other densities.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from truth_cases import list_cases
from truth_scores import ADVISED, count_advised, score_way
from truth_signals import fit_pack
from truth_tables import as_table
from truth_ways import ALONE, ask_by

from prunescope.regimes import packs
from prunescope.regimes.log_odds import load_calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from truth_cases import Case
    from truth_cells import Row
    from truth_ways import Said

TABLE = Path(__file__).parents[1] / "data" / "held_out_cells.csv"

SHOWN = (
    "siblings compared",
    "all signals",
    ALONE,
    "one checkpoint",
    "progress",
    "LMC",
    "map, no retraining",
    "md-tree, one checkpoint",
    "always colder",
    "towards the best dense accuracy",
)

WORDS = """`nox -s truth -- --held-out` runs `studies/held-out` and writes this part. The pack that ships judges them;
none of their cells is in a fit. `preresnet-noisy-batch`: a fifth of the labels of 300 images are wrong.
`mlp-adam-cosine-epochs`: AdamW, a cosine schedule without drops, no BatchNorm. `vgg-noisy-rate`: three tenths of the
labels of 500 images are wrong. `mlp-few-batch`: batch size on 100 images without BatchNorm, with a warm-up and three
small drops of the rate. `preresnet-sam-rho`: the radius of SAM. `mlp-constant-rate`: a rate that never falls. Each file
was committed before the first run that it describes.

`preresnet-noisy-batch` showed a verdict that was too sure. Until then the progress was ln(mean loss of the second
quarter of the epochs before the drop / mean of the last): where wrong labels keep every loss up, a training that falls
as fast as it can has a small ratio, and passed for one that had stopped. As a share of the whole fall of its own loss,
no floor of the loss moves it. On the nine studies, each left out of its fit, the share is as good as the ratio ("What
one checkpoint shows" has the area of both). It was chosen among eight measurements of the same course after two dense
seeds of that study were seen, so its rows there are no held-out evidence; `vgg-noisy-rate` was written down with the
share, and committed, before its first run.

`mlp-few-batch` and `preresnet-sam-rho` showed that the verdict from one checkpoint was too sure again, where siblings
were right: as direction-4 was shipped, right in 8 of 32 resolved cells of the first two dense seeds of the former, at P
≥ .9 in 8 of 23. Three causes. Plain counts state how often the hotter side is the better one in the nine studies, 15 %,
whatever they measure; here it is half: both sides count alike since direction-5. The damage of pruning, which says
"colder" where it is little, is little both where a training was too hot and where it was too cold; it is a signal no
more. And a network that answers at random has no course. Along SAM's radius the progress said "hotter" in all 8
resolved cells of the first dense seed, all of them colder: it is of the noise of the steps, and counts along batch
size, rate and decay alone. All this was chosen after those cells were seen, so their rows are no held-out evidence of
it. What is: the second dense seed of `preresnet-sam-rho` and `mlp-constant-rate`, which were run afterwards; and the
published grid, by the nine studies alone, where LMC and position advise the right side in 77 of 77 cells (73 by plain
counts). `mlp-constant-rate`, where LMC is the one signal of one checkpoint, showed one thing more: LMC above 0.02, of
replicas that are still learning, said "colder" with 0.78 and was right in 6 of 20 cells; it counts as ½ since."""

RATIO = "The same by the ratio, its curve and weights fitted to the nine studies in the same way:"

PLAIN = "The same by direction-4, whose counts are plain, its damage left out:"


def judge_held_out(rows: Sequence[Row], nine: Sequence[Row]) -> dict[str, dict[str, list[Said]]]:
    """Return what every way says of cells that no fit has seen: by the shipped pack, and by two earlier ones.

    nine: the cells of the fit.
    """
    plain = resources.files(packs).joinpath("direction-4.json").read_text(encoding="utf-8")
    before = [replace(row, progress=row.fall) for row in nine]
    pack = json.dumps(fit_pack(list_cases(before), name="", source=""))
    return {
        "share": ask_by(list_cases(rows), load_calibration()),
        "plain": ask_by(list_cases(rows), load_calibration(plain)),
        "ratio": ask_by(list_cases([replace(row, progress=row.fall) for row in rows]), load_calibration(pack)),
    }


def write_held_out(rows: Sequence[Row], nine: Sequence[Row]) -> str:
    """Return the counts as Markdown."""
    found = judge_held_out(rows, nine)
    ways = {name: found["share"][name] for name in SHOWN}
    shown = ("all signals", ALONE, "one checkpoint", "progress", "LMC")
    plain, ratio = ({name: found[kind][name] for name in shown} for kind in ("plain", "ratio"))
    parts = [WORDS, _cells(list_cases(rows)), _counts(ways), PLAIN, _counts(plain), RATIO, _counts(ratio)]
    return "\n\n".join(parts)


def _cells(cases: Sequence[Case]) -> str:
    lines = []
    for study in sorted({case.row.study for case in cases}):
        here = [case for case in cases if case.row.study == study]
        known = [case for case in here if case.resolved]
        seeds = len({case.row.seed for case in here})
        lines.append((study, seeds, len(here), len(known), sum(case.is_hotter for case in known)))
    return as_table(("study", "dense seeds", "cells", "resolved", "of these hotter"), lines)


def _counts(ways: Mapping[str, Sequence[Said]]) -> str:
    studies = sorted({one.case.row.study for each in ways.values() for one in each})
    lines = []
    for name, each in ways.items():
        states = any(0 < one.hotter < 1 for one in each)
        score = score_way(each, states=states)
        known = score.reliability
        sure = "" if known is None else f"{score.sure_right}/{score.sure}"
        error = "" if known is None else f"{known.calibration_error:.3f}"
        by_study = [_right([one for one in each if one.case.row.study == study]) for study in studies]
        step = f"{100 * score.step:.2f} of {100 * score.stay:.2f}"
        advised = "" if known is None else count_advised(score)
        lines.append((name, _right(each), sure, error, advised, step, *by_study))
    columns = ("way or habit", "right", "right at P ≥ .9", "ECE", ADVISED, "regret of one step", *studies)
    return as_table(columns, lines)


def _right(said: Sequence[Said]) -> str:
    known = [one for one in said if one.case.resolved]
    hits = sum((one.hotter > 1 / 2) == one.case.is_hotter for one in known)
    return f"{hits}/{len(known)}" if known else ""
