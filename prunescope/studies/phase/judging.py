"""The verdict on every cell of a phase diagram: that of `cases.judging`, which `advise` returns too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Reading, Regime
from prunescope.api.errors import EvidenceError
from prunescope.regimes.learning import LEARNED, train_error
from prunescope.studies.cases.judging import judge_in_column, merge_column, merge_seeds
from prunescope.studies.cases.measured import CKA, LMC, TEST_ERROR, TRAIN_ERROR, MeasuredModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import RegimeRule
    from prunescope.studies.cases.judging import CellVerdict
    from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample

PATH, CHANCE = "lmc/train_error_path", "errors/train_chance"

KNOWN_RULES = (LMC, CKA, PATH)

Cell = tuple[float, float]
"""Value of the knob, density."""


def judge_cells(diagram: PhaseDiagram, rule: RegimeRule) -> dict[Cell, CellVerdict]:
    """Return the verdict on every cell that has what the rule needs.

    Raises EvidenceError for a rule that needs readings a phase diagram does not have.
    """
    beyond = sorted(set(rule.needs) - set(KNOWN_RULES))
    if beyond:
        raise EvidenceError(
            f"the rule requires the reading {beyond[0]}, a phase diagram has {', '.join(KNOWN_RULES)}",
            fix="choose another rule: --rule three-regime",
        )
    drop = diagram.drops[0] if diagram.drops else None
    found = {}
    for density in diagram.densities:
        models = [model for value in diagram.values for model in _models(diagram.cells[value, density])]
        known = [model for model in models if set(rule.needs) <= set(model.readings)]
        if not known:
            continue
        column = merge_column(known, diagram.knob)
        for value in dict.fromkeys(model.value for model in known):
            found[value, density] = judge_in_column(column, value=value, rule=rule, first_drop=drop)
    return found


def unlearned(
    diagram: PhaseDiagram, verdicts: Mapping[Cell, CellVerdict], *, limit: float = LEARNED
) -> dict[Cell, float]:
    """Return the training error of the replicas of every cell that was left unresolved because they err too much."""
    errors = {
        cell: train_error(merge_seeds(_models(diagram.cells[cell])).readings)
        for cell, verdict in verdicts.items()
        if verdict.of_rule.regime is Regime.UNRESOLVED
    }
    return {cell: error for cell, error in errors.items() if error > limit}


def _models(cell: DiagramCell) -> list[MeasuredModel]:
    """Return what was measured in a cell, one model for each dense seed."""
    return [
        MeasuredModel(
            name=f"{cell.value:g}",
            density=cell.density,
            value=cell.value,
            seed=sample.seed,
            readings=_readings(sample),
        )
        for sample in cell.samples
    ]


def _readings(sample: Sample) -> dict[str, Reading]:
    found = {
        LMC: Reading(np.array(sample.lmc), "fraction", stderr=_known(sample.lmc_stderr), axes=("pair",)),
        PATH: Reading(np.array(sample.paths), "fraction", axes=("pair", "t")),
        CKA: Reading(np.array(sample.cka), "1", axes=("pair",)),
        TEST_ERROR: Reading(np.array(sample.test_error), "fraction", axes=("replica",)),
        TRAIN_ERROR: Reading(np.array(sample.train_error), "fraction", axes=("replica",)),
        CHANCE: Reading(np.array(sample.train_chance), "fraction", axes=("replica",)),
    }
    return {name: reading for name, reading in found.items() if np.size(reading.value)}


def _known(values: tuple[float, ...]) -> np.ndarray | None:
    return np.array(values) if values else None
