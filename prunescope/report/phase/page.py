"""A phase diagram as one HTML file that opens offline: style, pictures and a script that it can do without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prunescope.api.knobs import knob_words
from prunescope.api.wording import MINUS, cka_text, density_text, lmc_text, points_text, probability_text
from prunescope.report.common import formatting, plots, svg, words
from prunescope.report.common.page import (
    SLUGS,
    as_markup,
    keep_percents,
    make_environment,
    read_text,
    write_policy,
)
from prunescope.report.phase import cells, curves, labels, maps, picks, pictures, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from prunescope.report.common.figures import Picture
    from prunescope.studies.phase.diagram import DiagramCell, Quantity
    from prunescope.studies.phase.findings import Findings
    from prunescope.studies.phase.provenance import StudyProvenance

JOINED = "\N{WORD JOINER}"
"""Keeps both ends of a range on one line."""

ENLARGED = 1.3
"""How much larger a map may be shown than it is drawn."""

NARROWEST = 38
"""Pixels a column of a map needs on a phone; a wider map is scrolled."""

STYLES = ("common/style.css", "common/explore.css", "phase/phase.css")

MARKS = {"yes": "✓", "no": "✗", "open": "?"}

MARK_WORDS = {"yes": "yes", "no": "no", "open": "not decided"}

SHOWN_PROBES: dict[Quantity, str] = {"test_error": "errors", "lmc": "lmc", "cka": "cka"}


def phase_page(findings: Findings, made: StudyProvenance, *, drawn: Mapping[str, Picture] | None = None) -> str:
    """Return a phase diagram as one HTML document; `drawn`: its pictures, where they are drawn already."""
    drawn = pictures.draw(findings) if drawn is None else drawn
    script = read_text("common/explore.js")
    text = _environment().get_template("phase/phase.html.j2").render(
        style="".join(map(read_text, STYLES)),
        script=script,
        policy=write_policy(script),
        findings=findings,
        diagram=findings.diagram,
        made=made,
        headline=sentences.phase_headline(findings),
        answers=sentences.answers(findings),
        unit=sentences.unit_of_analysis(findings),
        maps=picks.shown_maps(findings, drawn),
        heat=picks.heat_tables(findings.diagram),
        others_about=picks.OTHERS_ABOUT,
        frame=picks.frame_style(findings.diagram),
        map_width=f"{ENLARGED * maps.map_size(findings.diagram)[0]:g}",
        first=cells.first_cell(findings),
        frames=cells.shared_frames(findings),
        cells=cells.shown_cells(findings),
        least_width=NARROWEST * len(findings.diagram.densities) + 60,
        absent=_absent(findings),
        errors=_errors(findings, drawn),
        panels=_panels(findings),
        present={verdict.regime for verdict in findings.verdicts.values()},
    )  # fmt: skip
    return re.sub(r"(\d)–(\d)", rf"\1–{JOINED}\2", keep_percents(text))


def _environment() -> Environment:
    made = make_environment()
    made.filters.update(
        number=formatting.number,
        duration=formatting.duration_text,
        probability=probability_text,
        density=density_text,
        points=points_text,
        signed=lmc_text,
        z=_z,
    )
    made.globals.update(
        slug=SLUGS.__getitem__,
        regime=words.REGIMES.__getitem__,
        meaning=words.MEANINGS.__getitem__,
        arrow=words.ARROWS.__getitem__,
        advice=words.ADVICE.__getitem__,
        sure_of=words.SURE_OF.__getitem__,
        anchor=picks.cell_anchor,
        title=picks.cell_title,
        marks=MARKS,
        mark_words=MARK_WORDS,
        ways=labels.WAYS,
        directions=labels.DIRECTIONS,
        knob=knob_words,
        summary=_summary,
        count=_count,
        REGIMES=[regime for regime in words.REGIME_SHAPES if regime is not None],
    )
    return made


def _absent(findings: Findings) -> list[str]:
    """Return the probes whose readings no cell has."""
    return [probe for quantity, probe in SHOWN_PROBES.items() if not _known(findings, quantity)]


def _known(findings: Findings, quantity: Quantity) -> bool:
    return any(cell.summary(quantity) for cell in findings.diagram.cells.values())


def _errors(findings: Findings, drawn: Mapping[str, Picture]) -> list[dict[str, Any]]:
    if pictures.ERRORS not in drawn:
        return []
    with svg.drawing():
        above = svg.text(curves.phase_errors(findings, paint=svg.PAINT, above_best=True))
    titled = {"Test error, %": drawn[pictures.ERRORS].svg, "Points above the best of each density": above}
    return [
        {
            "title": title,
            "svg": as_markup(svg.inlined(text, name=f"errors-{number}", label=curves.curve_caption(findings))),
        }
        for number, (title, text) in enumerate(titled.items())
    ]


def _panels(findings: Findings) -> list[dict[str, Any]]:
    chosen = curves.lines_between(findings)
    if not chosen:
        return []
    top = plots.common_top([paths for _, paths in chosen])
    return [
        {
            "title": title,
            "paths": paths,
            "svg": as_markup(curves.panel(paths, top=top, name=f"lines-{number}")),
        }
        for number, (title, paths) in enumerate(chosen)
    ]


def _summary(cell: DiagramCell, quantity: Quantity) -> str:
    """Write a cell's quantity: median, and the range of all replicas."""
    found = cell.summary(quantity)
    if found is None:
        return "n/a"
    if quantity == "test_error":
        low, centre, high = (f"{100 * value:.2f}" for value in (found.low, found.centre, found.high))
    else:
        text = lmc_text if quantity == "lmc" else cka_text
        low, centre, high = (text(value) for value in (found.low, found.centre, found.high))
    return centre if found.seeds * found.each == 1 else f"{centre} [{low}, {high}]"


def _count(cell: DiagramCell) -> str:
    """Write n: dense seeds x replicas."""
    known = [
        summary
        for summary in (cell.summary("test_error"), cell.summary("lmc"), cell.summary("cka"))
        if summary is not None
    ]
    return f"{known[0].seeds} × {known[0].each}" if known else "0"


def _z(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.1f}".replace("-", MINUS)
