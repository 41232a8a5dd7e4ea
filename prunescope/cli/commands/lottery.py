"""`prunescope lottery`: prune in rounds, go back, train again; beside it what chance would have given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.cli.options import case_parameters, lottery_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.report.common import console
from prunescope.studies.lottery.question import LotteryQuestion

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.cli.terminal.command import Output
    from prunescope.report.common.costs import Cost
    from prunescope.report.lottery.finding import InstabilityFinding, LotteryFinding


@dataclass(frozen=True, kw_only=True)
class LotteryRequest:
    """Options of `lottery`."""

    model: lottery_parameters.Model
    data: parameters.Data
    density: Annotated[float, typer.Option(metavar="D", help="Last density: 0.1 keeps 10 % of the prunable weights.")]
    levels: lottery_parameters.Levels = LotteryQuestion.levels
    schedule: lottery_parameters.Schedule = LotteryQuestion.schedule
    rewind: Annotated[
        str, typer.Option(metavar="STEP,...", help="Steps of training to rewind to; or epochs, such as 2ep.")
    ] = str(LotteryQuestion.rewind)
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="weights: rewind the weights to the step; rate: only the learning rate; fine-tune: train on at the "
            "last rate; gradual: prune during training.",
        ),
    ] = str(LotteryQuestion.methods)
    control: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="random: random masks of equal density per layer; reinit: the mask on other initial weights; none.",
        ),
    ] = str(LotteryQuestion.controls)
    model_option: lottery_parameters.ModelOption = None
    trainer: lottery_parameters.Trainer = LotteryQuestion.trainer
    trainer_option: lottery_parameters.TrainerOption = None
    pruner: case_parameters.Pruner = LotteryQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    seeds: lottery_parameters.Seeds = LotteryQuestion.seeds
    limit_batches: parameters.LimitBatches = None
    dry_run: case_parameters.DryRun = False
    json: parameters.Json = False
    report: lottery_parameters.Report = None
    figures: lottery_parameters.Figures = None
    device: parameters.Device = LotteryQuestion.device
    workers: case_parameters.Workers = LotteryQuestion.workers
    executor: case_parameters.Executor = LotteryQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def lottery(request: LotteryRequest) -> Output:
    """Prune in rounds with rewinding, and compare with controls. Controls: random masks and new initial weights.

    Each round prunes the network of the previous round, rewinds to a step of the dense training, and trains to the end
    again. Prints a table: the test error of every method at every density, and whether it matches the dense network's.
    Every step is stored: the same command resumes, and other commands reuse common steps.
    """
    from prunescope.report.lottery.finding import find_lottery

    parsing.check_output(request.report, (".html",), option="--report")
    question = build_question(
        LotteryQuestion,
        request,
        methods=request.method,
        controls=request.control,
        model_options=parsing.values("--model-option", request.model_option),
    )
    found = find_lottery(question, open_session(question))
    return print_curves(found, report=request.report, figures=request.figures, as_json=request.json)


def print_curves(
    found: LotteryFinding | InstabilityFinding | Cost, *, report: Path | None, figures: Path | None, as_json: bool
) -> Output:
    """Return the table or the JSON for stdout, after the sentences and the names of the files that are written."""
    from prunescope.cli.terminal.command import Output
    from prunescope.report.common.costs import Cost

    if isinstance(found, Cost):
        return parsing.shown(found, as_json=as_json)
    for sentence in found.lines():
        console.say(sentence)
    if figures is not None:
        found.figures(figures)
        console.say(f"figures: {figures}")
    if report is not None:
        console.say(f"report: {found.report(report)}")
    return Output(text=found.to_json() if as_json else found.table())
