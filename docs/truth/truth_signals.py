"""The signals of a cell as log-odds that hotter is better, and their calibration from resolved cells of studies."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from itertools import combinations, pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.regimes import packs
from prunescope.regimes.fitted_weights import FittedCase, fit_weights
from prunescope.regimes.least import share_of_least
from prunescope.regimes.log_odds import (
    FAMILY,
    LMC,
    MAPPED,
    POSITION,
    PROGRESS,
    SHARE,
    WEIGHTS_KIND,
    WEIGHTS_SCHEMA,
    curve_log_odds,
    family_log_odds,
    lmc_log_odds,
    load_calibration,
    log_odds,
    mapped_log_odds,
    position_log_odds,
)
from prunescope.regimes.probable_direction import QUANTILES
from prunescope.regimes.siblings import Sibling, choose_siblings, compare_siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from truth_cases import Case
    from truth_cells import Row

    from prunescope.regimes.log_odds import Calibration
    from prunescope.regimes.siblings import Comparison

EARLY = "early"
"""A signal that is tried: the run's own snapshot before the drop."""

SIGNALS = (FAMILY, LMC, POSITION, MAPPED, PROGRESS)

EDGES = (None, -0.10, -0.06, -0.04, -0.01, None)
"""Of the bins of LMC."""

PROGRESS_EDGES = (None, 0.1, 0.2, 0.3, 0.4, 0.5, None)
"""Of the bins of the progress, a share."""

EARLIER = "direction-1.json"
"""The pack whose counts are added: of eight studies of larger networks, most of which stand on the other side."""

SURE = 0.9
"""From this probability on the comparison of siblings counts for the largest probability that is stated."""


@cache
def compare_family(case: Case) -> Comparison | None:
    """Return the comparison of a cell with its siblings, as `diagnose` chooses them; None where there are none."""
    row = case.row
    known = {one.value: one for one in case.column}
    chosen = [one for one in choose_siblings(known, row.value, knob=row.knob, drop=row.placed) if one != row.value]
    here, *others = [Sibling(value=value, errors=known[value].brief) for value in (row.value, *chosen)]
    return compare_siblings(here, others, knob=row.knob) if others else None


def list_siblings(case: Case) -> tuple[Row, ...]:
    """Return the members of the comparison, the cell included."""
    here, values = case.row, [one.value for one in case.column]
    chosen = choose_siblings(values, here.value, knob=here.knob, drop=here.placed)
    return tuple(one for one in case.column if one.value in chosen)


def signals_of(case: Case, calibration: Calibration) -> dict[str, float]:
    """Return the log-odds of hotter from every signal that the cell has."""
    row, found = case.row, {}
    comparison = compare_family(case)
    if comparison is not None:
        found[FAMILY] = family_log_odds(comparison, calibration)
        found[MAPPED] = _of_the_map(case, calibration)
    if row.has_course:
        found[PROGRESS] = curve_log_odds(PROGRESS, row.progress, calibration)
    if row.early:
        share = _share_of_early(row)
        found[EARLY] = log_odds(min(max(share, 1 - calibration.most), calibration.most))
    if row.learned:
        draws = [row.lmc + row.lmc_stderr * NormalDist().inv_cdf(share) for share in QUANTILES]
        found[LMC] = lmc_log_odds(draws, calibration)
        if row.placed is not None:
            found[POSITION] = position_log_odds(row.value, row.placed, calibration)
    return found


@cache
def _share_of_early(row: Row) -> float:
    """Return the probability that the snapshot before the drop prunes better than the end of the same run."""
    return float(share_of_least([row.brief, row.early])[1])


def _of_the_map(case: Case, calibration: Calibration) -> float:
    """Return the log-odds from the errors of the siblings right after pruning."""
    place, errors = case.place, {one.value: one.mapped for one in list_siblings(case)}
    hotter = [errors[one.value] for one in case.column[:place] if one.value in errors]
    colder = [errors[one.value] for one in case.column[place + 1 :] if one.value in errors]
    return mapped_log_odds(errors[case.row.value], hotter, colder, calibration)


def prior_weights() -> dict[frozenset[str], dict[str, float]]:
    """Return the weights before any study was seen: the boldest signal of a set counts whole, the others less."""
    whole = {FAMILY: 1.0, POSITION: 0.5, PROGRESS: 0.5, EARLY: 0.5, LMC: 0.25, MAPPED: 0.25}
    found = {}
    for names in _sets():
        first = next((name for name in (FAMILY, POSITION, PROGRESS, EARLY) if name in names), names[0])
        found[frozenset(names)] = {name: 1.0 if name == first else whole[name] for name in names}
    return found


def _sets() -> list[tuple[str, ...]]:
    """Return every set of signals that a cell may have: none has the position and the progress together."""
    found = [names for size in range(1, len(SIGNALS) + 1) for names in combinations(SIGNALS, size)]
    tried = [(EARLY,), (LMC, EARLY)]
    return [names for names in found if not {POSITION, PROGRESS} <= set(names)] + tried


def fit_pack(
    cases: Sequence[Case], *, name: str, source: str, earlier: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a pack: counts of the resolved cells among the cases and of EARLIER, and weights fitted to the former.

    The weights are fitted to log-odds by the counts of the same cells; that of LMC by itself also to the earlier
    counts of it, which are of cells that have no other signal here. earlier: other counts in place of EARLIER.
    """
    resolved = [case for case in cases if case.resolved]
    earlier = read_earlier() if earlier is None else earlier
    counts = {
        "kind": WEIGHTS_KIND,
        "schema_version": WEIGHTS_SCHEMA,
        "name": name,
        "source": source,
        "lmc": [_added(one, other) for one, other in zip(count_lmc(resolved), earlier["lmc"], strict=True)],
        "position": _added(_position_counts(resolved), earlier["position"]),
        "family": _added(_family_counts(resolved), earlier["family"]),
        PROGRESS: {"of": SHARE, **_curve([case for case in resolved if case.row.has_course], PROGRESS, PROGRESS_EDGES)},
    }
    alone = load_calibration(json.dumps({**counts, "weights": {}}))
    seen = [
        FittedCase(study=case.row.study, log_odds=signals_of(case, alone), hotter=case.is_hotter) for case in resolved
    ]
    fitted = fit_weights([*seen, *_earlier_cases(earlier["lmc"], alone)], prior=prior_weights())
    weights = {"+".join(sorted(names)): dict(sorted(each.items())) for names, each in fitted.items()}
    return {**counts, "weights": weights}


def _earlier_cases(bins: Sequence[Mapping[str, Any]], calibration: Calibration) -> list[FittedCase]:
    """Return the cells that were counted by their LMC alone, each at the middle of its bin."""
    found = []
    for one, place in zip(bins, calibration.lmc.places, strict=True):
        value = {LMC: lmc_log_odds([place], calibration)}
        sides = [True] * one["hotter"] + [False] * (one["of"] - one["hotter"])
        found += [FittedCase(study="earlier", log_odds=value, hotter=side) for side in sides]
    return found


def read_earlier() -> dict[str, Any]:
    """Return the pack whose counts are of other studies."""
    found: dict[str, Any] = json.loads(resources.files(packs).joinpath(EARLIER).read_text(encoding="utf-8"))
    return found


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of both; the bounds of a bin are the same."""
    return {name: one[name] if name in {"low", "high"} else one[name] + other[name] for name in one}


def count_lmc(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return the counts of the bins of LMC, of cells whose replicas have learned, the sides weighed alike."""
    return _count([case for case in cases if case.row.learned], lambda row: row.lmc, EDGES)


def _curve(cases: Sequence[Case], name: str, edges: Sequence[float | None]) -> dict[str, Any]:
    """Return the counts of a measurement of one checkpoint, and of how many studies they are."""
    found = _count(cases, lambda row: float(getattr(row, name)), edges)
    return {"studies": len({case.row.study for case in cases}), "bins": found}


def _count(cases: Sequence[Case], of: Callable[[Row], float], edges: Sequence[float | None]) -> list[dict[str, Any]]:
    """Return how many of the cases between two edges are hotter, and of how many; see `balance_sides`."""
    found = []
    for low, high in pairwise(edges):
        inside = [
            case for case in cases if (low is None or of(case.row) > low) and (high is None or of(case.row) <= high)
        ]
        hotter = sum(case.is_hotter for case in inside)
        found.append({"low": low, "high": high, "hotter": hotter, "of": len(inside)})
    return balance_sides(found)


def balance_sides(bins: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the counts with those of the more frequent side scaled down, so that both sides have as many in all.

    How often the hotter side is the better one is a property of the studies, of their values of the knob above all. A
    curve through plain counts says it whatever it measures, and carries it over to networks of other studies.

    >>> bins = [{"low": None, "high": 0, "hotter": 1, "of": 9}, {"low": 0, "high": None, "hotter": 1, "of": 3}]
    >>> [(one["hotter"], one["of"]) for one in balance_sides(bins)]
    [(1.0, 2.6), (1.0, 1.4)]
    """
    hotter = sum(one["hotter"] for one in bins)
    colder = sum(one["of"] for one in bins) - hotter
    if not hotter or not colder:
        return [dict(one) for one in bins]
    least, found = min(hotter, colder), []
    for one in bins:
        hot, cold = one["hotter"] * least / hotter, (one["of"] - one["hotter"]) * least / colder
        found.append({**one, "hotter": round(hot, 3), "of": round(hot + cold, 3)})
    return found


def _position_counts(cases: Sequence[Case]) -> dict[str, int]:
    placed = [case for case in cases if case.row.placed not in {None, case.row.value}]
    right = [case.is_hotter == (case.row.value > case.row.drop) for case in placed]
    return {"right": int(np.sum(right)), "of": len(right)}


def _family_counts(cases: Sequence[Case]) -> dict[str, int]:
    found = [(comparison.direction, case) for case in cases if (comparison := compare_family(case)) is not None]
    sure = [(share, case) for share, case in found if max(share, 1 - share) >= SURE]
    return {"right": sum((share > 1 / 2) == case.is_hotter for share, case in sure), "of": len(sure)}
