"""The evaluation of the model-diagnostics tree on its public table, as published, and how often each leaf is right.

`python docs/md_tree_table.py` prints what docs/rules.md quotes. The data are columns of the two tables in
github.com/YefanZhou/ModelDiagnosis (MIT licence), commit a212a0a; the head of the file says which.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.wording import percent
from prunescope.regimes.md_tree import PUBLIC, Level, Rate, Region, TreeReadings, decide

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parent / "data" / "md_tree_public.csv"
COLUMN = {Level.PEAK: "mode_connectivity_peak", Level.CONNECTIVITY: "mode_connectivity", Level.ALONE: ""}
SEEDS = (42, 90, 38, 18, 72)
START = (0.5, -10.0, 7.0)
BOUNDS = ((0.0, 1.0), (-30.0, 0.0), (4.0, 9.0))
"""Of training error and connectivity in percent and of ln(trace), in `MDTree_Hyper` of the public code."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The networks of one collection that are off their optimum."""

    features: dict[str, np.ndarray]
    """Percent, percent, percent and nat."""
    too_low: np.ndarray
    """Whether the best batch size is smaller."""
    family: np.ndarray
    """(share of the data in tenths, width), (n, 2)."""


def read_table(collection: str) -> Table:
    """Return one of the collections "basic" (no label noise) and "noisy"."""
    with DATA.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if row["collection"] == collection]
    columns = ("train_error", "mode_connectivity", "mode_connectivity_peak", "hessian_t")
    return Table(
        features={name: np.array([float(row[name]) for row in rows]) for name in columns},
        too_low=np.array([row["temperature"] == "small" for row in rows]),
        family=np.array([(int(row["data"]), int(row["width"])) for row in rows]),
    )


def leaf_rates(table: Table, level: Level) -> dict[Region, Rate]:
    """Return how often every leaf that a network reaches is right with the public thresholds."""
    right: dict[Region, list[bool]] = {}
    between = table.features[COLUMN[level]] / 100 if COLUMN[level] else None
    for number, too_low in enumerate(table.too_low):
        leaf = decide(
            train_error=_exact(table.features["train_error"][number] / 100),
            trace=_exact(np.exp(table.features["hessian_t"][number])),
            lmc=None if between is None else _exact(between[number]),
            level=level,
        )
        right.setdefault(leaf.place, []).append(bool(leaf.too_low == too_low))
    return {place: Rate(sum(right[place]), len(right[place])) for place in Region if place in right}


def evaluate(basic: Table, noisy: Table, *, families: int, seed: int) -> float:
    """Return the accuracy on the noisy collection of a tree fitted to so many families of the basic one.

    A family is one width and one amount of data: 12 networks off their optimum, one for each batch size. As published
    (`evaluate_mdtree`): one threshold after the other by bounded scalar minimisation from a fixed start.
    """
    from scipy.optimize import minimize_scalar

    pairs = sorted({(int(data), int(width)) for data, width in basic.family})
    chosen = np.random.RandomState(seed).choice(len(pairs), size=families, replace=False)  # as published
    kept = np.array([(int(d), int(w)) in {pairs[place] for place in chosen} for d, w in basic.family])
    found = list(START)
    for place, bounds in enumerate(BOUNDS):

        def loss(value: float, place: int = place) -> float:
            found[place] = value
            return -float(np.mean((_raised(basic, found) == basic.too_low)[kept]))

        found[place] = float(minimize_scalar(loss, method="bounded", bounds=bounds).x)
    return float(np.mean(_raised(noisy, found) == noisy.too_low))


def _raised(table: Table, thresholds: Sequence[float]) -> np.ndarray:
    a, b, c = thresholds
    known = table.features
    sharp = (known["mode_connectivity_peak"] <= b) & (known["hessian_t"] > c)
    found: np.ndarray = (known["train_error"] <= a) | sharp
    return found


def _exact(value: float) -> TreeReadings:
    return TreeReadings(value=float(value), stderr=0.0)


def main() -> None:
    """Print the published accuracy, and a table of the leaves."""
    basic, noisy = read_table("basic"), read_table("noisy")
    found = [evaluate(basic, noisy, families=8, seed=seed) for seed in SEEDS]
    right = percent(float(np.mean(found)), 1)
    print(f"fitted to 96 networks, as published: {right} of {len(noisy.too_low)} ({len(SEEDS)} seeds)\n")
    print("| level | leaf | without label noise | with 10 % label noise |\n| --- | --- | --- | --- |")
    for level in Level:
        rates = [leaf_rates(table, level) for table in (basic, noisy)]
        for place in rates[0]:
            print(f"| {level} | {place} | {rates[0][place]} | {rates[1][place]} |")
        whole = [sum(rate.right for rate in each.values()) / sum(rate.of for rate in each.values()) for each in rates]
        print(f"| {level} | all | {percent(whole[0], 1)} | {percent(whole[1], 1)} |")
    assert all(leaf_rates(basic, level)[place] == rate for (level, place), rate in PUBLIC.rates.items())  # noqa: S101


if __name__ == "__main__":
    main()
