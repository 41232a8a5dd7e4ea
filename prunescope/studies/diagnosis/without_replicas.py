"""A diagnosis without replicas: the direction alone, from briefly retrained siblings and the recorded training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.studies.diagnosis import retraining
from prunescope.studies.diagnosis.family import EPOCHS
from prunescope.studies.diagnosis.question import DiagnosisQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.plugins.registry import Loaded
    from prunescope.studies.diagnosis.plan import DiagnosisPlan

RULE = "direction-alone"
"""The rule that judges in place of the default one, which requires replicas."""


def check_replicas(question: DiagnosisQuestion) -> None:
    """Refuse a number of replicas that is neither none nor a pair at least, and thresholds without any."""
    if question.replicas == 1 or question.replicas < 0:
        raise UsageError(
            f"--replicas got {question.replicas}",
            fix="connectivity requires a pair: give 2 or more, or 0 for the direction alone",
        )
    if question.rules is not None and choose_rule(question) == RULE:
        raise UsageError(
            f"--rules {question.rules} has thresholds of replicas, and --replicas 0 retrains none",
            fix="leave out --rules, or give --replicas 2 or more",
        )


def choose_rule(question: DiagnosisQuestion) -> str:
    """Return the name of the rule that judges each density."""
    return RULE if question.replicas == 0 and question.rule == DiagnosisQuestion.rule else question.rule


def choose_probes(question: DiagnosisQuestion) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of what is measured on the replicas, and on the pruned model beside the dense one.

    Without replicas the first are measured on the pruned model, and retrain nothing.
    """
    if question.replicas == 0:
        return retraining.UNTRAINED_PROBES, retraining.PRUNED_PROBES
    pruned = tuple(name for name in retraining.PRUNED_PROBES if name not in question.probes)
    return (*retraining.REPLICA_PROBES, *question.probes), pruned


def check_plan(asked: DiagnosisPlan) -> None:
    """Refuse a rule and probes that require replicas where there are none."""
    if asked.replicas or not asked.densities:
        return
    measured = {probe.plugin.name for probe in (*asked.replica_probes, *asked.pruned_probes)}
    missing = [name for name in asked.rule.instance.needs if name.partition("/")[0] not in measured]
    if missing:
        _refuse(f"rule {asked.rule.plugin.name!r} requires the reading {missing[0]} of replicas")
    pairs = [probe for probe in asked.dense_probes if _is_of_pairs(probe)]
    if pairs and len(asked.dense) < 2:
        _refuse(f"probe {pairs[0].plugin.name!r} measures pairs of replicas")


def find_unused(question: DiagnosisQuestion) -> tuple[str, ...]:
    """Return a note on the length of retraining that was asked for where nothing is retrained that long."""
    if question.replicas or question.retrain_epochs is None:
        return ()
    return (
        (
            f"--retrain-epochs is of replicas, of which there are none: siblings are retrained for "
            f"{count_text(EPOCHS, 'epoch')}"
        ),
    )


def _is_of_pairs(probe: Loaded) -> bool:
    return probe.instance.replicas not in (0, 1)


def _refuse(what: str) -> None:
    raise UsageError(f"{what}, and --replicas 0 retrains none", fix="give --replicas 2 or more")
