"""`prunescope lottery`: prune in rounds, go back, train again; beside it what chance would have given."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.lottery import question as iterating

if TYPE_CHECKING:
    from prunescope.studies.lottery.lottery import Ticket
    from prunescope.studies.lottery.outcomes import Lottery, Over, Row
    from prunescope.studies.lottery.question import Asked


@dataclass(frozen=True, kw_only=True)
class LotteryRequest:
    """What the user asks `lottery` for."""

    model: iterating.Model
    data: parameters.Data
    density: Annotated[float, typer.Option(metavar="D", help="Share of weights to keep in the end: 0.1 keeps 10 %.")]
    levels: iterating.Levels = 4
    schedule: iterating.Schedule = "geometric"
    rewind: Annotated[
        str, typer.Option(metavar="STEP,...", help="Steps of training to go back to; or epochs, such as 2ep.")
    ] = "1ep"
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="weights: go back to the weights at the step; rate: to its learning rate alone; fine-tune: train on "
            "at the last rate; gradual: prune while training.",
        ),
    ] = "weights"
    control: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="random: the weights kept in each layer are drawn; reinit: the mask on other initial weights; none.",
        ),
    ] = "random,reinit"
    model_option: iterating.ModelOption = None
    trainer: iterating.Trainer = "sgd"
    trainer_option: iterating.TrainerOption = None
    pruner: case_parameters.Pruner = "magnitude"
    pruner_option: case_parameters.PrunerOption = None
    seeds: iterating.Seeds = 3
    limit_batches: parameters.LimitBatches = None
    dry_run: case_parameters.DryRun = False
    json: parameters.Json = False
    report: iterating.Report = None
    figures: iterating.Figures = None
    device: parameters.Device = "auto"
    workers: case_parameters.Workers = 0
    executor: case_parameters.Executor = "local"
    executor_option: case_parameters.ExecutorOption = None
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def lottery(request: LotteryRequest) -> Output:
    """Prune a network in rounds, rewinding in between, and compare with random masks and new initial weights.

    Each round prunes what the round before trained, by any pruner, goes back to a step of the dense training, and
    trains to the end again. Prints a table: the test error of every method at every density, and whether it matches the
    dense network's. Every step is kept: the same command goes on where it was stopped, another shares what both need.
    """
    from prunescope.studies.lottery import lottery as tickets
    from prunescope.studies.lottery import outcomes
    from prunescope.studies.lottery.densities import levels

    densities = levels(request.schedule, final=request.density, count=request.levels)
    methods, controls = _chosen("--method", request.method, tickets.METHODS), _controls(request.control)
    store = iterating.open_store(request)
    asked = iterating.asked(request, densities, trust=store.trust)
    question, found = asked.question, _tickets(asked, request, methods, controls)
    dense = [tickets.dense(question, seed=seed) for seed in question.seeds]
    recipes = [recipe for run, seed in zip(dense, question.seeds, strict=True)
               for recipe in (run, *tickets.measured(question, run, seed=seed))]  # fmt: skip
    recipes += [recipe for ticket in found for recipe in ticket.recipes]
    cost = iterating.run(recipes, request, store)
    return cost or _told(outcomes.of_tickets(question, found, store), request, asked)


def _tickets(asked: Asked, request: LotteryRequest, methods: list[str], controls: list[str]) -> list[Ticket]:
    from prunescope.studies.lottery import lottery as tickets

    steps = iterating.positions("--rewind", request.rewind, asked)
    if "gradual" in methods and len(methods) == 1:
        controls = []
    with_controls = next((method for method in methods if method != "gradual"), "")
    return [
        ticket
        for step in steps
        for method in methods
        for seed in asked.question.seeds
        for ticket in tickets.tickets(
            asked.question,
            step=step,
            seed=seed,
            method=method,  # type: ignore[arg-type]
            controls=tuple(controls) if method == with_controls else (),
        )
    ]


def _controls(text: str) -> list[str]:
    from prunescope.studies.lottery.lottery import CONTROLS

    return [] if text == "none" else _chosen("--control", text, (*CONTROLS, "none"))


def _chosen(option: str, text: str, known: tuple[str, ...]) -> list[str]:
    found = [item.strip() for item in text.split(",") if item.strip()]
    wrong = [item for item in found if item not in known]
    if wrong or not found or len(set(found)) < len(found):
        raise UsageError(f"{option} got {text!r}", fix=f"it wants some of: {', '.join(known)}, each once")
    return found


def _told(found: Lottery, request: LotteryRequest, asked: Asked) -> Output:
    from prunescope.report import lottery as iteration

    for sentence in iteration.of_lottery(found):
        console.say(sentence)
    if request.figures is not None:
        iteration.write_figures({"lottery": lambda paint: iteration.errors(found, paint=paint)}, request.figures)
        console.say(f"figures: {request.figures}")
    if request.report is not None:
        iterating.write(iteration.lottery_page(found, asked.question), request.report)
    if request.json:
        return Output(text=json_text.dumps(_as_json(found, asked), indent=2, allow_nan=False))
    columns = ("network", "density", "test error", "± over seeds", "matches dense", "training error")
    rows = [("dense", "1", f"{found.dense.mean:.2%}", _spread(found.dense), "", "")]
    return Output(text=console.table(columns, rows + [_cells(row) for row in found.rows]))


def _cells(row: Row) -> tuple[str, ...]:
    matching = "yes" if row.matching else "no"
    test, train = row.test, row.train
    return row.label, f"{row.density:.4g}", f"{test.mean:.2%}", _spread(test), matching, f"{train.mean:.2%}"


def _as_json(found: Lottery, asked: Asked) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "seeds": list(asked.question.seeds),
        "steps": asked.question.total,
        "steps_per_epoch": asked.steps_per_epoch,
        "dense": _over(found.dense),
        "rows": [
            {
                "step": row.step,
                "method": row.method,
                "control": row.control or None,
                "density": row.density,
                "test_error": _over(row.test),
                "train_error": _over(row.train),
                "matching": row.matching,
                "runs": list(row.runs),
            }
            for row in found.rows
        ],
    }


def _over(quantity: Over) -> dict[str, Any]:
    n = len(quantity.values)
    return {"mean": quantity.mean, "deviation": quantity.deviation, "n": n, "values": list(quantity.values)}


def _spread(quantity: Over) -> str:
    return "n/a: one seed" if quantity.deviation is None else f"{quantity.deviation:.2%}"
