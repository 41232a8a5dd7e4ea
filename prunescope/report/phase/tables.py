"""A phase diagram for programs: JSON with everything, CSV with a line per cell."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any, get_args

from prunescope.report.phase import sentences
from prunescope.runs.exports import quote_formula
from prunescope.studies.phase.diagram import Quantity

if TYPE_CHECKING:
    from prunescope.studies.phase.bending import Drift
    from prunescope.studies.phase.diagram import DiagramCell
    from prunescope.studies.phase.findings import Findings
    from prunescope.studies.phase.provenance import StudyProvenance
    from prunescope.studies.phase.transition import FoundTransition

PHASE_SCHEMA = 2
"""Raised when a key changes its meaning or goes; new keys do not raise it."""

PHASE_QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

JUDGED = ("regime", "advice", "confidence", "regime_probability")
"""Columns of a verdict; the confidence is that of the advised direction, where one is judged."""


def phase_as_csv(findings: Findings) -> str:
    """Return a line per cell; `prunescope report` reads it again. Empty where a cell is missing."""
    diagram, buffer = findings.diagram, io.StringIO()
    if diagram.drops:
        buffer.write(f"# drops: {', '.join(f'{drop:g}' for drop in diagram.drops)}\n")
    source = " ".join((diagram.source or f"study {diagram.name}").split())
    buffer.write(f"# source: {source}\n")
    writer = csv.writer(buffer, lineterminator="\n")
    measured = [f"{name}{suffix}" for name in PHASE_QUANTITIES for suffix in ("", "_low", "_high", "_n")]
    writer.writerow([diagram.knob, "density", *measured, *JUDGED, *map(quote_formula, diagram.others)])
    for value in diagram.values:
        for density in diagram.densities:
            cell = diagram.cells[value, density]
            means = cell.other_means()
            others = [f"{means[name]:.6g}" if name in means else "" for name in diagram.others]
            writer.writerow([f"{value:g}", f"{density:g}", *_phase_row(findings, cell), *others])
    return buffer.getvalue()


def phase_as_json(findings: Findings, made: StudyProvenance) -> dict[str, Any]:
    """Return everything as JSON values; what is not finite is null."""
    diagram = findings.diagram
    values: dict[str, Any] = {
        "schema_version": PHASE_SCHEMA,
        "name": diagram.name,
        "source": diagram.source,
        "knob": diagram.knob,
        "values": list(diagram.values),
        "densities": list(diagram.densities),
        "dense_seeds": list(diagram.seeds),
        "drops": list(diagram.drops),
        "epsilon": asdict(findings.epsilon),
        "headline": sentences.phase_headline(findings),
        "answers": [asdict(answer) for answer in sentences.answers(findings)],
        "cells": [_cell(findings, cell) for cell in diagram.cells.values()],
        "unlearned": [
            {"value": value, "density": density, "train_error": error}
            for (value, density), error in findings.unlearned.items()
        ],
        "boundary": [asdict(crossing) for crossing in findings.crossings],
        "bend": findings.bend.verdict,
        "bend_at_ends": list(findings.bend.at_ends),
        "bend_slope": _drift(findings.bend.slope),
        "bend_moves": [_drift(move) for move in findings.bend.moves],
        "bend_of_each_seed": list(findings.seed_bends),
        "transition": _transition(findings, findings.transition),
        "to_the_end": _transition(findings, findings.to_the_end),
        "direction": [asdict(one) for one in findings.direction],
        "plain_directions": {key: [asdict(one) for one in found] for key, found in findings.plain_directions.items()},
        "selection": [{**asdict(way), "regret": way.regret, "worst": way.worst} for way in findings.ways],
        "steps": [asdict(step) for step in made.steps],
        "seconds": made.seconds,
        "failed": dict(made.failed),
        "versions": dict(made.versions),
        "device": made.device,
    }
    return {key: _finite(value) for key, value in values.items()}


def _phase_row(findings: Findings, cell: DiagramCell) -> list[str]:
    found = findings.verdicts.get((cell.value, cell.density))
    columns: list[str] = []
    for name in PHASE_QUANTITIES:
        summary = cell.summary(name)
        numbers = (summary.centre, summary.low, summary.high) if summary else ()
        columns += [f"{number:.6g}" for number in numbers] or ["", "", ""]
        columns.append(str(summary.seeds * summary.each) if summary else "")
    if found is None:
        return [*columns, *[""] * len(JUDGED)]
    sure, of_regime = ("" if one is None else f"{one:.3f}" for one in (found.confidence, found.regime_probability))
    return [*columns, str(found.regime or ""), str(found.advice), sure, of_regime]


def _drift(found: Drift | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": found.mean, "interval": found.interval, "by_seed": found.by_seed, "shown": found.shown}


def _cell(findings: Findings, cell: DiagramCell) -> dict[str, Any]:
    found = findings.verdicts.get((cell.value, cell.density))
    summaries = {name: cell.summary(name) for name in PHASE_QUANTITIES}
    return {
        "value": cell.value,
        "density": cell.density,
        **{name: asdict(summary) if summary else None for name, summary in summaries.items()},
        "samples": [
            {"seed": one.seed, "test_error": one.test_error, "lmc": one.lmc, "cka": one.cka, "others": dict(one.others)}
            for one in cell.samples
        ],
        "others": cell.other_means(),
        "verdict": asdict(found) if found else None,
    }


def _transition(findings: Findings, found: FoundTransition | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "hotter": found.hotter,
        "colder": found.colder,
        "picked": found.picked,
        "unit_of_analysis": sentences.unit_of_analysis(findings),
        "differences": [
            {
                **asdict(one),
                "mean": one.mean,
                "z": one.z,
                "replica_z": one.replica_z,
                "interval": one.interval,
                "better": one.better,
            }
            for one in found.differences
        ],
    }


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
