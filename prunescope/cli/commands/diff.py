"""`prunescope diff`: two diagnoses, or two studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from prunescope.cli.options import parameters, parsing
from prunescope.cli.options.questions import open_session
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.studies.difference.question import DifferenceQuestion

Side = Annotated[
    str, typer.Argument(help="A diagnosis's run id, the file that diagnose --json wrote, or a study folder.")
]


def diff(
    before: Side,
    after: Side,
    *,
    points: Annotated[
        float, typer.Option(metavar="P", min=0, help="Points of test error from which a change counts.")
    ] = DifferenceQuestion.points,
    fail_on: Annotated[
        Literal["worse"] | None, typer.Option(help="Return exit code 1 where a test error grew clearly.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the tables as Markdown, for a pull request.")
    ] = None,
    json: parameters.Json = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Compare two diagnoses, or two studies. Prints the tables.

    A test error is worse where its mean over replicas grew by more than --points and by more than twice its standard
    error. Readings that changed clearly are shown; --json has all of them.
    """
    from prunescope.report.difference.finding import find_difference

    parsing.check_output(markdown, (".md",), option="--markdown")
    question = DifferenceQuestion(before, after, points=points, study=study)
    found = find_difference(question, open_session(question))
    if markdown is not None:
        found.to_markdown(markdown)
    failed = ExitCode.FAILED_ON if fail_on and found.worse else ExitCode.DONE
    exit_code = damage_code(found.found.problems) or failed
    return Output(text=found.to_json() if json else console.as_text(found.printed(), width=100), exit_code=exit_code)
