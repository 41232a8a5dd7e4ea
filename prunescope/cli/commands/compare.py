"""`prunescope compare`: pruners side by side, as ShrinkBench asks: seeds, spread, controls."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import PrunescopeError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.terminal import costing, steps
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.report.common import console
from prunescope.studies.comparison import defaults

if TYPE_CHECKING:
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.store import Store
    from prunescope.studies.comparison.layout import Layout
    from prunescope.studies.comparison.measured import Measured


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """What the user asks `compare` for."""

    pruners: Annotated[
        list[str],
        typer.Argument(
            metavar="PRUNER", help="Pruners, with options: lamp, magnitude:scope=global, random:allocation=erk."
        ),
    ]
    data: parameters.Data
    densities: Annotated[
        str, typer.Option("--density", "--densities", metavar="D,...", help="Shares of weights to keep.")
    ] = "0.5,0.2,0.1,0.05,0.02"
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Dense trainings, each pruned and retrained.")] = 3
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory; a small one if left out."),
    ] = None
    model_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")
    ] = None
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Epochs of the dense training.")] = 60
    retrain_epochs: case_parameters.RetrainEpochs = None
    trainer: Annotated[str, typer.Option(metavar="NAME", help="How to train and retrain.")] = "sgd"
    trainer_option: case_parameters.TrainerOption = None
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The first of the seeds.")] = 0
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = "auto"
    workers: case_parameters.Workers = 0
    executor: case_parameters.Executor = "local"
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="The page; comparison.html in the study's folder if left out."),
    ] = None
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def compare(request: CompareRequest) -> Output:
    """Prune and retrain by several pruners at several densities and seeds; prints the path of the page.

    Every seed trains one dense model; each pruner prunes it to each density, and it is retrained. The dense models and
    `random` are always among what is shown. Table, curves of accuracy against compression and theoretical speed-up, and
    every seed by itself, in one HTML file; comparison.json beside it. What is finished is not run again.

    Exit codes: 0 everything is measured; 2 wrong usage or input; 4 some steps failed; 130 interrupted.
    """
    from prunescope.studies.comparison import measured

    parsing.check_output(request.report, (".html",), option="--report")
    store = parsing.open_store(request.study, allowed=request.trust, model=request.model, data=request.data)
    device, layout = steps.resolve_device(request.device), defaults.laid_out(request, trust=store.trust)
    executor = costing.executor(request.executor, request.executor_option, workers=request.workers, device=device)
    estimate = costing.estimate(layout.recipes, store, executor, device=device)
    if request.dry_run:
        return costing.output(estimate, executor, as_json=request.json)
    problem = _complete(layout, store, executor, device=device)
    found = measured.read(layout, store)
    if problem is not None and not found.dense:
        raise problem
    return _told(found, layout, store, request)


def _complete(layout: Layout, store: Store, executor: Loaded, *, device: str) -> PrunescopeError | None:
    """Run what is not finished; return the first error, so that the rest is shown all the same."""
    try:
        steps.complete(layout.recipes, store, executor.instance, device=device)
    except PrunescopeError as error:
        console.say(f"error: {error.message}")
        console.say(f"fix: {error.fix}")
        return error
    return None


def _told(found: Measured, layout: Layout, store: Store, request: CompareRequest) -> Output:
    """Show the table, write page and JSON; the page's path, or JSON, goes to stdout."""
    from prunescope.report.comparison import page, tables

    console.show(console.table(tables.COLUMNS, tables.rows(found)))
    console.say(page.headline(found))
    facts = _facts(layout, request)
    values = tables.as_json(found, {"made": facts, "versions": _versions(layout, store)})
    path = request.report or store.study / "comparison.html"
    text = page.html(found, facts=facts, versions=values["versions"], citations=_citations(layout))
    _write(path, text)
    _write(store.study / "comparison.json", json_text.dumps(values, indent=2, allow_nan=False) + "\n")
    exit_code = ExitCode.EVIDENCE if found.missing else ExitCode.DONE
    if found.missing:
        console.say(f"{len(found.missing)} of the table's cells are not complete; the same command tries them again")
    return Output(
        text=json_text.dumps(values, indent=2, allow_nan=False) if request.json else str(path), exit_code=exit_code
    )


def _facts(layout: Layout, request: CompareRequest) -> dict[str, str]:
    study = layout.study
    of_model = ", ".join(f"{name} {value}" for name, value in study.model_options.items())
    return {
        "network": f"{study.model} ({of_model})" if of_model else study.model,
        "data": study.data + (f", {request.limit_batches} batches" if request.limit_batches else ""),
        "training": _choice(study.train.plugin, dict(study.train.options)),
        "retraining": _choice(study.retrain.plugin, dict(study.retrain.options)),
        "pruners": "; ".join(layout.grids),
        "densities": ", ".join(f"{density:g}" for density in sorted(study.densities, reverse=True)),
        "seeds": ", ".join(map(str, study.dense_seeds)),
    }


def _choice(plugin: str, options: dict[str, Any]) -> str:
    return f"{plugin}: {', '.join(f'{name} {value}' for name, value in options.items())}"


def _versions(layout: Layout, store: Store) -> dict[str, str]:
    finished = frozenset(store.ids())
    last = next((recipe.id for recipe in reversed(layout.recipes) if recipe.id in finished), None)
    return dict(store.read(last).versions) if last else {}


def _citations(layout: Layout) -> list[str]:
    from prunescope.plugins import citations

    return [one.text for one in citations.cited(citations.methods(layout.recipes))]


def _write(path: Path, text: str) -> None:
    from prunescope.api.errors import UsageError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", fix="name another place: --report FILE.html"
        ) from error
