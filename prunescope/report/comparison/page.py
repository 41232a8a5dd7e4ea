"""A comparison as one HTML file that opens offline: style and pictures are inside, scripts there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.report.common import formatting, svg
from prunescope.report.common.page import NO_BREAK, as_markup, keep_percents, make_environment, read_text
from prunescope.report.comparison import figures, tables
from prunescope.studies.comparison.measured import best, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from prunescope.studies.comparison.measured import Measured, Quantity

TITLES: dict[Quantity, str] = {
    "top1": "Top-1 accuracy, %",
    "top5": "Top-5 accuracy, %",
    "compression": "compression ratio",
    "speedup": "theoretical speed-up",
}

PICTURES: tuple[tuple[Quantity, Quantity], ...] = (
    ("compression", "top1"),
    ("speedup", "top1"),
    ("compression", "top5"),
    ("speedup", "top5"),
    ("compression", "speedup"),
)
"""What is drawn along, and what up."""

TESTED = 3
"""Seeds below which no difference between pruners is reported as tested."""


def html(measured: Measured, *, facts: Mapping[str, str], versions: Mapping[str, str], citations: list[str]) -> str:
    """Return a comparison as one HTML document."""
    text = _environment().get_template("comparison/comparison.html.j2").render(
        style=read_text("common/style.css") + read_text("phase/phase.css"),
        measured=measured,
        headline=headline(measured),
        answers=answers(measured),
        curves=_curves(measured),
        seeds=_seeds(measured),
        columns=tables.COLUMNS,
        rows=tables.rows(measured),
        facts=facts,
        versions=versions,
        citations=citations,
    )  # fmt: skip
    return keep_percents(text).replace(" ± ", f"{NO_BREAK}±{NO_BREAK}")


def headline(measured: Measured) -> str:
    """Say what is best at the lowest density, and what is level with it."""
    density = measured.densities[-1]
    found = best(measured, density)
    if found is None:
        return "No reading is finished"
    return f"At {formatting.density(density)} density {_winner(measured, density, *found)}"


def answers(measured: Measured) -> list[str]:
    """Say the same of every density."""
    found = [(density, best(measured, density)) for density in measured.densities]
    return [f"{formatting.density(density)}: {_winner(measured, density, *one)}" for density, one in found if one]


def _winner(measured: Measured, density: float, first: str, beside: tuple[str, ...]) -> str:
    """Say who leads; with fewer than three seeds, that no difference was tested."""
    found = summary(measured.pruned[first][density], "top1")
    top1 = tables.accuracy(found)
    if found is None or found.n < TESTED:
        seeds = formatting.count(found.n if found else 0, "seed")
        return f"{first} has the best mean top-1 accuracy, {top1} %, over {seeds}: too few to test any difference"
    others = f"; level with it: {', '.join(beside)}" if beside else ", ahead of all others"
    return f"{first} has the best mean top-1 accuracy, {top1} %{others}"


def _curves(measured: Measured) -> list[dict[str, Any]]:
    found = []
    for x, y in PICTURES:
        with svg.drawing():
            made = figures.against(measured, x, y, paint=svg.PAINT)
            picture = svg.inline(made, name=f"{x}-{y}", label=figures.told(measured, TITLES[x], TITLES[y]))
        title = TITLES[y][0].upper() + TITLES[y][1:]
        found.append({"title": f"{title}, against {TITLES[x]}", "svg": as_markup(picture)})
    return found


def _seeds(measured: Measured) -> list[dict[str, Any]]:
    found = []
    for density in measured.densities:
        with svg.drawing():
            made = figures.seeds(measured, density, paint=svg.PAINT)
            told = f"Top-1 accuracy of every seed at density {formatting.density(density)}, a row for every pruner"
            picture = svg.inline(made, name=f"seeds-{density:g}".replace(".", "-"), label=told)
        found.append({"title": f"{formatting.density(density)}: top-1 accuracy, %", "svg": as_markup(picture)})
    return found


def _environment() -> Environment:
    made = make_environment()
    made.filters.update(density=formatting.density)
    return made
