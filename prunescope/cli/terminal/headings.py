"""The commands of the application under headings in `--help`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

HEADINGS = {
    "One network": ("quickstart", "diagnose", "advise", "map", "select", "fit-budget"),
    "Steps": ("train", "prune", "retrain", "probe"),
    "Studies": ("sweep", "report", "tune", "warn", "calibrate"),
    "Methods": ("compare", "lottery", "instability"),
    "Results and plugins": ("results", "diff", "cite", "plugins"),
}
"""Heading -> its commands, in the order in which they are listed."""

NAME_WIDTH = 15
"""Columns of the names, and of the gap behind them."""


class HeadedCommands(TyperGroup):
    """An application whose commands are listed under HEADINGS; one that has none is listed last."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Click's, which Typer hides
        """Write a section for each heading."""
        known = {name for names in HEADINGS.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in known)
        for heading, names in {**HEADINGS, "More": others}.items():
            found = {name: self.get_command(ctx, name) for name in names}
            rows = [
                (name.ljust(NAME_WIDTH - 2), command.get_short_help_str(formatter.width - NAME_WIDTH - 4))
                for name, command in found.items()
                if command is not None
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
