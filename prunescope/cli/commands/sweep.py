"""`prunescope sweep`: every cell of a study, each shared step once."""

from __future__ import annotations

import json as json_text
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import StoreError, UsageError
from prunescope.cli.commands import study_list
from prunescope.cli.options import parameters, parsing
from prunescope.cli.terminal import costing, steps
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.report.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Outcome
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.grid.layout import Grid


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """What the user asks `sweep` for."""

    file: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's TOML file, or the folder of one begun.")]
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder that keeps every finished step; the file's name, here, if left out."),
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Only these steps and what they need: train, 'probe/lmc/*', '*density=0.1,*'."
        ),
    ] = None
    shard: Annotated[str | None, typer.Option(metavar="K/N", help="Only the K-th of N parts of the grid.")] = None
    list_steps: Annotated[bool, typer.Option("--list", help="List every step and how far it is, and stop.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what it would cost, and stop.")] = False
    repair: Annotated[
        bool, typer.Option("--repair", help="Compute damaged steps again; their files go to damaged/ of the study.")
    ] = False
    trust: parameters.Trust = None
    device: parameters.Device = "auto"
    workers: Annotated[
        int, typer.Option(metavar="N", min=0, help="Worker processes; 0: one per core, on a GPU one.")
    ] = 0
    executor: Annotated[str, typer.Option(metavar="NAME", help="What runs the steps.")] = "local"
    executor_option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the executor.")] = (
        None
    )
    json: parameters.Json = False


@dataclass(frozen=True, kw_only=True)
class _Swept:
    """How a sweep ended."""

    named: Mapping[str, Recipe]
    before: int
    """Steps that were finished before."""
    outcomes: Sequence[Outcome]
    seconds: float = 0.0
    """That it took by the clock on the wall."""

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.error and not outcome.skipped]

    @property
    def finished(self) -> int:
        return self.before + sum(not outcome.error for outcome in self.outcomes)


def sweep(request: SweepRequest) -> Output:
    """Train, prune, retrain and measure every cell of a study; prints the study's folder.

    What is finished is not run again: the same command resumes, and several may work on one
    study. A step that fails is noted in failures/ of the folder, what needs it is skipped, and the rest goes on.
    Finished is a step whose files are as they were written: --repair computes damaged ones again.

    Exit codes: 0 every step is finished; 2 wrong usage or input, or no room to write; 4 some steps failed; 70 a bug;
    130 interrupted.
    """
    from prunescope.studies.grid import studyfolder

    file = studyfolder.find(request.file)
    store = parsing.open_store(request.study or _default_folder(file), allowed=request.trust)
    if not (request.list_steps or request.dry_run):
        studyfolder.settle(file, store.study, trust=store.trust)
    grid = studyfolder.load_grid(store.study, at=file, trust=store.trust)
    named = _chosen(grid, request)
    damaged = store.damaged(recipe.id for recipe in named.values())
    if request.list_steps:
        return study_list.output(named, store, damaged, as_json=request.json)
    store = _mended(named, damaged, store, request)
    device = steps.resolve_device(request.device)
    executor = costing.executor(request.executor, request.executor_option, workers=request.workers, device=device)
    estimate = costing.estimate(list(named.values()), store, executor, device=device)
    if request.dry_run:
        return costing.output(estimate, executor, as_json=request.json)
    if not store.has_locks():
        console.say(f"note: this file system has no locks: files in {store.runs / '.locks'} stand in for them")
        console.say("fix: where a machine went down, remove its *.lease there when none of its processes runs")
    swept = _complete(named, store, executor, device=device, of=grid.recipes)
    return _told(swept, store, as_json=request.json)


def _mended(named: Mapping[str, Recipe], damaged: Mapping[str, str], store: Store, request: SweepRequest) -> Store:
    """Name the damaged steps; return the study without them where they shall be computed again."""
    for name, recipe in named.items():
        if recipe.id in damaged:
            console.say(f"damaged: {name}: {damaged[recipe.id]}")
    if damaged and not request.repair:
        raise StoreError(
            f"{len(damaged)} of the finished steps in {store.study} are damaged: nothing was run",
            fix=f"compute them again: prunescope sweep {request.file} --repair",
        )
    if request.dry_run:
        return replace(store, without=frozenset(damaged))
    for run_id in damaged:
        store.set_aside(run_id)
    return store


def _default_folder(file: Path) -> Path:
    return file.parent if file.name == "study.toml" else Path(file.stem)


def _chosen(grid: Grid, request: SweepRequest) -> dict[str, Recipe]:
    from prunescope.studies.grid import selection

    named = grid.named
    if request.shard is not None:
        number, of = _shard(request.shard)
        named = selection.shard(grid, number, of=of)
    return selection.only(named, request.only) if request.only else named


def _shard(text: str) -> tuple[int, int]:
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError(f"--shard got {text!r}", fix="it wants K/N, for example 1/4, 2/4, 3/4 and 4/4")
    return int(number), int(of)


def _complete(
    named: Mapping[str, Recipe], store: Store, executor: Loaded, *, device: str, of: Sequence[Recipe]
) -> _Swept:
    """Run what is not finished, a part of the study `of`, and report every failure as it comes."""
    from prunescope.report.common.progress import watched
    from prunescope.runs import failures
    from prunescope.runs.scheduling import scheduler as sweeping

    todo = sweeping.pending(list(named.values()), store)
    names = {recipe.id: name for name, recipe in named.items()}
    before, outcomes, started = len(named) - len(todo), [], monotonic()
    if before:
        console.say(f"{before} of {len(named)} steps are there already")
    if todo:
        with watched(todo, store, weights=steps.weights(todo, store, device)):
            for outcome in sweeping.run(list(named.values()), store, executor.instance, device=device, of=of):
                outcomes.append(outcome)
                if outcome.error and not outcome.skipped:
                    message = outcome.error.partition("\n")[0]
                    console.say(f"failed: {names[outcome.id]}: {message}")
                    console.say(f"        see {failures.path(store.study, outcome.id)}")
    return _Swept(named=named, before=before, outcomes=outcomes, seconds=monotonic() - started)


def _told(swept: _Swept, store: Store, *, as_json: bool) -> Output:
    """Say how it ended; the folder, or JSON, goes to stdout."""
    from prunescope.runs.files import glance

    counts = Counter(outcome.skipped for outcome in swept.outcomes if outcome.error)
    total = len(swept.named)
    done = [outcome.id for outcome in swept.outcomes if not outcome.error and store.has(outcome.id)]
    lost = sum(not store.has(recipe.id) for recipe in swept.named.values()) - (total - swept.finished)
    unfinished = total - swept.finished + max(lost, 0)
    if lost > 0:
        console.say(f"{lost} steps that were finished are no longer in {store.study}: was it removed meanwhile?")
    if done:
        of_workers = sum(glance.wall_seconds(store.path(run_id)) for run_id in done)
        console.say(
            f"{len(done)} steps took {console.duration(swept.seconds)} by the clock, "
            f"{console.duration(of_workers)} of the workers' time"
        )
    if unfinished:
        console.say(
            f"{total - unfinished} of {total} steps are finished, {counts[False]} failed, {counts[True]} were skipped"
        )
        console.say("fix: see the failures above; the same command tries them again")
    else:
        console.say(f"all {total} steps are finished: {store.study}")
        console.say(f"next: prunescope report {store.study}")
    text = json_text.dumps(_as_json(swept, store), indent=2) if as_json else str(store.study)
    return Output(text=text, exit_code=_exit_code(swept, unfinished))


def _exit_code(swept: _Swept, unfinished: int) -> int:
    from prunescope.runs.store import CANNOT_WRITE

    if any(outcome.error.startswith(CANNOT_WRITE) for outcome in swept.failed):
        return UsageError.exit_code
    return ExitCode.EVIDENCE if unfinished else ExitCode.DONE


def _as_json(swept: _Swept, store: Store) -> dict[str, Any]:
    names = {recipe.id: name for name, recipe in swept.named.items()}
    failed = [
        {"id": outcome.id, "name": names[outcome.id], "error": outcome.error.partition("\n")[0]}
        for outcome in swept.failed
    ]
    return {
        "schema_version": 1,
        "study": str(store.study),
        "steps": len(swept.named),
        "finished": swept.finished,
        "failed": failed,
        "skipped": [outcome.id for outcome in swept.outcomes if outcome.skipped],
    }
