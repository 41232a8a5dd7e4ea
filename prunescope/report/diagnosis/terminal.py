"""A report on a terminal: verdict first, then the evidence as a table, then warnings."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from prunescope.api import Advice, Regime
from prunescope.api.wording import count_text, points_interval, probability_text
from prunescope.plugins import publications
from prunescope.report.common import formatting, words
from prunescope.report.diagnosis import evidence
from prunescope.report.diagnosis.reasons import group_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from prunescope.report.common.view import Command, Headline, Report, Row

COLOURS: dict[Regime | None, str] = {
    Regime.I: "bold red",
    Regime.II: "bold blue",
    Regime.II_A: "bold blue",
    Regime.II_B: "bold green",
    Regime.UNRESOLVED: "bold yellow",
    None: "bold",
}

LABEL_WIDTH = 26

GAP = 2

BREAK = " \\"

TEXT_MARGIN = 2

SHOWN_WARNINGS = 2
"""Those that weaken the verdict most; the others are counted."""


@dataclass(frozen=True)
class Printed:
    """A report as something rich prints; it looks at the width and at whether the terminal has more than ASCII."""

    report: Report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, 100)
        for block in _blocks(self.report, width):
            yield _ascii(block, console, width) if options.ascii_only else Constrain(block, width)


def terminal(report: Report) -> RenderableType:
    """Return a report as something rich prints: no line is wider than 100 columns, or than the terminal."""
    return Printed(report)


def _blocks(report: Report, width: int) -> Iterator[RenderableType]:
    yield Text.assemble(("prunescope ", "dim"), (report.title, "bold"), ("  " + report.id, "dim"))
    yield Text("")
    yield Text(words.headline(report.verdicts, report.dense_votes), style="bold")
    yield Text("")
    yield from _verdicts(report.verdicts, width)
    yield from (Text(line, style="dim") for line in (words.sure_of(report.verdicts),) if line)
    yield from _gains(report.verdicts)
    yield from (_vote(vote, alone=not report.verdicts) for vote in report.dense_votes)
    yield from _meaning(report)
    yield _facts(report)
    yield from _next(report.commands, width)
    yield from _evidence(report, width)
    yield from _reasons(report)
    yield from _warnings(report)
    yield from (Text(""), _cited(report))


def _verdicts(verdicts: Sequence[Headline], width: int) -> Iterator[RenderableType]:
    """One line per density: shape and word, arrow and word, how sure; these below one another on a narrow terminal."""
    rows = [_verdict_cells(verdict) for verdict in verdicts]
    widths = [max(map(cell_len, column)) + 2 for column in zip(*rows, strict=True)]
    styles = [COLOURS[verdict.regime] for verdict in verdicts]
    if sum(widths) > width + 2:
        yield from (
            Text("\n  ").join([Text(label.strip()), Text(shape, style=style), *map(Text, others)])
            for (label, shape, *others), style in zip(rows, styles, strict=True)
        )
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for (label, shape, *others), style in zip(rows, styles, strict=True):
        table.add_row(Text(label), Text(shape, style=style), *map(Text, others))
    yield table


def _verdict_cells(verdict: Headline) -> tuple[str, str, str, str]:
    shape = f"{words.REGIME_SHAPES[verdict.regime]} {words.REGIMES[verdict.regime]}"
    sure = "" if verdict.regime_probability is None else f" ({probability_text(verdict.regime_probability)})"
    move = f"{words.ARROWS[verdict.advice]} {words.ADVICE[verdict.advice]}"
    return f"{verdict.label:>6}", shape + sure, move, f"confidence {confidence(verdict)}"


def confidence(verdict: Headline) -> str:
    """Say how sure a verdict is, and of what where it abstains."""
    if verdict.confidence is None:
        return "n/a"
    shown = probability_text(verdict.confidence)
    if verdict.hotter is not None:
        return f"{shown}, not advised" if verdict.advice is Advice.NONE else shown
    return f"{shown}, too low" if verdict.regime is Regime.UNRESOLVED else shown


def _gains(verdicts: Sequence[Headline]) -> Iterator[Text]:
    """Say what the steps gained between siblings: nothing where none was measured."""
    shown = [
        f"{verdict.label} {points_interval(verdict.gain, *verdict.gain_interval)}"
        for verdict in verdicts
        if verdict.gain is not None and verdict.gain_interval is not None and verdict.advice is not Advice.NONE
    ]
    if shown:
        yield Text(f"Measured between siblings, in training error: {', '.join(shown)}.", style="dim")


def _vote(vote: Headline, *, alone: bool) -> Text:
    """Return the vote on the dense model; the arrow of an advice only where it stands alone."""
    shape = f"{words.REGIME_SHAPES[vote.regime]} {words.REGIMES[vote.regime]}: " if vote.regime else ""
    arrow, by = (f"{words.ARROWS[vote.advice]} ", "") if alone else ("", "a vote, not the advice: ")
    return Text(
        f" {vote.label}  {shape}{arrow}{words.VOTES[vote.advice]} ({by}{vote.rule}, confidence {confidence(vote)})"
    )


def _meaning(report: Report) -> Iterator[RenderableType]:
    lines = [
        f"{words.ARROWS[advice]} {verb} = {words.either(sides)}"
        for advice, verb, sides in (
            (Advice.RAISE, "raise", [knob.hotter for knob in report.knobs if knob.hotter]),
            (Advice.LOWER, "lower", [knob.colder for knob in report.knobs if knob.colder]),
        )
        if sides and any(verdict.advice is advice for verdict in report.advising)
    ]
    if not report.knobs:
        lines.append("The checkpoint does not record its training: no knob is known.")
    if lines:
        yield from (Text(""), *map(Text, lines))


def _facts(report: Report) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    shown = f"{report.level.name}: {report.level.stands_on}. {report.level.next_buys}"
    table.add_row("evidence", Text(shown))
    steps = ", ".join(
        _step(cost.step, cost.runs, cost.detail) for cost in report.cost if cost.step in ("train", "retrain")
    )
    shown = f"{formatting.duration_text(report.seconds)} of computing, summed over workers"
    table.add_row("cost", Text(shown + (f" ({steps})" if steps else "")))
    return Group(Text(""), table)


def _step(step: str, runs: int, detail: str) -> str:
    name = {"train": "dense training", "retrain": "retraining"}[step] + ("s" if runs > 1 else "")
    return f"{runs} {name}" + (f" of {detail}" if detail else "")


def _next(commands: Sequence[Command], width: int) -> Iterator[RenderableType]:
    """Print commands with nothing after the backslash that continues a line."""
    yield from (Text(""), Text("Next", style="bold"))
    for command in commands:
        yield Padding(Text(command.why), (0, 0, 0, TEXT_MARGIN))
        for line in command.lines:
            text = indent(wrapped(line, width - 2 * TEXT_MARGIN), 2 * TEXT_MARGIN * " ")
            yield Text(text, style="cyan", no_wrap=True, overflow="ignore")


def wrapped(line: Sequence[str], width: int) -> str:
    r"""Break a command where a shell allows it, and no option from its value.

    >>> print(wrapped(("prunescope", "train", "sgd", "--seed", "3", "--epochs=40"), 36))
    prunescope train sgd --seed 3 \
        --epochs=40
    """
    lines: list[str] = []
    current = ""
    for part in _parts(line):
        longer = f"{current} {part}" if current else part
        if current and len(longer) > width - len(BREAK):
            lines.append(current + BREAK)
            longer = f"    {part}"
        current = longer
    return "\n".join([*lines, current])


def _parts(line: Sequence[str]) -> Iterator[str]:
    """Yield words, an option together with the value that follows it."""
    option = ""
    for word in line:
        if option and word.startswith("--"):
            yield option
            option = ""
        if option or not word.startswith("--"):
            yield f"{option} {word}".strip()
            option = ""
        else:
            option = word
    if option:
        yield option


def _evidence(report: Report, width: int) -> Iterator[RenderableType]:
    """Print the readings of every diagnosis, then those of other probes; name the rest."""
    own = [row for row in report.others if _probe(row) not in evidence.CORE]
    yield from (Text(""), Text("Evidence", style="bold"))
    rows = [*report.evidence, *own]
    for columns in _fitting(report, rows, width):
        yield _table(report, rows, columns)
    yield Text("± is the standard deviation over pairs of replicas, or over replicas.", style="dim")
    for reason, labels in _missing(report.evidence).items():
        yield Text(f"n/a: {', '.join(labels)}: {reason}.", style="dim")
    yield from _elsewhere(report)


def _elsewhere(report: Report) -> Iterator[RenderableType]:
    """Name the readings a terminal has no room for; those of the core's probes by their number."""
    keys = dict.fromkeys((*(vector.key for vector in report.vectors), *(summary.key for summary in report.summaries)))
    keys |= dict.fromkeys(row.key for row in report.others if row.key.partition("/")[0] in evidence.CORE)
    named = [key for key in keys if key.partition("/")[0] not in evidence.CORE]
    counted = len(keys) - len(named)
    shown = [*named, *([f"{counted} more of {', '.join(evidence.CORE)}"] if counted else [])]
    if shown:
        yield Text(f"In the report and in --json: {'; '.join(shown)}.", style="dim")


def _table(report: Report, rows: Sequence[Row], columns: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    table.add_column("", max_width=LABEL_WIDTH, overflow="fold")
    for column in columns:
        table.add_column(Text(report.columns[column].label), justify="right", overflow="fold")
    for row in rows:
        table.add_row(Text(_label(row)), *[Text(_cell(row, column)) for column in columns])
    return table


def _label(row: Row) -> str:
    unit = formatting.row_unit(row.unit)
    return f"{row.label}, {unit}" if unit else row.label


def _cell(row: Row, column: int) -> str:
    return formatting.cell(row.cells[column], row.style, row.unit, brief=True)


def _fitting(report: Report, rows: Sequence[Row], width: int) -> list[list[int]]:
    """Divide the columns into tables that fit the width."""
    label = min(LABEL_WIDTH, max(len(_label(row)) for row in rows))
    found: list[list[int]] = [[]]
    left = width - label - GAP
    for column in range(len(report.columns)):
        needs = GAP + max(len(report.columns[column].label), *(len(_cell(row, column)) for row in rows))
        if needs > left and found[-1]:
            found.append([])
            left = width - label - GAP
        found[-1].append(column)
        left -= needs
    return found


def _probe(row: Row) -> str:
    return row.key.partition("/")[0]


def _missing(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.missing:
                found.setdefault(cell.missing, {})[row.label] = None
    return {reason: list(labels) for reason, labels in found.items()}


def _reasons(report: Report) -> Iterator[RenderableType]:
    """Print the reasons of each verdict, those that several share once."""
    yield from (Text(""), Text("Why", style="bold"))
    for group in group_reasons((*report.verdicts, *report.dense_votes)):
        yield Padding(Text(f"{group.label}: {'; '.join(group.reasons)}."), (0, 0, 0, TEXT_MARGIN))


def _warnings(report: Report) -> Iterator[RenderableType]:
    if not report.warnings:
        return
    yield from (Text(""), Text("Warnings", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    for warning in report.warnings[:SHOWN_WARNINGS]:
        table.add_row(Text(" !", style="yellow"), Text(warning))
    yield table
    if more := len(report.warnings[SHOWN_WARNINGS:]):
        yield Text(
            f"   {count_text(more, 'more warning')} in the report (--report FILE.html) and in --json", style="dim"
        )


def _cited(report: Report) -> Text:
    """Name the publications of the methods; the whole list takes a command."""
    named = ", ".join(publications.short(one.publication) for one in report.cited[1:])
    return Text(f"Cite: {named or 'prunescope'} (in full: prunescope cite {report.id})", style="dim")


def _ascii(block: RenderableType, console: Console, width: int) -> Text:
    """Return a block in ASCII: the shapes keep distinct characters."""
    lines = console.render_lines(block, console.options.update(width=width), pad=False)
    text = "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)
    return Text(text.translate(words.ASCII).encode("ascii", "replace").decode())
