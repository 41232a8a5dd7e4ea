"""`prunescope report`: a study as a phase diagram, and what it says of the three regimes."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.cli import case_parameters, console, given, parameters, ruling
from prunescope.cli.command import Output
from prunescope.errors import EvidenceError, UsageError
from prunescope.memory import without_collector

if TYPE_CHECKING:
    from prunescope.phase import Findings
    from prunescope.phase.diagram import PhaseDiagram
    from prunescope.report.phase import Made

TABLE = ".csv"


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What the user asks `report` for."""

    source: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="A study's folder; or a CSV table of cells, as --csv prints it."),
    ]
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="The report; report.html in the study's folder if left out."),
    ] = None
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the pictures as SVG and PNG; beside the report if left out."),
    ] = None
    rule: case_parameters.Rule = "three-regime"
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = None
    json: parameters.Json = False
    csv: Annotated[bool, typer.Option("--csv", help="Print a line per cell, and nothing else, on stdout.")] = False


def report(request: ReportRequest) -> Output:
    """Draw a study's phase diagram and say what it shows; prints the path of the HTML file.

    Maps of test error, LMC, CKA and regimes over temperature and density, the computed boundary of Regime I, tests of
    the paper's claims, and the regret of every way to choose a model. --json and --csv print instead; then files are
    written only where --output or --figures ask for them.

    Exit codes: 0 reported; 2 wrong usage or input; 4 the study has no finished probe.
    """
    if request.json and request.csv:
        raise UsageError("--json and --csv both go to stdout", fix="give one of them")
    given.check_output(request.output, (".html",))
    with without_collector():
        return _report(request)


def _report(request: ReportRequest) -> Output:
    findings, made = _find(request)
    from prunescope.report import phase

    if request.json:
        _write(request, findings, made)
        return Output(text=json_text.dumps(phase.as_json(findings, made), indent=2))
    if request.csv:
        _write(request, findings, made)
        return Output(text=phase.as_csv(findings).rstrip("\n"))
    _tell(findings, made)
    return Output(text=str(_write(request, findings, made, anyway=True)))


def _find(request: ReportRequest) -> tuple[Findings, Made]:
    from prunescope.phase import find

    diagram, made, network = _read(request.source, request.rule)
    if not any(cell.samples for cell in diagram.cells.values()):
        raise EvidenceError(
            f"{request.source} has no finished probe yet", fix=f"let it run: prunescope sweep {request.source}"
        )
    rule = ruling.rule(request.rule, request.rule_option, request.rules, network=network)
    return find(diagram, rule.instance), made


def _read(source: Path, rule: str) -> tuple[PhaseDiagram, Made, str | None]:
    """Return the diagram, how it was made, and the network, where a table does not say."""
    from prunescope import studyfolder
    from prunescope.phase import from_study, from_table
    from prunescope.report.phase import Made, of_study
    from prunescope.store import Store

    if source.suffix == TABLE:
        return from_table.read(source), Made(), None
    if not (source / studyfolder.STUDY_FILE).is_file():
        raise UsageError(
            f"{source} is no study: it has no {studyfolder.STUDY_FILE}",
            fix="give the folder that `prunescope sweep` printed, or a CSV table of cells",
        )
    grid, store = studyfolder.load_grid(source), Store(source)
    diagram, seconds = from_study.read_timed(grid, store)
    return diagram, of_study(grid, store, rule=rule, known=seconds), grid.study.model


def _write(request: ReportRequest, findings: Findings, made: Made, *, anyway: bool = False) -> Path | None:
    """Write the files that were asked for, or, anyway, the report and its pictures; return the report's path."""
    from prunescope.report import phase

    page = request.output or (_beside(request.source) if anyway else None)
    figures = request.figures or (page.with_name(f"{page.stem}-figures") if page and anyway else None)
    if page is None and figures is None:
        return None
    drawn = phase.draw(findings)
    if figures is not None:
        phase.write_figures(drawn, figures)
        console.say(f"figures: {figures}")
    if page is not None:
        _write_text(page, phase.html(findings, made, drawn=drawn))
    return page


def _beside(source: Path) -> Path:
    return source.with_suffix(".html") if source.suffix == TABLE else source / "report.html"


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", fix="name another place: --output FILE.html"
        ) from error


def _tell(findings: Findings, made: Made) -> None:
    """Say the main result and every answer on stderr."""
    from prunescope.report.phase import sentences

    if made.finished < made.of:
        console.say(f"{made.finished} of {made.of} steps are finished; what is missing stays blank")
    console.say(sentences.headline(findings))
    for answer in sentences.answers(findings):
        console.say(f"- {answer.question} {answer.text}")
