"""`prunescope report`: a study as a phase diagram, and its findings about the three regimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.runs.scheduling.memory import without_collector
from prunescope.studies.phase.question import ReportQuestion

if TYPE_CHECKING:
    from prunescope.report.phase.finding import PhaseReport


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """Options of `report`."""

    source: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY", help="A study's folder or TOML file; or a CSV table of cells, as --csv prints it."
        ),
    ]
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="HTML file; default: report.html in the study's folder."),
    ] = None
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the figures as SVG and PNG; default: beside the report."),
    ] = None
    rule: case_parameters.Rule = ReportQuestion.rule
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = ReportQuestion.rules
    json: parameters.Json = False
    csv: Annotated[bool, typer.Option("--csv", help="Print only a CSV line per cell on stdout.")] = False


def report(request: ReportRequest) -> Output:
    """Draw a study's phase diagram and report its findings. Prints the path of the HTML file.

    Maps of test error, LMC, CKA and regimes over temperature and density, the computed boundary of Regime I, tests of
    the paper's claims, and the regret of every selection rule. --json and --csv print to stdout instead; then files are
    written only with --output or --figures.

    Exit codes: 0 reported; 2 wrong usage or input; 4 the study has no finished probe.
    """
    from prunescope.report.phase.finding import find_report

    if request.json and request.csv:
        raise UsageError("--json and --csv both go to stdout", fix="give one of them")
    parsing.check_output(request.output, (".html",))
    with without_collector():
        question = build_question(ReportQuestion, request)
        found = find_report(question, open_session(question))
        return _printed(found, request, question)


def _printed(found: PhaseReport, request: ReportRequest, question: ReportQuestion) -> Output:
    """Write the files that are wanted; the page's path, JSON or CSV goes to stdout."""
    anyway = not (request.json or request.csv)
    page = request.output or (_beside(question) if anyway else None)
    figures = request.figures or (page.with_name(f"{page.stem}-figures") if page and anyway else None)
    if anyway:
        showing.say_lines(found.lines())
    if page is not None:
        found.report(page)
    if figures is not None:
        console.say(f"figures: {found.write_figures(figures)}")
    text = found.to_json() if request.json else found.to_csv().rstrip("\n") if request.csv else str(page)
    return Output(text=text, exit_code=damage_code(found.answer.problems))


def _beside(question: ReportQuestion) -> Path:
    return question.path.with_suffix(".html") if question.is_table else question.path / "report.html"
