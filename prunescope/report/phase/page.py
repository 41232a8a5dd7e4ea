"""A phase diagram as one HTML file that opens offline: style and pictures are inside, scripts there are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prunescope.api.knobs import knob_words
from prunescope.report.common import formatting, plots, svg, words
from prunescope.report.common.page import SLUGS, as_markup, keep_percents, make_environment, read_text
from prunescope.report.phase import curves, labels, maps, pictures, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from markupsafe import Markup

    from prunescope.report.common.figures import Picture
    from prunescope.studies.phase.diagram import DiagramCell, Quantity
    from prunescope.studies.phase.findings import Findings
    from prunescope.studies.phase.provenance import StudyProvenance

ABOUT = {
    "test-error": "Median over dense seeds of the mean over replicas. Framed: the best of each density.",
    "above-best": "Test error minus the lowest at the same density. The arrow is the rule’s advice: ↑ hotter, "
    "↓ colder, = keep, · none.",
    "lmc": "Mean over pairs of replicas. About 0: connected; well below 0: a barrier. Dotted: the boundary at the "
    "least and the greatest plausible ε.",
    "cka": "Mean over pairs of replicas. Its useful threshold moves with density: compare within a column.",
}

JOINED = "\N{WORD JOINER}"
"""Keeps both ends of a range on one line."""

ENLARGED = 1.3
"""How much larger the first map may be shown than it is drawn."""

NARROWEST = 38
"""Pixels a column of a map needs on a phone; a wider map is scrolled."""

MARKS = {"yes": "✓", "no": "✗", "open": "?"}

MARK_WORDS = {"yes": "yes", "no": "no", "open": "not decided"}

SHOWN_PROBES: dict[Quantity, str] = {"test_error": "errors", "lmc": "lmc", "cka": "cka"}


def phase_page(findings: Findings, made: StudyProvenance, *, drawn: Mapping[str, Picture] | None = None) -> str:
    """Return a phase diagram as one HTML document; `drawn`: its pictures, where they are drawn already."""
    drawn = pictures.draw(findings) if drawn is None else drawn
    text = _environment().get_template("phase/phase.html.j2").render(
        style=read_text("common/style.css") + read_text("phase/phase.css"),
        findings=findings,
        diagram=findings.diagram,
        made=made,
        headline=sentences.phase_headline(findings),
        answers=sentences.answers(findings),
        unit=sentences.unit_of_analysis(findings),
        regimes=_regimes(findings, drawn),
        maps=_maps(findings, drawn),
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
        probability=formatting.probability_text,
        density=formatting.density_text,
        points=labels.points,
        signed=formatting.signed,
        z=_z,
    )
    made.globals.update(
        slug=SLUGS.__getitem__,
        regime=words.REGIMES.__getitem__,
        meaning=words.MEANINGS.__getitem__,
        arrow=words.ARROWS.__getitem__,
        advice=words.ADVICE.__getitem__,
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


def _regimes(findings: Findings, drawn: Mapping[str, Picture]) -> Markup | None:
    if pictures.REGIMES not in drawn:
        return None
    picture = svg.inlined(drawn[pictures.REGIMES].svg, name="regimes", label=maps.told_regimes(findings))
    return as_markup(
        re.sub(r"max-width: ([\d.]+)px", lambda found: f"max-width: {ENLARGED * float(found[1]):g}px", picture)
    )


def _maps(findings: Findings, drawn: Mapping[str, Picture]) -> list[dict[str, Any]]:
    found = []
    for layer in maps.LAYERS:
        if layer.key in drawn:
            picture = svg.inlined(drawn[layer.key].svg, name=layer.key, label=maps.map_caption(findings, layer))
            found.append({"title": layer.title, "about": ABOUT[layer.key], "svg": as_markup(picture)})
    return found


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
        places = 3 if quantity == "lmc" else 4
        low, centre, high = (
            f"{value:.{places}f}".replace("-", formatting.MINUS) for value in (found.low, found.centre, found.high)
        )
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
    return "n/a" if value is None else f"{value:+.1f}".replace("-", formatting.MINUS)
