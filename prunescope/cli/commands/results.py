"""`prunescope results`: what a study holds."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import InputError, PrunescopeError, UsageError
from prunescope.cli.options import parameters, parsing
from prunescope.cli.terminal.command import Output, command
from prunescope.cli.terminal.damage import report_damage
from prunescope.report.common import console
from prunescope.report.common.readings import reading_table
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from prunescope.api import Epoch
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.store import Store


def application() -> typer.Typer:
    """Return the commands of `prunescope results`."""
    app = typer.Typer(
        help="List, show, check and export the results of a study.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("list")(command(list_runs))
    app.command("show")(command(show))
    app.command("check")(command(check))
    app.command("export")(command(export))
    return app


def list_runs(*, json: parameters.Json = False, study: parameters.Study = parameters.STUDY) -> Output:
    """List the finished runs."""
    from prunescope.runs.watching import label

    store = _existing(study)
    runs, exit_code = _readable(store)
    runs.sort(key=lambda run: (run.created, run.id))
    if json:
        listed = [
            {"id": run.id, "step": run.recipe.step, "plugin": run.recipe.plugin, "created": run.created} for run in runs
        ]
        return Output(text=json_text.dumps(listed, indent=2), exit_code=exit_code)
    rows = [
        (
            run.id,
            label(run.recipe),
            run.created.removesuffix("+00:00").replace("T", " "),
            console.duration(run.wall_seconds),
            _gist(run),
        )
        for run in runs
    ]
    return Output(text=console.table(("id", "step", "created (UTC)", "took", "result"), rows), exit_code=exit_code)


def _readable(store: Store) -> tuple[list[Run], int]:
    """Return the runs that can be read, and the exit code: that of an error where another cannot, which is named."""
    runs, problems = [], []
    for run_id in store.ids():
        try:
            runs.append(store.read(run_id))
        except PrunescopeError as error:
            problems.append(error.message)
    return runs, report_damage(problems)


def _clock(created: str) -> str:
    """Return a time in UTC as a person reads it."""
    return created.removesuffix("+00:00").replace("T", " ")


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id or its beginning.")],
    *,
    json: parameters.Json = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Show one run: its recipe, its provenance, its readings; a diagnosis as `diagnose` prints it, --json likewise."""
    from prunescope.runs.files import runfile

    store = _existing(study)
    reference = store.resolve(run)
    if reference is None:
        raise InputError(f"there is no run {run!r} in {study}", fix=f"see: prunescope results list --study {study}")
    found = store.read(run_of(reference))
    if found.recipe.step == "diagnose":
        return _diagnosis(found.id, store, as_json=json)
    if json:
        return Output(text=json_text.dumps(runfile.as_json(found), indent=2))
    return Output(text=_sections(found))


def _diagnosis(run_id: str, store: Store, *, as_json: bool) -> Output:
    from prunescope.report import diagnosis as reports

    made = reports.assemble(store, run_id)
    if as_json:
        return Output(text=json_text.dumps(reports.as_json(made), indent=2, allow_nan=False))
    return Output(text=reports.terminal(made))


def check(*, study: parameters.Study = parameters.STUDY) -> Output:
    """Check every file of the study against its digest; exit code 2 when one is damaged."""
    store = _existing(study)
    damaged = store.check()
    for path in store.leftovers():
        console.say(f"left by an interrupted step, safe to delete: {path}")
    if not damaged:
        return Output(text=f"{len(store.ids())} runs, no damage")
    text = "\n".join(f"{name}: {problem}" for name, problem in damaged)
    console.say("fix: delete the damaged files and run their commands again")
    return Output(text=text, exit_code=PrunescopeError.exit_code)


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .h5, .hdf5, .json, or .csv.")],
    *,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Write all runs into one file; weights stay behind.

    HDF5 holds everything; JSON all but the masks; CSV the readings, a line per number.
    """
    from prunescope.runs import exports

    parsing.check_output(file, (".h5", ".hdf5", ".json", ".csv"), option="FILE")
    store, problems = _existing(study).sound()
    if file.suffix in (".json", ".csv"):
        count = exports.as_json(store, file) if file.suffix == ".json" else exports.as_csv(store, file)
    else:
        count = store.export(file)
    console.say(f"{count} runs in {file}")
    return Output(text=str(file), exit_code=report_damage(problems))


def _existing(study: Path) -> Store:
    store = parsing.open_store(study)
    if not store.runs.is_dir():
        raise UsageError(f"{study} is no study: it has no folder {store.runs}", fix="name one: --study DIR")
    return store


def _gist(run: Run) -> str:
    """Say in a few words what came out."""
    if run.verdicts:
        return ", ".join(f"{verdict.density:g}: {verdict.diagnosis.advice}" for verdict in run.verdicts)
    if run.history:
        return f"loss {run.history[-1].train_loss:.4f}"
    if run.readings:
        return f"{sum(map(len, run.readings.values()))} readings"
    if "density" in run.facts:
        return f"density {run.facts['density']:.4g}"
    return str(run.facts.get("model", {}).get("name", ""))


def _sections(run: Run) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    sections: list[RenderableType] = [Text("\n".join(f"{name:<10} {text}" for name, text in _about(run) if text))]
    if run.history:
        rows = [_epoch_row(epoch) for epoch in run.history]
        sections.append(console.table(("epoch", "learning rate", "loss", "error"), rows))
    if run.readings:
        sections.append(reading_table(run.readings, width=console.width(sys.stdout)))
    return Group(*[part for section in sections for part in (section, "")][:-1])


def _about(run: Run) -> list[tuple[str, str]]:
    from prunescope.runs.watching import label

    return [
        ("run", run.id),
        ("step", label(run.recipe)),
        ("created", f"{run.created}, took {console.duration(run.wall_seconds)} on {run.device}"),
        ("engine", run.engine),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("inputs", ", ".join(run.recipe.inputs)),
        ("options", json_text.dumps(run.recipe.options)),
        ("arguments", json_text.dumps(run.recipe.arguments)),
        ("weights", ", ".join(run.weights)),
        *[(name, json_text.dumps(fact)) for name, fact in sorted(run.facts.items())],
    ]


def _epoch_row(epoch: Epoch) -> tuple[str, ...]:
    numbers = f"{epoch.learning_rate:.4g}", f"{epoch.train_loss:.4f}", f"{epoch.train_error:.1%}"
    return str(epoch.number), *numbers
