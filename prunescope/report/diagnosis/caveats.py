"""The limits of a verdict that a reader must see: every sentence here is true of these runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.api.wording import count_text, density_text, error_text, verb_text
from prunescope.regimes.learning import LITTLE_LEARNED, is_under_trained, train_error
from prunescope.report.common import words
from prunescope.report.diagnosis import advice, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.studies.diagnosis.trail import Branch, Trail

FEW_REPLICAS = 3

WORSE = 0.05
"""A test error that rises by more than this in retraining is no matter of chance."""

CLASSES = "top-1"
"""How the words for an error begin where it is the one that thresholds were read off."""


def caveats(trail: Trail, notes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return all warnings, what weakens the verdict most first.

    notes: what had to be assumed, and no run records.
    """
    return tuple(
        dict.fromkeys(
            (
                *_blank(trail),
                *_worse(trail),
                *_contradiction(trail),
                *_training(trail),
                *notes,
                *_replicas(trail),
                *_calibration(trail),
                *_units(trail),
                *_inputs(trail),
                *_pruning(trail),
            )
        )
    )


def _blank(trail: Trail) -> Iterator[str]:
    """Say that the dense model itself has not learned, by what a rule asks of replicas."""
    for branch in trail.branches:
        if branch.prune is None and not evidence.learned(branch):
            error = error_text(train_error(evidence.readings(branch)))
            yield (
                f"The dense model has a training error of {error}: it has not learned, and these results do not hold "
                "for the trained network. Train it, or check that weights, data and labels belong "
                "together."
            )


def _contradiction(trail: Trail) -> Iterator[str]:
    pruned = {branch.density for branch in trail.pruned}
    advised = {verdict.diagnosis.advice for verdict in trail.diagnosis.verdicts if verdict.density in pruned}
    voted = {verdict.diagnosis.advice for verdict in trail.diagnosis.verdicts if verdict.density not in pruned}
    directions = {Advice.RAISE, Advice.LOWER}
    if len(voted) == 1 and voted <= directions and advised & directions and not advised & voted:
        yield f"The vote on the dense model alone has the opposite direction. {_stronger(trail)}"


def _stronger(trail: Trail) -> str:
    """Say why the direction at a density counts more than the vote on the dense model."""
    if trail.direction_alone and not any(branch.siblings for branch in trail.pruned):
        return "The recorded training is the stronger evidence: the vote was fitted on other networks."
    what = "Briefly retrained siblings" if trail.direction_alone else "Retrained replicas"
    return f"{what} are the stronger evidence: they were pruned, the dense model was not."


def _worse(trail: Trail) -> Iterator[str]:
    """Say that retraining lost what pruning had left: then nothing of the replicas holds for a good retraining."""
    for branch in trail.pruned:
        found = evidence.readings(branch)
        before, after = found.get("recalibration/recalibrated_error"), found.get("errors/test_error")
        if before is None or after is None or not branch.retrainings:
            continue
        errors = [float(np.mean(reading.value)) for reading in (before, after)]
        if errors[1] - errors[0] > WORSE:
            rates = [epoch.learning_rate for run in branch.retrainings for epoch in run.history]
            rate = f" ({max(rates):g})" if rates else ""
            yield (
                f"At {density_text(branch.density)} retraining makes the network worse: its test error is "
                f"{error_text(errors[1])}, right after pruning, recalibrated, {error_text(errors[0])}. The learning "
                f"rate of the retraining{rate} is too large, or the retraining too short: give --trainer-option "
                "learning_rate=X or --retrain-epochs N."
            )


def _training(trail: Trail) -> Iterator[str]:
    below = [density_text(branch.density) for branch in trail.pruned if is_under_trained(evidence.readings(branch))]
    if below:
        yield (
            f"At {words.either(below, 'and')} the training error falls between replicas (LMC > 0): they are "
            "under-trained. Retrain longer to confirm the verdict."
        )
    for branch in trail.pruned:
        error = _train_error(branch)
        if error > LITTLE_LEARNED:
            yield (
                f"At {density_text(branch.density)} replicas have a training error of "
                f"{error_text(error)}: with a high error, a barrier between replicas is small. "
                "Retrain longer to confirm the verdict."
            )
    dense = advice.known_knobs(trail).get("epochs")
    epochs = {len(run.history) for branch in trail.pruned for run in branch.retrainings if run.history}
    if epochs and isinstance(dense, int | float) and max(epochs) < dense:
        yield (
            f"Replicas were retrained for {count_text(max(epochs), 'epoch')}, the dense model was trained for "
            f"{dense:g}: on small networks this ranks settings like the full schedule; after full retraining, errors "
            "are usually lower."
        )


def _replicas(trail: Trail) -> Iterator[str]:
    if trail.direction_alone:
        yield (
            "No replicas were retrained: the regime is not measured, and neither is the error of this network after "
            "retraining."
        )
    counts = {len(branch.retrainings) for branch in trail.pruned if branch.retrainings}
    if counts and min(counts) < FEW_REPLICAS:
        yield (
            f"Only {count_text(min(counts), 'replica')}: one pair does not show the spread between pairs; "
            f"three or more do."
        )
    if any(branch.retrainings or branch.siblings for branch in trail.pruned):
        yield (
            "All densities start from one dense model: the confidence covers the seeds of retraining, not the seed of "
            "the dense training."
        )


def _calibration(trail: Trail) -> Iterator[str]:
    model = trail.dense.facts.get("model", {}).get("name", "this network")
    rules = {verdict.rule for verdict in trail.diagnosis.verdicts}
    if "three-regime" in rules:
        yield (
            "The thresholds come from PreResNet-20 on CIFAR-10 (Zhou et al. 2023): one network, one data set. "
            f"That they suit {model} is an assumption, which the confidence does not cover."
        )
    if "md-tree" in rules:
        yield (
            "The vote on the dense model was fitted on ResNet-18 networks on CIFAR-10; for other networks it is only "
            "an indication."
        )


def _units(trail: Trail) -> Iterator[str]:
    """Say what an error is where it is not that of classification: the thresholds are in its units."""
    for branch in trail.branches:
        error = evidence.error_words(branch)
        if error and not error.startswith(CLASSES):
            yield (
                f"An error here is: {error}. The thresholds of LMC and of training errors are in top-1 errors; in "
                "other units they are a guess, and comparisons between densities and temperatures hold."
            )


def _inputs(trail: Trail) -> Iterator[str]:
    for note in trail.dense.facts.get("notes", ()):
        yield f"Checkpoint: {note}"
    limits = {
        run.recipe.arguments["data"].get("limit_batches")
        for _, run in trail.runs
        if isinstance(run.recipe.arguments.get("data"), dict)
    } - {None}
    if limits:
        yield (
            f"Only the first {count_text(max(limits), 'batch')} of each split {verb_text(max(limits), 'were')} "
            f"used: numbers on all the data will differ."
        )


def _pruning(trail: Trail) -> Iterator[str]:
    if trail.pruned:
        yield (
            "A mask alone does not reduce the run time: the theoretical speed-up requires a kernel that skips every "
            "zero weight."
        )


def _train_error(branch: Branch) -> float:
    reading = evidence.readings(branch).get("errors/train_error")
    return 0.0 if reading is None else float(np.mean(reading.value))
