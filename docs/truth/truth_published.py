"""The verdict of one checkpoint on the published grid: figure 2 of Zhou et al. 2023, cells that are off their optimum.

The figure has means over three dense seeds and three retrainings, and no spread: a cell has no probability of its
own, and every cell counts that is more than GAIN off the best of its density.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from read_published import TABLE
from truth_cases import CERTAIN, GAIN
from truth_signals import EDGES, count_lmc, fit_pack
from truth_tables import as_table
from truth_ways import CERTAINTY, CONNECTED

from prunescope.api import Advice, Diagnosis, Evidence, Reading, Regime
from prunescope.regimes.direction import targets
from prunescope.regimes.log_odds import load_calibration
from prunescope.regimes.probable_direction import state_direction
from prunescope.regimes.reliability import measure_reliability
from prunescope.regimes.rules import ThreeRegime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from truth_cases import Case

    from prunescope.regimes.log_odds import Calibration

DROP = 80.0
"""Epochs after which the rate of the published recipe first falls."""

SURE = 0.9

STUDIES_ALONE, PACK = "the nine studies alone", "the shipped pack"

SHIPPED, WITHOUT, ALONE_WITHOUT = (
    f"{signals}, by {pack}"
    for signals, pack in (("LMC and position", PACK), ("LMC and position", STUDIES_ALONE), ("position", STUDIES_ALONE))
)
"""Ways that the acceptance names."""

WORDS = """Every cell of figure 2 (16 times of training, 9 densities) as the picture that its authors publish shows it
(`docs/data/published_epochs.csv`; `python docs/truth/read_published.py FOLDER` reads it), {off} of {cells} more than
{gain:.1f} points above the best of their density. A verdict sees of a cell what the figure has and a checkpoint would
show: LMC and CKA between replicas, its epochs, and the recipe's first drop at {drop:g} epochs. The test error is the
truth, and training errors are not published, so siblings and progress are missing. It is the function of
`diagnose` and `report`, certainty {certainty:g}. Right: the advised side holds the best; where equal ones lie on both
sides, either is right.

The counts of the shipped pack hold cells of this figure (direction-1); "by the nine studies alone" leaves all earlier
counts out. The figure has means over nine networks and no spread, so no cell has a probability of its own: a gain of
{gain:.1f} points is resolved with probability {certain} where the standard error of a mean is {error:.2f} points or
less. The least gain of a counted cell is {least:.2f} points, and one colour of the figure 0.01."""

ABSTAINS = """By the nine studies alone, LMC and position together name the right side in {side} of {off}, and advise it
in {right}. The others ({named}) have a P(hotter) of {low:.4f} to {high:.4f}.

LMC alone does not carry over from the nine studies: of {of} resolved cells with LMC below −0.10 there, hotter is
better in {hotter}; of {of_here} here, in {hotter_here}."""

OPEN = Diagnosis(regime=Regime.UNRESOLVED, advice=Advice.NONE, confidence=None, because=())
"""Before any direction, where no replicas are known."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the figure: means over nine networks."""

    epochs: float
    density: float
    above: float
    """Of test error above the best of its density, fraction."""
    lmc: float
    cka: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a way advises for a cell that is off its optimum."""

    cell: Cell
    advice: Advice
    right: bool
    hotter: float | None
    """Stated probability; None of a habit."""
    ways: frozenset[Advice]


def read_figure() -> list[Cell]:
    """Return all cells of the figure."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            Cell(
                epochs=float(line["epochs"]),
                density=float(line["density"]),
                above=float(line["above_best"]),
                lmc=float(line["lmc"]),
                cka=float(line["cka"]),
            )
            for line in csv.DictReader(file)
        ]


def fit_without_figure(cases: Sequence[Case]) -> Calibration:
    """Return the calibration of the nine studies alone: without the earlier counts, which hold cells of the figure."""
    none = {"hotter": 0, "of": 0}
    bins = [{"low": low, "high": high, **none} for low, high in pairwise(EDGES)]
    empty: dict[str, Any] = {"lmc": bins, "position": {"right": 0, "of": 0}, "family": {"right": 0, "of": 0}}
    return load_calibration(json.dumps(fit_pack(cases, name="nine studies", source="", earlier=empty)))


def answer_cells(ask: Callable[[Cell], tuple[Advice, float | None]]) -> list[Answer]:
    """Return what a way says of every cell that is off its optimum."""
    cells, found = read_figure(), []
    for density in sorted({cell.density for cell in cells}):
        column = {cell.epochs: cell for cell in cells if cell.density == density}
        off = targets({value: cell.above for value, cell in column.items()}, knob="epochs", tolerance=GAIN)
        for value, ways in sorted(off.items()):
            advice, hotter = ask(column[value])
            found.append(Answer(cell=column[value], advice=advice, right=advice in ways, hotter=hotter, ways=ways))
    return found


def ask_verdict(cell: Cell, calibration: Calibration, *, replicas: bool, schedule: bool) -> tuple[Advice, float | None]:
    """Return the advice and P(hotter) of `diagnose` with one checkpoint, by what the figure has of a cell.

    replicas: with its LMC and CKA. schedule: with the recorded drop of the learning rate.
    """
    known = {"lmc/lmc": cell.lmc, "cka/softmax": cell.cka} if replicas else {}
    readings = {name: Reading(np.array([value]), "fraction", axes=("pair",)) for name, value in known.items()}
    given = Evidence(
        density=cell.density,
        readings=readings,
        knobs={"epochs": cell.epochs},
        first_drop=DROP if schedule else None,
    )
    before = ThreeRegime().classify(given) if replicas else OPEN
    said = state_direction(before, given, calibration=calibration, certainty=CERTAINTY)
    return said.advice, said.hotter


def list_ways(cases: Sequence[Case]) -> dict[str, list[Answer]]:
    """Return every way and habit on the figure."""
    packs = {STUDIES_ALONE: fit_without_figure(cases), PACK: load_calibration()}
    found = {}
    for pack, calibration in packs.items():
        for signals, replicas, schedule in (
            ("LMC and position", True, True),
            ("position", False, True),
            ("LMC", True, False),
        ):
            ask = partial(ask_verdict, calibration=calibration, replicas=replicas, schedule=schedule)
            found[f"{signals}, by {pack}"] = answer_cells(ask)
    habits: Mapping[str, Callable[[Cell], Advice]] = {
        "past the first drop hotter, before it colder": _past_the_drop,
        f"LMC below {CONNECTED:g} hotter, else colder": lambda cell: _raised(cell.lmc < CONNECTED),
        "always colder": lambda _: Advice.LOWER,
    }
    return found | {name: answer_cells(partial(_ask_habit, habit=habit)) for name, habit in habits.items()}


def _ask_habit(cell: Cell, habit: Callable[[Cell], Advice]) -> tuple[Advice, None]:
    return habit(cell), None


def _raised(hotter: bool) -> Advice:  # noqa: FBT001 - the question itself
    return Advice.RAISE if hotter else Advice.LOWER


def _past_the_drop(cell: Cell) -> Advice:
    return Advice.NONE if cell.epochs == DROP else _raised(cell.epochs > DROP)


def write_published(ways: Mapping[str, Sequence[Answer]], cases: Sequence[Case]) -> str:
    """Return the counts as Markdown; cases: of the nine studies."""
    answers = ways[SHIPPED]
    words = WORDS.format(
        off=len(answers),
        cells=len(read_figure()),
        gain=100 * GAIN,
        drop=DROP,
        certainty=CERTAINTY,
        certain=CERTAIN,
        error=100 * GAIN / NormalDist().inv_cdf(CERTAIN) / 2**0.5,
        least=100 * min(one.cell.above for one in answers),
    )
    columns = ("way or habit", "right", "wrong", "abstains", "right at P ≥ .9", "answered so", "ECE")
    table = as_table(columns, [(name, *_counts(each)) for name, each in ways.items()])
    return "\n\n".join([words, table, *_abstentions(ways[WITHOUT], cases)])


def _abstentions(answers: Sequence[Answer], cases: Sequence[Case]) -> list[str]:
    none = [one for one in answers if one.advice is Advice.NONE and one.hotter is not None]
    if not none:
        return []
    side = sum(one.hotter is not None and _raised(one.hotter > 1 / 2) in one.ways for one in answers)
    named = [
        f"{', '.join(f'{one.cell.epochs:g}' for one in each)} epochs at density {density:g}"
        for density, each in groupby(none, key=lambda one: one.cell.density)
    ]
    shares = [one.hotter for one in none if one.hotter is not None]
    there = count_lmc([case for case in cases if case.resolved])[0]
    here = [one for one in answers if one.cell.lmc <= there["high"]]
    return [
        ABSTAINS.format(
            side=side,
            off=len(answers),
            right=sum(one.right for one in answers),
            named="; ".join(named),
            low=min(shares),
            high=max(shares),
            of=there["of"],
            hotter=there["hotter"],
            of_here=len(here),
            hotter_here=sum(Advice.RAISE in one.ways for one in here),
        )
    ]


def _counts(answers: Sequence[Answer]) -> list[str]:
    right, none = sum(one.right for one in answers), sum(one.advice is Advice.NONE for one in answers)
    stated = [(one.hotter, Advice.RAISE in one.ways) for one in answers if one.hotter is not None]
    counts = [f"{right}/{len(answers)} ({right / len(answers):.1%})", str(len(answers) - right - none), str(none)]
    if len(stated) < len(answers):
        return [*counts, "", "", ""]
    sure = [(hotter > 1 / 2) == outcome for hotter, outcome in stated if max(hotter, 1 - hotter) >= SURE]
    error = measure_reliability([one for one, _ in stated], [one for _, one in stated]).calibration_error
    return [*counts, f"{sum(sure)}/{len(sure)}", f"{len(sure) / len(answers):.0%}", f"{error:.3f}"]
