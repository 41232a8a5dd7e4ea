"""`prunescope probe`: measure models, or the data alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.commands.plugin_commands import Chosen
from prunescope.cli.options import parameters, questions
from prunescope.cli.terminal.command import Output
from prunescope.plugins import registry
from prunescope.report.common import console
from prunescope.studies.steps.probing import ProbingQuestion


def probe(
    probe: Chosen,
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHECKPOINT]", help="Replicas: files, run ids or their beginnings, or ID@EPOCH."),
    ] = None,
    *,
    data: parameters.DataOrInherited = None,
    seed: parameters.Seed = ProbingQuestion.seed,
    model: parameters.Model = None,
    weights: parameters.Weights = ProbingQuestion.weights,
    unsafe_load: parameters.UnsafeLoad = ProbingQuestion.unsafe_load,
    json: parameters.Json = False,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = ProbingQuestion.device,
) -> Output:
    """Measure replicas of a model. Prints the id of the run, and the readings on stderr."""
    from prunescope.report.steps.probing import find_probing

    _check_single(probe, checkpoints or ())
    question = ProbingQuestion(
        tuple(checkpoints or ()),
        probe.name,
        probe_options=probe.options,
        data=data,
        seed=seed,
        model=model,
        weights=weights,
        unsafe_load=unsafe_load,
        trust=tuple(trust or ()),
        study=study,
        device=device,
    )
    found = find_probing(question, questions.open_session(question))
    console.show(found.table(width=console.width(sys.stderr)))
    return Output(text=found.to_json() if json else found.run)


def _check_single(probe: Chosen, given: Sequence[str]) -> None:
    """Refuse a second probe, which would be taken for a checkpoint."""
    known = {plugin.name for plugin in registry.find_plugins("probes")}
    for text in given:
        if text in known and not Path(text).exists():
            raise UsageError(
                f"one probe is measured at a time, got {probe.name!r} and {text!r}",
                fix=f"run it on its own: prunescope probe {text} CHECKPOINT",
            )
