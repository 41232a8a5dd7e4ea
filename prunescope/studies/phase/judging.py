"""The regime of every cell: a rule's verdict on the readings, with the other values at the same density beside it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Evidence, Reading, Regime
from prunescope.api.errors import EvidenceError
from prunescope.regimes.learning import LEARNED, train_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Diagnosis, RegimeRule
    from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample

KNOWN_RULES = ("lmc/lmc", "cka/softmax", "lmc/train_error_path")


def judge_cells(diagram: PhaseDiagram, rule: RegimeRule) -> dict[tuple[float, float], Diagnosis]:
    """Return the rule's diagnosis of every cell that has what the rule needs.

    Raises EvidenceError for a rule that needs readings a phase diagram does not have.
    """
    beyond = sorted(set(rule.needs) - set(KNOWN_RULES))
    if beyond:
        raise EvidenceError(
            f"the rule requires the reading {beyond[0]}, a phase diagram has {', '.join(KNOWN_RULES)}",
            fix="choose another rule: --rule three-regime",
        )
    found = {}
    for density in diagram.densities:
        column = {value: _evidence(diagram.cells[value, density], diagram.knob) for value in diagram.values}
        for value, evidence in column.items():
            if set(rule.needs) <= set(evidence.readings):
                neighbours = [other for beside, other in column.items() if beside != value and other.readings]
                found[value, density] = rule.classify(_among(evidence, neighbours))
    return found


def unlearned(
    diagram: PhaseDiagram, verdicts: Mapping[tuple[float, float], Diagnosis], *, limit: float = LEARNED
) -> dict[tuple[float, float], float]:
    """Return the training error of the replicas of every cell that was left unresolved because they err too much."""
    errors = {
        cell: train_error(_evidence(diagram.cells[cell], diagram.knob).readings)
        for cell, verdict in verdicts.items()
        if verdict.regime is Regime.UNRESOLVED
    }
    return {cell: error for cell, error in errors.items() if error > limit}


def middle(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the sample of median LMC, or the two around the median of an even number."""
    known = sorted((sample for sample in samples if sample.lmc), key=lambda sample: fmean(sample.lmc))
    half = (len(known) - 1) // 2
    return known[half : len(known) - half]


def _evidence(cell: DiagramCell, knob: str) -> Evidence:
    """Return a cell as a rule gets it: medians over dense seeds, pair by pair.

    LMC is that of the dense seed whose mean is the median (the mean of the two around it, for an even number), so that
    the rule's bootstrap over replicas sees one family of them.
    """
    readings: dict[str, Reading] = {}
    chosen = middle(cell.samples)
    if chosen:
        lmc = np.mean([sample.lmc for sample in chosen], axis=0)
        errors = [sample.lmc_stderr for sample in chosen if sample.lmc_stderr]
        stderr = np.sqrt(np.sum(np.square(errors), axis=0)) / len(errors) if errors else None
        readings["lmc/lmc"] = Reading(lmc, "fraction", stderr=stderr, axes=("pair",))
        paths = [sample.paths for sample in chosen if sample.paths]
        if paths:
            readings["lmc/train_error_path"] = Reading(np.mean(paths, axis=0), "fraction", axes=("pair", "t"))
    cka = cell.summary("cka")
    if cka is not None:
        readings["cka/softmax"] = Reading(np.array([cka.centre]), "1", axes=("pair",))
    return Evidence(density=cell.density, readings=readings, knobs={knob: cell.value})


def _among(evidence: Evidence, neighbours: Sequence[Evidence]) -> Evidence:
    readings: Mapping[str, Reading] = evidence.readings
    return Evidence(density=evidence.density, readings=readings, knobs=evidence.knobs, neighbours=neighbours)
