"""`prunescope report`: a study as a phase diagram, and what it says of the three regimes."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import EvidenceError, InputError, StoreError, UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.damage import report_damage
from prunescope.regimes import chosen
from prunescope.report.common import console
from prunescope.runs.files.whole import write_whole
from prunescope.runs.scheduling.memory import without_collector

if TYPE_CHECKING:
    from collections.abc import Callable

    from prunescope.report.phase import Made
    from prunescope.studies.phase.diagram import PhaseDiagram
    from prunescope.studies.phase.findings import Findings

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
    parsing.check_output(request.output, (".html",))
    with without_collector():
        return _report(request)


def _report(request: ReportRequest) -> Output:
    places, source = _places(request), _open(request.source)
    findings, made, exit_code = _find(request, source)
    from prunescope.report import phase

    if not (request.json or request.csv):
        _tell(findings, made)
    _write(places, findings, made)
    if request.json:
        return Output(text=json_text.dumps(phase.as_json(findings, made), indent=2), exit_code=exit_code)
    if request.csv:
        return Output(text=phase.as_csv(findings).rstrip("\n"), exit_code=exit_code)
    return Output(text=str(places.page), exit_code=exit_code)


@dataclass(frozen=True)
class _Places:
    """Where files go; None: they are not wanted."""

    page: Path | None
    figures: Path | None


def _places(request: ReportRequest) -> _Places:
    """Return the places that were asked for; the report and its pictures anyway where nothing is printed instead."""
    anyway = not (request.json or request.csv)
    page = request.output or (_beside(request.source) if anyway else None)
    return _Places(page, request.figures or (page.with_name(f"{page.stem}-figures") if page and anyway else None))


@dataclass(frozen=True)
class _Source:
    """A study or a table whose results are not read yet."""

    network: str | None
    """None where a table does not say."""
    read: Callable[[str], tuple[PhaseDiagram, Made, int]]
    """From the name of the rule to the diagram, how it was made, and the exit code: not 0 where a file is damaged."""


def _open(source: Path) -> _Source:
    from prunescope.studies.grid import studyfolder
    from prunescope.studies.phase import from_study, from_table

    def table(_: str) -> tuple[PhaseDiagram, Made, int]:
        from prunescope.report.phase import Made

        return diagram, Made(), ExitCode.DONE

    def study(rule: str) -> tuple[PhaseDiagram, Made, int]:
        from prunescope.report.phase import of_study

        sound, problems = store, list[str]()
        try:
            found, seconds = from_study.read_timed(grid, store)
        except (StoreError, InputError):  # one file is damaged: look which are, and show the rest
            sound, problems = store.sound()
            found, seconds = from_study.read_timed(grid, sound)
        return found, of_study(grid, sound, rule=rule, known=seconds), report_damage(problems)

    if source.suffix == TABLE:
        diagram = from_table.read(source)
        return _Source(network=None, read=table)
    if not (source / studyfolder.STUDY_FILE).is_file():
        raise UsageError(
            f"{source} is no study: it has no {studyfolder.STUDY_FILE}",
            fix="give the folder that `prunescope sweep` printed, or a CSV table of cells",
        )
    store = parsing.open_store(source)
    grid = studyfolder.load_grid(source, trust=store.trust)
    return _Source(network=grid.study.model, read=study)


def _find(request: ReportRequest, source: _Source) -> tuple[Findings, Made, int]:
    from prunescope.studies.phase.findings import find

    diagram, made, exit_code = source.read(request.rule)
    if not any(cell.samples for cell in diagram.cells.values()):
        raise EvidenceError(
            f"{request.source} has no finished probe yet", fix=f"let it run: prunescope sweep {request.source}"
        )
    rule = chosen.rule(
        request.rule, parsing.pairs("--rule-option", request.rule_option), request.rules, network=source.network
    )
    return find(diagram, rule.instance), made, exit_code


def _write(places: _Places, findings: Findings, made: Made) -> None:
    """Write the files that are wanted."""
    from prunescope.report import phase

    if places.figures is None and places.page is None:
        return
    drawn = phase.draw(findings)
    if places.page is not None:
        write_whole(places.page, phase.html(findings, made, drawn=drawn))
    if places.figures is not None:
        phase.write_figures(drawn, places.figures)
        console.say(f"figures: {places.figures}")


def _beside(source: Path) -> Path:
    return source.with_suffix(".html") if source.suffix == TABLE else source / "report.html"


def _tell(findings: Findings, made: Made) -> None:
    """Say the main result and every answer on stderr."""
    from prunescope.report.phase import sentences

    if made.finished < made.of:
        console.say(f"{made.finished} of {made.of} steps are finished; what is missing stays blank")
    console.say(sentences.headline(findings))
    for answer in sentences.answers(findings):
        console.say(f"- {answer.question} {answer.text}")
