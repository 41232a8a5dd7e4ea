"""`prunescope select`: which of several dense models to prune to one density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.cases.questions import SelectionQuestion


@dataclass(frozen=True, kw_only=True)
class SelectRequest:
    """Options of `select`."""

    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="CHECKPOINT...", help="Two dense models or more: files, run ids, or ID@EPOCH."),
    ]
    density: case_parameters.Density
    full: Annotated[
        bool,
        typer.Option("--full", help="Also retrain for the full number of epochs: gives the regret of each choice."),
    ] = False
    data: parameters.DataOrInherited = None
    replicas: case_parameters.Replicas = SelectionQuestion.replicas
    pruner: case_parameters.Pruner = SelectionQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    trainer: case_parameters.Trainer = None
    trainer_option: case_parameters.TrainerOption = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    rules: case_parameters.Rules = None
    rule_option: case_parameters.RuleOption = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = False
    seed: parameters.Seed = SelectionQuestion.seed
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = SelectionQuestion.device
    workers: case_parameters.Workers = SelectionQuestion.workers
    executor: case_parameters.Executor = SelectionQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def select(request: SelectRequest) -> Output:
    """Choose which of several dense models to prune. Prints its id.

    Every model is pruned, retrained as the first one was trained (on a compressed schedule), and measured. Algorithm 2
    of Zhou et al. (2023) chooses the least test error among those with LMC >= -epsilon, Algorithm 2.1 the highest CKA.
    The output also lists the choices of simpler rules.
    """
    from prunescope.report.cases.selection import find_selection
    from prunescope.report.common.costs import Cost

    question = build_question(SelectionQuestion, request, networks=request.checkpoints)
    found = find_selection(question, open_session(question))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    console.show(found.printed())
    return Output(text=found.to_json() if request.json else found.run)
