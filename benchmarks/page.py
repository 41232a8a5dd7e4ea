"""The page of benchmarks: what each script measured, as JSON in docs/benchmarks, its tables and the picture.

A script replaces its own part and the page is written again from all parts, so that scripts can be run one at a time;
`python benchmarks/page.py` writes it without measuring anything.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

DOCS = Path(__file__).parent.parent / "docs"

HEAD = """# Benchmarks

Written by `nox -s bench`. Each ratio compares the processor time of two variants run in turn in the same process, on
one thread, unless its note has another: the median over the rounds, with the smallest and the largest in brackets.
The plain variant is a reference-style implementation in `benchmarks/plain.py`: a DataLoader with transforms of each
image by PIL, float32 NCHW, a number fetched at every step; for CKA it is `benchmarks/gram.py`: Gram matrices of all
images by numpy. All variants compute the same; each benchmark checks that first. The share is that of the
floating-point operations per second of the faster variant, in its best round, in those of the best matrix product or
convolution on the same core in the same run: where it is near 100 %, only fewer operations could be faster.
"""

PICTURE = """![Every ratio reached, with its spread, beside what was wanted](images/benchmarks.svg)

*Ratios reached (dots, with the smallest and the largest) and wanted (bar: at least; triangle: aim), on a logarithmic
scale.*
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    workload: str
    comparison: str
    ratios: Sequence[float]
    """Processor time of the slower variant / that of the faster, pair by pair."""
    share: float | None
    """Of the limit, reached by the faster variant; None: not measured."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One line of the table at the head of the page."""

    workload: str
    against: str
    ratios: Sequence[float]
    """Time (or what the note says) of what it is compared with / that of prunescope, pair by pair."""
    least: float
    """The ratio wanted."""
    aim: float | None = None
    """The ratio hoped for."""
    share: float | None = None
    """Of the limit; None: not measured."""
    note: str = ""
    """What else was checked, or what limits it."""

    @property
    def reached(self) -> float:
        """The median."""
        return statistics.median(self.ratios)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one script measured."""

    title: str
    machine: str
    rows: Sequence[Row] = ()
    headlines: Sequence[Headline] = ()
    notes: Sequence[str] = ()
    """Paragraphs below its table."""


def put(part: Part) -> None:
    """Replace the part of this title and write the page."""
    folder = DOCS / "benchmarks"
    folder.mkdir(exist_ok=True)
    name = "-".join("".join(sign if sign.isalnum() else " " for sign in part.title.lower()).split())
    (folder / f"{name}.json").write_text(json.dumps(asdict(part), indent=1) + "\n")
    write()


def write() -> None:
    """Write docs/benchmarks.md and docs/images/benchmarks.svg from all parts."""
    parts = [_read(path) for path in sorted((DOCS / "benchmarks").glob("*.json"))]
    headlines = [headline for part in parts for headline in part.headlines]
    blocks = [HEAD]
    if headlines:
        blocks += [head_table(headlines), PICTURE]
        draw(headlines, DOCS / "images" / "benchmarks.svg")
    (DOCS / "benchmarks.md").write_text("\n".join([*blocks, *map(section, parts)]))


def _read(path: Path) -> Part:
    found = json.loads(path.read_text())
    rows = [Row(**row) for row in found.pop("rows")]
    return Part(rows=rows, headlines=[Headline(**headline) for headline in found.pop("headlines")], **found)


def head_table(headlines: Sequence[Headline]) -> str:
    """Return the table at the head of the page."""
    lines = ["| workload | against | reached | at least | aim | share of the limit |", "|---|---|---|---|---|---|"]
    for one in headlines:
        note = f" ({one.note})" if one.note else ""
        reached = f"**{number(one.reached)}**" if one.reached >= one.least else number(one.reached)
        aim = "" if one.aim is None else number(one.aim)
        lines.append(
            f"| {one.workload}{note} | {one.against} | {reached} | {number(one.least)} | {aim} | {percent(one.share)} |"
        )
    return "\n".join([*lines, "", "Bold: what was wanted at least is reached.", ""])


def section(part: Part) -> str:
    """Return the part of the page of one script."""
    lines = [f"## {part.title}", "", f"On {part.machine}.", ""]
    if part.rows:
        lines += ["| workload | comparison | ratio | share of the limit |", "|---|---|---|---|"]
        lines += [
            f"| {row.workload} | {row.comparison} | {spread(row.ratios)} | {percent(row.share)} |" for row in part.rows
        ]
        lines.append("")
    return "\n".join([*lines, *(f"{note}\n" for note in part.notes)])


def spread(ratios: Sequence[float]) -> str:
    """Return median, smallest and largest.

    >>> spread([2.0, 1.0, 4.0])
    '2.00 (1.00 to 4.00, 3 rounds)'
    """
    rounds = f"{len(ratios)} rounds" if len(ratios) > 1 else "1 round"
    return f"{number(statistics.median(ratios))} ({number(min(ratios))} to {number(max(ratios))}, {rounds})"


def number(value: float) -> str:
    """Return a ratio in the digits it deserves.

    >>> number(1.234), number(12.34), number(1234.5)
    ('1.23', '12.3', '1,234')
    """
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Return a share of the limit."""
    return "n/a" if share is None else format(share, ".0%")


def draw(headlines: Sequence[Headline], path: Path) -> None:
    """Draw what was reached beside what was wanted; readable in black and white."""
    figure = Figure(figsize=(8.6, 0.9 + 0.42 * len(headlines)), layout="constrained")
    axes: Axes = figure.add_subplot()
    for place, one in enumerate(headlines):
        axes.plot([min(one.ratios), max(one.ratios)], [place, place], color="black", linewidth=1)
        axes.plot(one.reached, place, "o", color="black", markersize=6, label="reached" if not place else None)
        axes.plot(
            one.least, place, "|", color="0.35", markersize=15, markeredgewidth=2, label=None if place else "at least"
        )
    aims = [(one.aim, place) for place, one in enumerate(headlines) if one.aim is not None]
    if aims:
        axes.plot(*zip(*aims, strict=True), ">", color="black", markerfacecolor="white", markersize=7, label="aim")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_yticks(range(len(headlines)), [f"{one.workload}\nagainst {one.against}" for one in headlines], fontsize=7)
    axes.margins(y=0.5 / max(1, len(headlines)))
    axes.invert_yaxis()
    axes.grid(axis="x", which="major", color="0.85", linewidth=0.6)
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    with rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    write()
