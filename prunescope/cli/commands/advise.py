"""`prunescope advise`: raise, lower or keep the temperature of dense training, for one density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from prunescope.api.knobs import KNOBS
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.studies.cases.questions import AdviceQuestion


@dataclass(frozen=True, kw_only=True)
class AdviseRequest:
    """Options of `advise`."""

    target: Annotated[
        str,
        typer.Argument(metavar="STUDY|CHECKPOINT", help="Folder of a sweep, or a dense model: file, run id, ID@EPOCH."),
    ]
    density: case_parameters.Density
    at: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="Of a study: the value of the knob; default: all its values."),
    ] = None
    certainty: Annotated[
        float, typer.Option(metavar="P", min=0.5, max=1, help="Least probability of an advised direction.")
    ] = AdviceQuestion.certainty
    budget: Annotated[
        str, typer.Option(metavar="RUNS|MINUTES", help="Of a checkpoint: number of trainings (12), or time (10min).")
    ] = str(AdviceQuestion.budget)
    knob: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Of a checkpoint: knob to change: {', '.join(KNOBS)}.")
    ] = None
    data: parameters.DataOrInherited = None
    replicas: case_parameters.Replicas = AdviceQuestion.replicas
    pruner: case_parameters.Pruner = AdviceQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    trainer: case_parameters.Trainer = None
    trainer_option: case_parameters.TrainerOption = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    rule: case_parameters.Rule = AdviceQuestion.rule
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = False
    seed: parameters.Seed = AdviceQuestion.seed
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = AdviceQuestion.device
    workers: case_parameters.Workers = AdviceQuestion.workers
    executor: case_parameters.Executor = AdviceQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def advise(request: AdviseRequest) -> Output:
    """Report whether to raise, lower or keep the temperature. For one density, with the knob and the step.

    On a study, uses its finished cells, and reports the expected change of test error. On a checkpoint, measures
    evidence within --budget, the cheapest first: the model itself at this density, then a neighbour on each side: one
    of its own snapshots, itself trained on at its last rate, or one trained anew. Prints raise, lower, keep, or none.
    With --dry-run, lists what would be measured and its cost, and measures nothing.

    Exit codes: 0 advised; 2 wrong usage or input; 4 not enough evidence.
    """
    from prunescope.report.cases.advice import find_advice
    from prunescope.report.common.costs import Cost

    question = build_question(AdviceQuestion, request)
    found = find_advice(question, open_session(question))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    console.show(found.printed())
    damage = damage_code(found.answer.problems)
    exit_code = damage or (ExitCode.EVIDENCE if found.silent else ExitCode.DONE)
    return Output(text=found.to_json() if request.json else found.words(), exit_code=exit_code)
