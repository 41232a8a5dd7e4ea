"""`prunescope instability`: from which step on copies of a network stay connected under different SGD noise."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.lottery import question as iterating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.studies.lottery.instability import Parting
    from prunescope.studies.lottery.outcomes import Curve
    from prunescope.studies.lottery.question import Asked


@dataclass(frozen=True, kw_only=True)
class InstabilityRequest:
    """What the user asks `instability` for."""

    model: iterating.Model
    data: parameters.Data
    steps: Annotated[
        str, typer.Option(metavar="STEP,...", help="Steps of training at which copies part; or epochs, such as 2ep.")
    ]
    density: Annotated[
        float | None, typer.Option(metavar="D", help="Look at networks pruned to this share of weights too.")
    ] = None
    levels: iterating.Levels = 4
    schedule: iterating.Schedule = "geometric"
    copies: Annotated[int, typer.Option(metavar="N", min=2, help="Copies trained from each step.")] = 2
    threshold: Annotated[
        float, typer.Option(metavar="E", min=0, max=1, help="Barrier of error below which training counts as stable.")
    ] = 0.02
    split: Annotated[Literal["test", "train"], typer.Option(help="Images on which the barrier is measured.")] = "test"
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


def instability(request: InstabilityRequest) -> Output:
    """Find the step of training after which copies under different SGD noise end in one linearly connected region.

    At each step the network is copied, the copies are trained to the end with other orders of images, and the barrier
    on the straight line between them is measured: dense, and with --density for networks pruned in rounds with
    rewinding to that very step. Prints a table. Every step is kept: the same command goes on where it was stopped.
    """
    from prunescope.studies.lottery import lottery, outcomes

    store = iterating.open_store(request)
    asked = iterating.asked(request, _densities(request), trust=store.trust)
    question, found = asked.question, _partings(asked, request)
    dense = [lottery.dense(question, seed=seed) for seed in question.seeds]
    recipes = [recipe for run, seed in zip(dense, question.seeds, strict=True)
               for recipe in (run, *lottery.measured(question, run, seed=seed))]  # fmt: skip
    recipes += [recipe for parting in found for recipe in parting.recipes]
    cost = iterating.run(recipes, request, store)
    if cost is not None:
        return cost
    curves = outcomes.of_partings(found, store, side=request.split, threshold=request.threshold)
    return _told(curves, outcomes.of_tickets(question, [], store).dense.mean, request, asked)


def _densities(request: InstabilityRequest) -> tuple[float, ...]:
    from prunescope.studies.lottery.densities import levels

    return () if request.density is None else levels(request.schedule, final=request.density, count=request.levels)


def _partings(asked: Asked, request: InstabilityRequest) -> list[Parting]:
    from prunescope.plugins import registry
    from prunescope.studies.lottery.instability import dense_parting, masked_parting

    steps = iterating.positions("--steps", request.steps, asked)
    if steps[-1] >= asked.question.total:
        raise UsageError(
            f"--steps has {steps[-1]}, and training ends there", fix="copies need steps to part: ask earlier"
        )
    lmc = registry.make("probes", "lmc", {})
    kinds = [dense_parting] if request.density is None else [dense_parting, masked_parting]
    return [
        kind(asked.question, step=step, seed=seed, copies=request.copies, lmc=lmc)
        for kind in kinds
        for step in steps
        for seed in asked.question.seeds
    ]


def _told(curves: Sequence[Curve], dense: float, request: InstabilityRequest, asked: Asked) -> Output:
    from prunescope.report import lottery as iteration

    for curve in curves:
        console.say(iteration.of_curve(curve, request.threshold))
    if request.figures is not None:
        drawn = {"instability": lambda paint: iteration.barriers(curves, request.threshold, dense, paint=paint)}
        iteration.write_figures(drawn, request.figures)
        console.say(f"figures: {request.figures}")
    if request.report is not None:
        text = iteration.instability_page(curves, asked.question, threshold=request.threshold, dense=dense)
        iterating.write(text, request.report)
    if request.json:
        return Output(text=json_text.dumps(_as_json(curves, dense, request, asked), indent=2, allow_nan=False))
    columns = ("networks", "step", "barrier", "least", "greatest", "stable", "test error")
    rows = [row for curve in curves for row in _rows(curve, request.threshold)]
    return Output(text=console.table(columns, rows))


def _rows(curve: Curve, threshold: float) -> list[tuple[str, ...]]:
    rows = []
    for number, step in enumerate(curve.steps):
        column = [row[number] for row in curve.barrier]
        stable = f"{sum(value < threshold for value in column)} of {len(column)}"
        error = fmean(row[number] for row in curve.error)
        told = [f"{value:.2%}" for value in (fmean(column), min(column), max(column))]
        rows.append((curve.label, str(step), *told, stable, f"{error:.2%}"))
    return rows


def _as_json(curves: Sequence[Curve], dense: float, request: InstabilityRequest, asked: Asked) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "seeds": list(asked.question.seeds),
        "copies": request.copies,
        "total_steps": asked.question.total,
        "steps_per_epoch": asked.steps_per_epoch,
        "split": request.split,
        "threshold": request.threshold,
        "dense_test_error": dense,
        "curves": [asdict(curve) for curve in curves],
    }
