"""`prunescope map`: every network x every density, pruned and measured without retraining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.studies.mapping.question import MapQuestion

DENSITIES = ",".join(f"{density:g}" for density in MapQuestion.densities)


@dataclass(frozen=True, kw_only=True)
class MapRequest:
    """Options of `map`."""

    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT...",
            help="Dense models: files, run ids, or ID@EPOCH; with one alone, the snapshots of its run too, or the "
            "numbered checkpoints beside its file.",
        ),
    ]
    density: Annotated[str, typer.Option("--density", "--densities", metavar="D,...", help="Densities.")] = DENSITIES
    data: parameters.DataOrInherited = None
    pruner: case_parameters.Pruner = MapQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = False
    seed: parameters.Seed = MapQuestion.seed
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = MapQuestion.device
    workers: case_parameters.Workers = MapQuestion.workers
    executor: case_parameters.Executor = MapQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def map_networks(request: MapRequest) -> Output:
    """Prune models to densities and measure them unretrained. Prints the best at each.

    A map of the training error after pruning, with BatchNorm re-estimated, in minutes on two cores; of the standard
    output each line is a density and the model with the least error there. `select` and `diagnose` retrain briefly and
    see more.
    """
    from prunescope.report.common.costs import Cost
    from prunescope.report.mapping.finding import find_map

    question = build_question(
        MapQuestion,
        request,
        networks=request.checkpoints,
        densities=parsing.numbers("--density", [request.density]),
    )
    found = find_map(question, open_session(question))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    console.show(found.printed())
    chosen = [f"{density:g}\t{found.answer.least(density).reference}" for density in found.answer.densities[1:]]
    return Output(text=found.to_json() if request.json else "\n".join(chosen))
