"""The commands of the application under headings in `--help`: panels on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADINGS = {
    "One network": ("quickstart", "diagnose", "advise", "map", "select", "fit-budget"),
    "Steps": ("train", "prune", "retrain", "probe"),
    "Studies": ("sweep", "report", "tune", "warn", "calibrate"),
    "Methods": ("compare", "lottery", "instability"),
    "Results and plugins": ("results", "diff", "cite", "plugins"),
}
"""Heading -> its commands, in the order in which they are listed."""

GAP = 2
"""Columns behind the longest name, beside those that Click leaves."""

Rows = list[tuple[str, str]]


class HeadedCommands(TyperGroup):
    """An application whose commands are listed under HEADINGS; others are listed after them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Click's, which Typer hides
        """Write the options, then a section for each heading."""
        options = [row for option in self.get_params(ctx) if (row := option.get_help_record(ctx)) is not None]
        write_sections([("Options", options), *self._commands(ctx, formatter.width)], formatter)

    def _commands(self, ctx: Any, width: int) -> Iterator[tuple[str, Rows]]:  # noqa: ANN401
        known = {name for names in HEADINGS.values() for name in names}
        listed = self.list_commands(ctx)
        wide = max(map(len, listed), default=0) + GAP
        others = tuple(name for name in listed if name not in known)
        last = "More" if known & set(listed) else "Commands"
        for heading, names in {**HEADINGS, last: others}.items():
            found = {name: self.get_command(ctx, name) for name in names if name in listed}
            rows = [
                (name.ljust(wide), command.get_short_help_str(width - wide - 4))
                for name, command in found.items()
                if command is not None
            ]
            if rows:
                yield heading, rows


def write_sections(sections: Sequence[tuple[str, Rows]], formatter: Any) -> None:  # noqa: ANN401 - Click's
    """Write a panel for each section on a terminal; plain text elsewhere, which does without importing rich."""
    if sys.stdout.isatty():
        formatter.write(as_panels(sections, width=formatter.width))
        return
    for heading, rows in sections:
        with formatter.section(heading):
            formatter.write_dl(rows)


def as_panels(sections: Sequence[tuple[str, Rows]], *, width: int) -> str:
    """Return a panel for each section, as Typer draws them; text that looks like markup stays text."""
    from rich.console import Group
    from rich.constrain import Constrain
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from prunescope.report.common.console import render

    wide = max(len(name.strip()) for heading, rows in sections[1:] for name, _ in rows) if sections[1:] else 0
    panels = []
    for heading, rows in sections:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1), expand=True)
        table.add_column(style="bold cyan", max_width=width * 2 // 5)
        table.add_column(ratio=1)
        for name, summary in rows:
            table.add_row(Text(name.strip().ljust(wide)), Text(summary))
        panels.append(Panel(table, title=heading, title_align="left", border_style="dim"))
    return "\n" + render(Constrain(Group(*panels), width), sys.stdout) + "\n"
