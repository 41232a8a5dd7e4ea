"""`prunescope results`: the runs of a study."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.wording import count_text
from prunescope.cli.commands import importing
from prunescope.cli.options import parameters, parsing
from prunescope.cli.options.questions import open_session
from prunescope.cli.options.studies import split_study, take_one
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output, command
from prunescope.cli.terminal.damage import report_damage
from prunescope.cli.terminal.headings import HeadedCommands
from prunescope.report.common import console
from prunescope.studies.results.question import ResultsQuestion

if TYPE_CHECKING:
    from prunescope.report.results.finding import OpenStudy


StudyArgument = Annotated[
    Path | None, typer.Argument(metavar="[STUDY]", help="Study, its folder or TOML file, in place of --study.")
]


def application() -> typer.Typer:
    """Return the commands of `prunescope results`."""
    app = typer.Typer(
        help="List, check, import, export and remove results.",
        no_args_is_help=True,
        rich_markup_mode=None,
        cls=HeadedCommands,
    )
    app.command("list")(command(list_runs))
    app.command("show")(command(show))
    app.command("check")(command(check))
    app.command("export")(command(export))
    app.command("import")(command(importing.import_results))
    app.command("record")(command(record))
    app.command("rm")(command(remove))
    app.command("gc")(command(collect))
    return app


def list_runs(
    folder: StudyArgument = None, *, json: parameters.Json = False, study: parameters.Study = parameters.STUDY
) -> Output:
    """List the finished runs."""
    found = _open(folder or study)
    exit_code = report_damage(found.problems)
    if json:
        return Output(text=json_text.dumps(found.as_json()["runs"], indent=2), exit_code=exit_code)
    return Output(text=found.printed(), exit_code=exit_code)


def show(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[STUDY] [RUN]", help="A run id or its beginning, behind its study; a study: its runs."),
    ],
    *,
    json: parameters.Json = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Show one run: recipe, provenance, readings. A diagnosis is shown as `diagnose` prints it, also with --json.

    Of a study alone its runs are listed.
    """
    from prunescope.report.results.run import RunFinding

    folder, named = split_study(words, study)
    if not named:
        return list_runs(folder, json=json)
    found, problems = _open(folder).show_sound(take_one(named, "RUN", "results show"))
    exit_code = report_damage(problems)
    if json:
        return Output(text=found.to_json(), exit_code=exit_code)
    shown = found.sections(width=console.width(sys.stdout)) if isinstance(found, RunFinding) else found.printed()
    return Output(text=shown, exit_code=exit_code)


def check(folder: StudyArgument = None, *, study: parameters.Study = parameters.STUDY) -> Output:
    """Check every file of the study against its digest. Returns exit code 2 if one is damaged."""
    found = _open(folder or study)
    damaged = found.check()
    for path in found.leftovers():
        console.say_line(f"left by an interrupted step, removed by `prunescope results gc`: {path}")
    if not damaged:
        return Output(text=f"{count_text(found.count(), 'run')}, no damage")
    text = "\n".join(console.one_line(f"{name}: {problem}") for name, problem in damaged)
    console.say("fix: delete the damaged files and run their commands again")
    return Output(text=text, exit_code=PrunescopeError.exit_code)


def remove(
    words: Annotated[
        list[str], typer.Argument(metavar="[STUDY] RUN", help="A run id or its beginning, behind its study.")
    ],
    *,
    dependants: Annotated[bool, typer.Option("--dependants", help="Remove the runs that start from it too.")] = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Remove a run and its weights."""
    folder, named = split_study(words, study)
    removed = _open(folder).remove(take_one(named, "RUN", "results rm"), dependants=dependants)
    return Output(text="\n".join(removed))


def collect(folder: StudyArgument = None, *, study: parameters.Study = parameters.STUDY) -> Output:
    """Remove what interrupted steps left. Damaged files that were set aside too."""
    return Output(text="\n".join(map(str, _open(folder or study).collect())))


def export(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[STUDY] FILE|CHECKPOINT",
            help="File to write: .h5, .hdf5, .json, .csv, or .parquet. With --to: a run id or a checkpoint.",
        ),
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="[timm|torchvision|hf|onnx|torch-prune]",
            help="Write one network for another library, load it back there, and compare the outputs.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="With --to: the file to write, replaced where it exists; of hf a new folder."
        ),
    ] = None,
    data: parameters.DataOrInherited = None,
    model: parameters.Model = None,
    weights: parameters.Weights = None,
    unsafe_load: parameters.UnsafeLoad = False,
    trust: parameters.Trust = None,
    json: parameters.Json = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Export all runs to a file, or one network to another library.

    Runs go without weights: HDF5 contains all data; JSON all except the masks; CSV and Parquet the readings,
    one row per number with step, network, density, knobs, seeds, replica or pair, and epoch; so do the rows of JSON.
    Networks: timm and torchvision load their file strictly; hf is a folder with a model card, as the Hugging Face Hub
    keeps networks of timm; onnx is the compact network where whole channels were pruned; torch-prune has weight_orig
    and weight_mask.
    """
    folder, named = split_study(words, study) if len(words) > 1 or to is None else (study, words)
    what = take_one(named, "FILE" if to is None else "CHECKPOINT", "results export")
    if to is not None:
        loading = {"model": model, "weights": weights, "unsafe_load": unsafe_load, "trust": tuple(trust or ())}
        return _export_network(what, to=to, output=output, data=data, json=json, study=folder, **loading)
    return _export_runs(Path(what), folder)


def _export_network(network: str, *, output: Path | None, json: bool, **given: Any) -> Output:  # noqa: ANN401 - as typed
    from prunescope.report.results.exporting import find_export
    from prunescope.studies.results.exporting import ExportQuestion

    if output is None:
        raise UsageError("--to requires a place to write to", fix="name it: --output PATH")
    question = ExportQuestion(network, output=output, **given)
    found = find_export(question, open_session(question))
    showing.say_lines(found.lines())
    return Output(text=found.to_json() if json else str(found.path))


def _export_runs(file: Path, study: Path) -> Output:
    from prunescope.report.results.finding import SUFFIXES

    parsing.check_output(file, SUFFIXES, option="FILE")
    found = _open(study).export(file)
    console.say(f"{count_text(found.runs, 'run')} in {file}")
    return Output(text=str(file), exit_code=report_damage(found.problems))


def record(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[STUDY] PLACE", help="A folder, behind the study; of mlflow a tracking URI."),
    ],
    *,
    to: Annotated[Literal["tensorboard", "mlflow"], typer.Option(help="The tool that shows them.")] = "tensorboard",
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Write epochs and readings of all runs for TensorBoard or MLflow.

    Each run of the study becomes a run of its id there; readings stand at the percent of weights kept.
    """
    from prunescope.report.recorders.mlflow import MLflow
    from prunescope.report.recorders.tensorboard import TensorBoard

    folder, named = split_study(words, study) if len(words) > 1 else (study, words)
    place = take_one(named, "PLACE", "results record")
    found = _open(folder)
    count = found.record(TensorBoard(place) if to == "tensorboard" else MLflow(place))
    console.say(f"{count_text(count, 'run')} in {place}")
    return Output(text=place, exit_code=report_damage(found.problems))


def _open(study: Path) -> OpenStudy:
    from prunescope.report.results.finding import find_results

    question = ResultsQuestion(study)
    return find_results(question, open_session(question))
