"""`prunescope results import`: results of other programs as a study."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import parameters, parsing
from prunescope.cli.options.questions import open_session
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.studies.imported.question import ImportQuestion


def import_results(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Folders with results of another program, at any depth.")
    ],
    *,
    to: Annotated[Path, typer.Option(metavar="STUDY", help="Study folder, new or of earlier imports.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="[timm|open-lth|shrinkbench|three-regime]",
            help="Program that wrote them; default: recognised by the files.",
        ),
    ] = None,
    knob: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=VALUE]",
            help="Knob of the dense training along which they lie; with its value where the files do not hold it.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Import only results of this setting: pruning=GlobalMagWeight."),
    ] = None,
    json: parameters.Json = False,
) -> Output:
    """Import results of another program as a study. Report, advise and calibrate take it; numbers stay as they are.

    Run folders of timm's train.py, lotteries of open_lth, experiments of ShrinkBench, result files of
    ThreeRegimePruning. Each run is marked as imported, with the digests of its files and what was not measured.
    Prints the study folder.
    """
    from prunescope.report.results.importing import find_import

    name, equals, text = (knob or "").partition("=")
    question = ImportQuestion(
        sources,
        to=to,
        form=form,
        knob=name or None,
        value=_number(text) if equals else None,
        where=parsing.pairs("--where", where),
    )
    found = find_import(question, open_session(question))
    showing.say_lines(found.lines())
    return Output(text=json_text.dumps(found.as_json(), indent=2) if json else str(found.study))


def _number(text: str) -> float:
    found = parsing.numbers("--knob", [text])
    if len(found) != 1:
        raise UsageError(f"--knob got the value {text!r}", fix="give one number: --knob epochs=30")
    return found[0]
