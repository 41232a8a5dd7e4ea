"""The options of a single command in `--help` and in docs/cli.md: in sections by theme where there are many."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from prunescope.cli.terminal.headings import Rows, write_sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MANY = 10
"""Options that one section holds; a command with more has a section for each theme."""

OPTIONS = "Options"
"""The section of what a command alone has."""

PLUGIN = "Options of the plugin"

THEMES = {
    "Network and data": "model model_option weights unsafe_load trust data limit_batches",
    "Pruning": "density densities pruner pruner_option levels schedule rewind method control",
    "Retraining": "replicas copies keep trainer trainer_option epochs retrain_epochs full",
    "Evidence and verdict": "family level certainty probe probe_option rule rule_option rules points",
    "Execution": "seed seeds dense_seeds device workers executor executor_option step_timeout study",
    "Output": "dry_run list_steps json csv report markdown figures output fail_on debug version help",
}
"""Theme -> names of its options, in the order in which the sections follow what a command alone has."""

THEME_OF = {name: theme for theme, names in THEMES.items() for name in names.split()}


class ThemedCommand(TyperCommand):
    """A command whose arguments and options are listed in sections: panels on a terminal, plain text elsewhere."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Click's, which Typer hides
        """Write the arguments, then the options by theme."""
        found = [(one, row) for one in self.get_params(ctx) if (row := one.get_help_record(ctx)) is not None]
        arguments = [(row[0].partition(" <")[0], row[1]) for one, row in found if one.param_type_name == "argument"]
        options = [
            (_name(one), getattr(one, "rich_help_panel", None), row)
            for one, row in found
            if one.param_type_name == "option"
        ]
        write_sections([*([("Arguments", arguments)] if arguments else []), *sort_by_theme(options).items()], formatter)


def _name(option: Any) -> str:  # noqa: ANN401 - Click's
    """Return the name of an option; Click gives its own --help one that is private."""
    return "help" if "--help" in option.opts else option.name


def sort_by_theme(options: Iterable[tuple[str, str | None, tuple[str, str]]]) -> Mapping[str, Rows]:
    """Return the rows of options by section; each comes with its name and the section that it asks for itself.

    >>> sort_by_theme([("json", None, ("--json", "")), ("size", None, ("--size", ""))])
    {'Options': [('--json', ''), ('--size', '')]}
    """
    listed = list(options)
    if len(listed) <= MANY:
        return {OPTIONS: [row for _, _, row in listed]} if listed else {}
    sections: dict[str, Rows] = defaultdict(list)
    for name, wanted, row in listed:
        sections[wanted or THEME_OF.get(name, OPTIONS)].append(row)
    return {title: sections[title] for title in (OPTIONS, PLUGIN, *THEMES) if title in sections}
