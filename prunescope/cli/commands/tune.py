"""`prunescope tune`: the value of a temperature-like knob for the densities wanted, with fewer runs than the grid."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.terminal import costing, steps
from prunescope.cli.terminal.command import Output
from prunescope.regimes import chosen
from prunescope.report.common import console
from prunescope.studies.cases import tuning_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import RegimeRule
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.cases.tuning import Aim, Tuned
    from prunescope.studies.grid.layout import Grid

KNOBS = {"epochs": "epochs", "batch-size": "batch_size", "lr": "learning_rate", "sam": "rho"}
"""What a person types -> the trainer's option."""


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """What the user asks `tune` for."""

    knob: Annotated[str, typer.Argument(metavar="[epochs|batch-size|lr|sam]", help="The knob of the dense training.")]
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="A study's TOML file or folder; or give --model and --data."),
    ] = None
    density: Annotated[str, typer.Option(metavar="D,...", help="Shares of weights to keep, each tuned by itself.")]
    values: Annotated[str | None, typer.Option(metavar="V,...", help="Of the knob, where no study gives them.")] = None
    by: Annotated[
        Literal["test-error", "cka"],
        typer.Option(help="What the search compares among connected models; cka needs no labels."),
    ] = "test-error"
    share: Annotated[
        float,
        typer.Option(metavar="F", min=0, max=1, help="Confirm on other dense seeds up to this share of the grid."),
    ] = 0.4
    full: Annotated[
        bool, typer.Option("--full", help="Retrain as long as was trained where the gate stays open otherwise.")
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
    replicas: case_parameters.Replicas = 3
    dense_seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Dense trainings of each value.")] = 2
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = None
    trust: parameters.Trust = None
    device: parameters.Device = "auto"
    workers: case_parameters.Workers = 0
    executor: case_parameters.Executor = "local"
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder that keeps every finished step; the study's own if left out."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    density: float
    tuned: Tuned
    grid_runs: int
    regret: float | None


def tune(request: TuneRequest) -> Output:
    """Find the value of a temperature-like knob for a density by the regime, with fewer runs than the grid.

    The values are searched from the hottest to the coldest on one dense seed and two replicas: what is colder than a
    poorly connected model is not tried. A value whose LMC leaves the gate open gets its other replicas; the best are
    confirmed on the other dense seeds while the runs stay within --share of the grid's. Prints the value for each
    density. Every step is one of the grid's: what a sweep of the same study finished is not run again, but counted.
    """
    if request.knob not in KNOBS:
        raise UsageError(f"there is no knob {request.knob!r}", fix=f"one of: {', '.join(KNOBS)}")
    densities = parsing.numbers("--density", [request.density])
    rule = chosen.rule("three-regime", parsing.pairs("--rule-option", request.rule_option), request.rules).instance
    made = tuning_grid.made(request, KNOBS[request.knob], densities)
    store, device = made.store, steps.resolve_device(request.device)
    executor = costing.executor(request.executor, request.executor_option, workers=request.workers, device=device)
    complete = partial(_complete, store=store, executor=executor.instance, device=device)
    found = [_one(made, density, store, rule, request, complete=complete) for density in made.densities]
    return _told(found, made.grid, request)


def _complete(recipes: Sequence[Recipe], *, store: Store, executor: Any, device: str) -> None:  # noqa: ANN401 - a plugin
    from prunescope.runs.scheduling import scheduler

    if scheduler.pending(recipes, store):
        steps.complete(recipes, store, executor, device=device)


def _one(
    made: tuning_grid.Made,
    density: float,
    store: Store,
    rule: RegimeRule,
    request: TuneRequest,
    *,
    complete: Any,  # noqa: ANN401
) -> _Found:
    from prunescope.studies.cases import bench, measured, tuning

    grid_runs = bench.runs(made.grid, density=density)
    aim = _aim(made.grid, rule, request, grid_runs=grid_runs)
    at = bench.GridBench(grid=made.grid, full=made.full, density=density, store=store, complete=complete)
    console.say(f"density {density:g}: {len(aim.values)} values, {grid_runs} runs in the grid")
    tuned = tuning.tune(at, aim)
    models = measured.column(made.grid, store, density=density)
    regret = tuning.regret(models, aim, tuned.value)
    return _Found(density=density, tuned=tuned, grid_runs=grid_runs, regret=regret)


def _aim(grid: Grid, rule: RegimeRule, request: TuneRequest, *, grid_runs: int) -> Aim:
    from prunescope.regimes.direction import hottest_first
    from prunescope.studies.cases import tuning

    study = grid.study
    names = {"epsilon": "epsilon", "low": "epsilon_low", "high": "epsilon_high", "pair_spread": "pair_spread"}
    options = {ours: getattr(rule, theirs) for ours, theirs in names.items()}
    return tuning.Aim(
        values=tuple(hottest_first(study.values, knob=study.knob)),
        seeds=study.dense_seeds,
        replicas=study.replicas,
        limit=int(request.share * grid_runs),
        by=request.by,
        threshold=tuning.Threshold(certainty=getattr(rule, "certainty", 0.9), **options),
        full=request.full,
    )


def _told(found: Sequence[_Found], grid: Grid, request: TuneRequest) -> Output:
    knob = grid.study.knob
    for one in found:
        for model in one.tuned.looked:
            error = "n/a" if model.test_error is None else f"{model.test_error:.2%}"
            cka = "n/a" if model.cka is None else f"{model.cka:.4f}"
            mark = "*" if model.value == one.tuned.value else " "
            straddled = ", straddled the gate" if model.value in one.tuned.straddled else ""
            place = f"density {one.density:g}, {knob} {model.value:g}"
            console.say(f"{mark} {place}: LMC {model.lmc:+.4f}, CKA {cka}, test error {error}{straddled}")
    console.show(console.table(("density", knob, "runs", "of the grid's", "regret"), [_row(one) for one in found]))
    if any(not one.tuned.connected for one in found):
        console.say("note: no value passes the LMC gate at some density: the least barrier was taken")
    if request.json:
        return Output(text=json_text.dumps(_as_json(found, knob), indent=2, allow_nan=False))
    return Output(text="\n".join(f"{one.tuned.value:g}" for one in found))


def _row(found: _Found) -> tuple[str, ...]:
    share = f"{found.tuned.runs / found.grid_runs:.0%} of {found.grid_runs}"
    regret = "n/a: the grid is not complete" if found.regret is None else f"{found.regret:.2%}"
    return f"{found.density:g}", f"{found.tuned.value:g}", str(found.tuned.runs), share, regret


def _as_json(found: Sequence[_Found], knob: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "knob": knob,
        "found": [
            {
                "density": one.density,
                "value": one.tuned.value,
                "connected": one.tuned.connected,
                "runs": one.tuned.runs,
                "grid_runs": one.grid_runs,
                "regret": one.regret,
                "straddled": list(one.tuned.straddled),
                "looked": [
                    {"value": m.value, "lmc": m.lmc, "cka": m.cka, "test_error": m.test_error} for m in one.tuned.looked
                ],
            }
            for one in found
        ],
    }
