"""A report as one HTML file that opens offline: style, pictures and a script that it can do without are inside."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.wording import count_text, lmc_text, points_text, probability_text
from prunescope.report.common import formatting, words
from prunescope.report.common.page import (
    SLUGS,
    as_markup,
    keep_percents,
    make_environment,
    read_text,
    write_policy,
)
from prunescope.report.diagnosis import densities, evidence
from prunescope.report.diagnosis.reasons import group_reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from prunescope.report.common.view import Command, Report, Row, Vector

WIDE, NARROW = 1016.0, 350.0
"""Widths of the density axis in CSS pixels: on a laptop, on a phone."""

OPEN_LAYERS = 24
"""A table of more layers than this starts folded."""

TITLES = {
    "size/layer_density": "Density of each layer",
    "size/layer_flops": "Operations of each layer",
    "hessian/layer_trace": "Trace of the Hessian by layer",
    "recalibration/variance_ratio": "Signal in each layer, pruned / dense",
    "cka-map/map": "Similarity of all layers",
}
"""Vectors and maps with a title; others go by their key."""

ALONG_DENSITY = ("cka/softmax", "disagreement/test_disagreement", "errors/test_error")


def diagnosis_page(report: Report) -> str:
    """Return a report as one HTML document."""
    script = read_text("common/explore.js")
    text = (
        _environment()
        .get_template("diagnosis/template.html.j2")
        .render(
            **_of_the_card(report),
            card=False,
            style=read_text("common/style.css") + read_text("common/explore.css"),
            script=script,
            policy=write_policy(script),
            densities=densities.shown_densities(report),
            frame=densities.density_frame(report),
            panels=_panels(report),
            along=_along(report),
            maps=_maps(report),
            missing=_missing(report.evidence),
            own=[row for row in report.others if row.key.partition("/")[0] not in evidence.CORE],
            more=[row for row in report.others if row.key.partition("/")[0] in evidence.CORE],
            reasons=group_reasons((*report.verdicts, *report.dense_votes)),
            recipes=[(what, json.dumps(json.loads(recipe), indent=2)) for what, recipe in report.recipes],
        )
    )
    return keep_percents(text)


def card(report: Report) -> str:
    """Return what heads the report, as a fragment for a notebook: its style stays within it."""
    style = read_text("common/style.css").replace(":root", ":scope").replace("\nbody {", "\n:scope {")
    text = _environment().get_template("diagnosis/card.html.j2").render(**_of_the_card(report), card=True, style=style)
    return keep_percents(text)


def _of_the_card(report: Report) -> dict[str, Any]:
    """Return the variables of the part that the page and the card share."""
    return {
        "report": report,
        "headline": words.headline(report.verdicts, report.dense_votes),
        "axes": _axes(report),
        "hotter": words.either(sides) if (sides := [knob.hotter for knob in report.knobs if knob.hotter]) else "",
        "colder": words.either(sides) if (sides := [knob.colder for knob in report.knobs if knob.colder]) else "",
        "advised": {verdict.advice for verdict in report.advising},
    }


def _environment() -> Environment:
    made = make_environment()
    made.filters.update(
        number=formatting.number,
        duration=formatting.duration_text,
        probability=probability_text,
        signed_points=partial(points_text, signed=True),
        joined=" ".join,
        either=words.either,
        label=_row_label,
    )
    made.globals.update(
        Advice=Advice,
        slug=SLUGS.__getitem__,
        regime=words.REGIMES.__getitem__,
        meaning=words.MEANINGS.__getitem__,
        sure_of=words.SURE_OF.__getitem__,
        arrow=words.ARROWS.__getitem__,
        advice=words.ADVICE.__getitem__,
        vote_words=words.VOTES.__getitem__,
        cell=formatting.cell,
        with_unit=formatting.with_unit,
        row_unit=formatting.row_unit,
        details=_details,
        bars=_bars,
        command=_command,
        anchor=densities.density_anchor,
        titles=TITLES,
        OPEN_LAYERS=OPEN_LAYERS,
    )
    return made


def _axes(report: Report) -> dict[str, Any]:
    from prunescope.report.common import plots

    if not report.verdicts:
        return {}
    return {
        "wide": as_markup(plots.density_axis(report.verdicts, width=WIDE, name="axis-wide")),
        "narrow": as_markup(plots.density_axis(report.verdicts, width=NARROW, name="axis-narrow")),
    }


def _panels(report: Report) -> list[dict[str, Any]]:
    from prunescope.report.common import plots

    if not report.paths:
        return []
    top = plots.common_top(report.paths)
    return [
        {
            "paths": paths,
            "lmc": lmc_text(paths.lmc),
            "svg": as_markup(plots.lines_between_replicas(paths, top=top, name=f"lines-{number}")),
        }
        for number, paths in enumerate(report.paths)
    ]


def _along(report: Report) -> list[dict[str, Any]]:
    from prunescope.report.common import plots

    pruned = {verdict.density for verdict in report.verdicts}
    chosen = [number for number, column in enumerate(report.columns) if column.density in pruned]
    densities = [report.columns[number].density for number in chosen]
    rows = [
        replace(row, cells=tuple(row.cells[number] for number in chosen))
        for row in report.evidence
        if row.key in ALONG_DENSITY and any(row.cells[number].values for number in chosen)
    ]
    return [
        {"row": row, "svg": as_markup(plots.along_density(row, densities, name=f"along-{number}"))}
        for number, row in enumerate(rows)
    ]


def _maps(report: Report) -> list[dict[str, Any]]:
    from prunescope.report.common.heat_map import heat_map

    return [
        {"map": found, "svg": as_markup(heat_map(found, name=f"map-{number}"))}
        for number, found in enumerate(report.maps)
    ]


def _row_label(row: Row) -> str:
    unit = formatting.row_unit(row.unit)
    return f"{row.label} ({unit})" if unit else row.label


def _details(row: Row) -> str:
    """Say how a row was measured: values, images, the largest standard error, the estimator."""
    found = [cell for cell in row.cells if cell.values]
    count = max((len(cell.values) for cell in found), default=0)
    over = next((cell.over for cell in found if cell.over), "")
    images = sorted({cell.n for cell in found if cell.n is not None})
    errors = [cell.stderr for cell in found if cell.stderr is not None]
    parts = (
        count_text(count, over) if over else "",
        f"n = {'–'.join(f'{count:,}' for count in images)}" if images else "",
        f"s.e. ≤ {_error(max(errors), row)}" if errors else "",
        row.estimator,
    )
    return " · ".join(part for part in parts if part)


def _error(value: float, row: Row) -> str:
    return f"{100 * value:.2g} %" if row.style in ("percent", "points") else formatting.number(float(f"{value:.2g}"))


def _bars(vector: Vector) -> list[dict[str, Any]]:
    """Return the rows of a vector's table: for every label, the text and the length of the bar in each column."""
    tops = [max((abs(value) for value in values), default=0.0) or 1.0 for values in vector.values]
    return [
        {
            "label": label,
            "cells": [
                {
                    "text": _bar_text(values[index], vector),
                    "share": 100 * abs(values[index]) / top,
                }
                for values, top in zip(vector.values, tops, strict=True)
            ],
        }
        for index, label in enumerate(vector.labels)
    ]


def _bar_text(value: float, vector: Vector) -> str:
    """Write one value of a vector: CKA and LMC with their decimals, others with three digits and the unit."""
    style = formatting.style_of(vector.key, vector.unit)
    if style in ("signed", "similarity"):
        return formatting.value_text(value, style)
    return formatting.with_unit(float(f"{value:.3g}"), vector.unit)


def _command(command: Command) -> str:
    from prunescope.report.diagnosis.terminal import wrapped

    return "\n".join(wrapped(line, 84) for line in command.lines)


def _missing(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        for reason in dict.fromkeys(cell.missing for cell in row.cells if cell.missing):
            found.setdefault(reason, []).append(row.label)
    return found
