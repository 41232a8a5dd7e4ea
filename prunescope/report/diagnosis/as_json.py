"""A report as JSON values: what `diagnose --json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prunescope.runs.files import runfile

if TYPE_CHECKING:
    from prunescope.report.common.view import Report

DIAGNOSIS_SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""


def diagnosis_as_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values; numbers that are not finite are null."""
    pruned = {verdict.density for verdict in report.verdicts}
    return {
        "schema_version": DIAGNOSIS_SCHEMA,
        "id": report.id,
        "created": report.created,
        "versions": dict(report.versions),
        "device": report.device,
        "seeds": {step: list(seeds) for step, seeds in report.seeds.items()},
        "input": dict(report.subject),
        "level": asdict(report.level),
        "verdicts": [runfile.verdict_as_json(verdict) for verdict in report.judged if verdict.density in pruned],
        "dense_votes": [runfile.verdict_as_json(verdict) for verdict in report.judged if verdict.density not in pruned],
        "knobs": {
            knob.name: {"value": knob.value, "hotter": knob.hotter, "colder": knob.colder} for knob in report.knobs
        },
        "readings": [
            {
                "density": taken.density,
                "probe": taken.probe,
                "name": name,
                "run": taken.run,
                "replicas": list(taken.replicas),
                **runfile.reading_as_json(reading),
            }
            for taken in report.taken
            for name, reading in taken.readings.items()
        ],
        "warnings": list(report.warnings),
        "cost": {"seconds": report.seconds, "steps": [asdict(step) for step in report.cost]},
        "next": [
            {"why": command.why, "commands": [" ".join(line) for line in command.lines]} for command in report.commands
        ],
        "runs": [asdict(made) for made in report.made],
        "recipes": dict(report.recipes),
        "cite": [{**asdict(one.publication), "for": list(one.methods)} for one in report.cited],
    }
