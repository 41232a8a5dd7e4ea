"""The verdict on one cell of a study: every command that judges a cell calls `judge_cell`.

A cell is one value of the knob at one density, measured on one dense seed or several. A rule judges it once, on what
the seeds say together: LMC of the dense seed whose mean is the median (of the two around it, for an even number), so
that a bootstrap over replicas sees one family of them; the median of CKA; and of errors the mean of each seed, since
replicas of one dense model are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice, Diagnosis, Reading, Regime
from prunescope.regimes.log_odds import load_calibration
from prunescope.regimes.probable_direction import state_direction
from prunescope.regimes.thresholds import CERTAINTY, PUBLISHED
from prunescope.studies.cases.measured import CKA, LMC, TEST_ERROR, TRAIN_ERROR, describe_evidence
from prunescope.studies.cases.moving import change, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Evidence, RegimeRule
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.moving import Change

PATH = "lmc/train_error_path"


@dataclass(frozen=True, kw_only=True)
class MeasuredColumn:
    """Every measured dense model at one density, and what a rule gets of each value of the knob."""

    models: tuple[MeasuredModel, ...]
    """One per value and dense seed."""
    knob: str
    evidence: Mapping[str, Evidence]
    """By value, which is written out: one that is not known (NaN) is one."""


def merge_column(models: Sequence[MeasuredModel], knob: str) -> MeasuredColumn:
    """Return the models of one density as a rule judges them: the seeds of each value as one."""
    cells: dict[str, list[MeasuredModel]] = {}
    for model in models:
        cells.setdefault(_written(model.value), []).append(model)
    seeds = frozenset.intersection(*(frozenset(model.seed for model in cell) for cell in cells.values()))
    evidence = {value: describe_evidence(merge_seeds(cell, seeds=seeds), knob) for value, cell in cells.items()}
    return MeasuredColumn(models=tuple(models), knob=knob, evidence=evidence)


@dataclass(frozen=True, kw_only=True)
class CellVerdict:
    """What to do with the knob in one cell, and what the rule alone says of it."""

    diagnosis: Diagnosis
    of_rule: Diagnosis
    """Without the comparison of test errors: what the rule's own claims are tested on."""
    to: float | None
    """A measured value in the advised direction; None where the family ends or nothing is to change."""
    change: Change | None
    """Of the test error; None where it was not measured, or the step is not advised."""


def judge_cell(
    models: Sequence[MeasuredModel],
    *,
    value: float,
    knob: str,
    rule: RegimeRule,
    first_drop: float | None = None,
    certainty: float = CERTAINTY,
) -> CellVerdict:
    """Return a rule's verdict on the models of one value, with the direction that the others of the density point in.

    The others are compared by their test error, which was measured and which an advised step is to lower; by training
    error where it was not. A step whose measured change of the test error is for the worse is not advised.

    models: every measured dense model at one density, one per value and seed. first_drop: epochs of the dense training
    after which its learning rate first fell. Raises ValueError where none of the models has the value.
    """
    if not any(_written(model.value) == _written(value) for model in models):
        raise ValueError(f"no model was measured at {knob} {value:g}")
    column = merge_column(models, knob)
    return judge_in_column(column, value=value, rule=rule, first_drop=first_drop, certainty=certainty)


def judge_in_column(
    column: MeasuredColumn,
    *,
    value: float,
    rule: RegimeRule,
    first_drop: float | None = None,
    certainty: float = CERTAINTY,
) -> CellVerdict:
    """Return what `judge_cell` returns of one value of a column that was merged before."""
    models, knob = column.models, column.knob
    found = _judge(column, value, rule=rule, first_drop=first_drop, certainty=certainty)
    advice = found.diagnosis.advice
    to = find_target(models, value, advice, knob=knob, drop=first_drop)
    moved = None if to is None else change(models, value, to)
    if moved is None or moved.mean <= 0:
        return replace(found, to=to, change=moved)
    reason = f"{advice} is the probable direction, but the step to {knob} {to:g} was measured and is not better"
    stated = found.diagnosis.because if found.diagnosis.hotter is None else found.diagnosis.because[1:]
    because = (reason, *stated)  # the first reason of a direction is the advice, which no longer holds
    return replace(found, diagnosis=replace(found.diagnosis, advice=Advice.NONE, because=because))


def merge_seeds(models: Sequence[MeasuredModel], *, seeds: frozenset[int] = frozenset()) -> MeasuredModel:
    """Return the dense models of one value as one, with the readings that a rule judges.

    seeds: those whose errors count; all where none of these was measured here. Readings of other probes are those of
    the dense seed of median LMC.
    """
    if len(models) == 1:
        return models[0]
    chosen = find_middle(models) or [models[0]]
    readings = dict(chosen[0].readings)
    for name in (LMC, PATH):
        parts = [model.readings[name] for model in chosen if name in model.readings]
        if parts:
            readings[name] = _mean_of(parts)
    known = [found for model in models if (found := model.cka) is not None]
    if known:
        readings[CKA] = Reading(np.array([median(known)]), "1", axes=("pair",))
    compared = [model for model in models if model.seed in seeds] or list(models)
    for name in (TEST_ERROR, TRAIN_ERROR):
        means = [found for model in compared if (found := model.mean(name)) is not None]
        if means:
            readings[name] = Reading(np.array(means), "fraction", axes=("replica",))
    return replace(models[0], readings=readings)


def find_middle(models: Sequence[MeasuredModel]) -> list[MeasuredModel]:
    """Return the model of median LMC, or the two around the median of an even number; none without LMC."""
    known = sorted((model for model in models if model.mean(LMC) is not None), key=lambda model: model.lmc)
    half = (len(known) - 1) // 2
    return known[half : len(known) - half]


def _judge(
    column: MeasuredColumn, value: float, *, rule: RegimeRule, first_drop: float | None, certainty: float
) -> CellVerdict:
    here = _written(value)
    neighbours = tuple(found for written, found in column.evidence.items() if written != here)
    evidence = replace(column.evidence[here], neighbours=neighbours, first_drop=first_drop)
    missing = [name for name in rule.needs if name not in evidence.readings]
    of_rule = _without_regime(missing[0]) if missing else rule.classify(evidence)
    found = state_direction(
        of_rule,
        evidence,
        calibration=load_calibration(),
        certainty=certainty,
        learned=(rule.thresholds() or PUBLISHED).learned,
        errors=(TEST_ERROR, TRAIN_ERROR),
    )
    return CellVerdict(diagnosis=found, of_rule=of_rule, to=None, change=None)


def _without_regime(missing: str) -> Diagnosis:
    """Return the verdict of a rule that lacks a reading: no regime, and no advice of its own."""
    reason = f"no regime: {missing.partition('/')[0]} was not measured, the direction rests on test errors alone"
    return Diagnosis(regime=Regime.UNRESOLVED, advice=Advice.NONE, confidence=None, because=(reason,))


def _written(value: float) -> str:
    """Return a value of the knob as text: NaN is equal to NaN, and -0 to 0."""
    return repr(float(value) + 0.0)


def _mean_of(parts: Sequence[Reading]) -> Reading:
    """Return the mean over dense seeds, pair by pair, with its standard error."""
    errors = [np.asarray(part.stderr, dtype=np.float64) for part in parts if part.stderr is not None]
    stderr = np.sqrt(np.sum(np.square(errors), axis=0)) / len(errors) if errors else None
    values = [np.asarray(part.value, dtype=np.float64) for part in parts]
    return replace(parts[0], value=np.mean(values, axis=0), stderr=stderr)
