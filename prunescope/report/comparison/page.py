"""A comparison as one HTML file that opens offline: style and pictures are inside, scripts there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text, density_text
from prunescope.report.common import svg
from prunescope.report.common.page import (
    NO_BREAK,
    as_markup,
    keep_percents,
    make_environment,
    read_text,
    write_policy,
)
from prunescope.report.comparison import figures, tables
from prunescope.studies.comparison.measured import best, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from prunescope.studies.comparison.measured import MeasuredComparison, Quantity

COMPARISON_TITLES: dict[Quantity, str] = {
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


def comparison_page(
    measured: MeasuredComparison, *, facts: Mapping[str, str], versions: Mapping[str, str], citations: list[str]
) -> str:
    """Return a comparison as one HTML document."""
    text = _environment().get_template("comparison/comparison.html.j2").render(
        style=read_text("common/style.css") + read_text("phase/phase.css"),
        policy=write_policy(),
        measured=measured,
        headline=comparison_headline(measured),
        answers=comparison_answers(measured),
        curves=_curves(measured),
        seeds=_seeds(measured),
        columns=tables.COMPARISON_COLUMNS,
        rows=tables.comparison_rows(measured),
        facts=facts,
        versions=versions,
        citations=citations,
    )  # fmt: skip
    return keep_percents(text).replace(" ± ", f"{NO_BREAK}±{NO_BREAK}")


def comparison_headline(measured: MeasuredComparison) -> str:
    """Say what is best at the lowest density, and what is level with it."""
    density = measured.densities[-1]
    found = best(measured, density)
    if found is None:
        return "No reading is finished"
    return f"At {density_text(density)} density {_winner(measured, density, *found)}"


def comparison_answers(measured: MeasuredComparison) -> list[str]:
    """Say the same of every density."""
    found = [(density, best(measured, density)) for density in measured.densities]
    return [f"{density_text(density)}: {_winner(measured, density, *one)}" for density, one in found if one]


def _winner(measured: MeasuredComparison, density: float, first: str, beside: tuple[str, ...]) -> str:
    """Say who leads; with fewer than three seeds, that no difference was tested."""
    found = summarize(measured.pruned[first][density], "top1")
    top1 = tables.accuracy(found)
    if found is None or found.n < TESTED:
        seeds = count_text(found.n if found else 0, "seed")
        return f"{first} has the best mean top-1 accuracy, {top1} %, over {seeds}: too few to test any difference"
    others = f"; level with it: {', '.join(beside)}" if beside else ", ahead of all others"
    return f"{first} has the best mean top-1 accuracy, {top1} %{others}"


def _curves(measured: MeasuredComparison) -> list[dict[str, Any]]:
    found = []
    for x, y in PICTURES:
        with svg.drawing():
            made = figures.against(measured, x, y, paint=svg.PAINT)
            picture = svg.inline(
                made,
                name=f"{x}-{y}",
                label=figures.comparison_caption(measured, COMPARISON_TITLES[x], COMPARISON_TITLES[y]),
            )
        title = COMPARISON_TITLES[y][0].upper() + COMPARISON_TITLES[y][1:]
        found.append({"title": f"{title}, against {COMPARISON_TITLES[x]}", "svg": as_markup(picture)})
    return found


def _seeds(measured: MeasuredComparison) -> list[dict[str, Any]]:
    found = []
    for density in measured.densities:
        with svg.drawing():
            made = figures.seeds(measured, density, paint=svg.PAINT)
            text = f"Top-1 accuracy of every seed at density {density_text(density)}, a row for every pruner"
            picture = svg.inline(made, name=f"seeds-{density:g}".replace(".", "-"), label=text)
        found.append({"title": f"{density_text(density)}: top-1 accuracy, %", "svg": as_markup(picture)})
    return found


def _environment() -> Environment:
    made = make_environment()
    made.filters.update(density=density_text)
    return made
