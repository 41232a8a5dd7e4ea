"""`prunescope tune`: the value of a temperature-like knob for the densities wanted, with fewer runs than the grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from prunescope.api.knobs import KNOBS
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.cases.questions import TuningQuestion

TYPED = f"[{'|'.join(knob.typed for knob in KNOBS.values())}]"
"""How the knobs are named on the command line."""


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """Options of `tune`."""

    knob: Annotated[str, typer.Argument(metavar=TYPED, help="The knob of the dense training.")]
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="A study's TOML file or folder; or give --model and --data."),
    ] = None
    density: Annotated[str, typer.Option(metavar="D,...", help="Densities, each tuned by itself.")]
    values: Annotated[str | None, typer.Option(metavar="V,...", help="Values of the knob, without a study.")] = None
    by: Annotated[
        Literal["test-error", "cka"],
        typer.Option(help="Quantity that the search compares among connected models; cka requires no labels."),
    ] = TuningQuestion.by
    search: Annotated[
        Literal["posterior", "regime"],
        typer.Option(help="Where runs are spent: by the posterior of the best value, or from hot to cold by LMC."),
    ] = TuningQuestion.search
    share: Annotated[
        float,
        typer.Option(metavar="F", min=0, max=1, help="Runs may reach this share of the grid's; a first look is made."),
    ] = TuningQuestion.share
    full: Annotated[
        bool, typer.Option("--full", help="Retrain for the full number of epochs where LMC is otherwise undecided.")
    ] = False
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory.")] = None
    model_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")
    ] = None
    data: parameters.DataOrInherited = None
    trainer_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the dense training, such as epochs=80.")
    ] = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    replicas: case_parameters.Replicas = TuningQuestion.replicas
    dense_seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Dense trainings of each value.")] = (
        TuningQuestion.dense_seeds
    )
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = None
    trust: parameters.Trust = None
    device: parameters.Device = TuningQuestion.device
    workers: case_parameters.Workers = TuningQuestion.workers
    executor: case_parameters.Executor = TuningQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Study folder, which keeps every finished step; default: the study's own."),
    ] = None


def tune(request: TuneRequest) -> Output:
    """Find the best value of a temperature-like knob by density. Uses fewer runs than the grid.

    Every look is a dense seed of a value with two replicas. By default it is taken where it is expected to lower the
    least error most, by a posterior of the test errors of all values, while the runs stay within --share of the grid's.
    With --search regime, --by cka or --full, the values are searched from the hottest to the coldest on one dense seed:
    what is colder than a poorly connected model is not tried, and the best are confirmed on the other dense seeds.
    Prints the value for each density. Steps that a sweep of the same study finished are counted, not rerun.
    """
    from prunescope.report.cases.tuning import find_tuning

    question = build_question(
        TuningQuestion,
        request,
        densities=parsing.numbers("--density", [request.density]),
        values=None if request.values is None else parsing.numbers("--values", [request.values]),
        model_options=parsing.values("--model-option", request.model_option),
    )
    found = find_tuning(question, open_session(question))
    console.show(found.printed())
    return Output(text=found.to_json() if request.json else found.words())
