"""`prunescope fit-budget`: the density that a budget of error, time or storage admits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from prunescope.cli.options import case_parameters, parameters
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.budget.question import BudgetQuestion

Budget = str | None


@dataclass(frozen=True, kw_only=True)
class FitBudgetRequest:
    """Options of `fit-budget`."""

    network: parameters.Checkpoint
    within: Annotated[
        Budget, typer.Option(metavar="POINTS", help="Test error that pruning may add: 1pt. The smallest density.")
    ] = None
    latency: Annotated[
        Budget, typer.Option(metavar="TIME", help="Time of a forward pass on this device: 5ms. The largest density.")
    ] = None
    runtime: Annotated[
        str, typer.Option(metavar="NAME", help="What runs a timed pass: torch, or onnx (onnxruntime, on the CPU).")
    ] = BudgetQuestion.runtime
    bytes: Annotated[Budget, typer.Option(metavar="SIZE", help="Storage of the weights: 2MB. The largest density.")] = (
        None
    )
    least: Annotated[float, typer.Option(metavar="D", help="Smallest density that is tried.")] = BudgetQuestion.least
    tries: Annotated[int, typer.Option(metavar="N", min=1, help="How often the range of densities is halved.")] = (
        BudgetQuestion.tries
    )
    pruner: Annotated[
        str, typer.Option(metavar="NAME", help="Pruner: magnitude (single weights), n-of-m, channels, ...")
    ] = BudgetQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    replicas: case_parameters.Replicas = BudgetQuestion.replicas
    trainer: case_parameters.Trainer = None
    trainer_option: case_parameters.TrainerOption = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    data: parameters.DataOrInherited = None
    batch_size: Annotated[int, typer.Option(metavar="N", min=1, help="Images per timed forward pass.")] = (
        BudgetQuestion.batch_size
    )
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="Timed forward passes, after a warm-up.")] = (
        BudgetQuestion.repeats
    )
    seed: parameters.Seed = BudgetQuestion.seed
    limit_batches: parameters.LimitBatches = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = BudgetQuestion.unsafe_load
    device: parameters.Device = BudgetQuestion.device
    workers: case_parameters.Workers = BudgetQuestion.workers
    executor: case_parameters.Executor = BudgetQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    trust: parameters.Trust = None
    json: parameters.Json = False
    study: Annotated[
        Path, typer.Option(metavar="DIR", envvar="PRUNESCOPE_STUDY", help="Study folder, which keeps every step.")
    ] = parameters.STUDY


def fit_budget(request: FitBudgetRequest) -> Output:
    """Find the density that a budget admits. Prints the density.

    Of --latency and --bytes the largest density that holds them, of --within the smallest, after brief retraining of
    --replicas replicas; with both the smallest that holds all. The range of densities is halved --tries times. The
    errors come with 95 % intervals; times are measured on this device, median and interquartile range. Returns exit
    code 1 where no density tried holds the budget.
    """
    from prunescope.report.budget.finding import find_budget

    question = build_question(BudgetQuestion, request)
    found = find_budget(question, open_session(question))
    exit_code = 0 if found.density is not None else 1
    if request.json:
        return Output(text=found.to_json(), exit_code=exit_code)
    console.show(found.printed())
    return Output(text="none" if found.density is None else f"{found.density:.4g}", exit_code=exit_code)
