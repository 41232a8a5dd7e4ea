"""`prunescope plugins`: the installed plugins, and those that cannot be used."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from prunescope.api.errors import PluginError
from prunescope.cli.commands import new_plugin
from prunescope.cli.options import parameters
from prunescope.cli.terminal.command import DEBUG, Output, command, with_signature
from prunescope.cli.terminal.headings import HeadedCommands
from prunescope.plugins import registry
from prunescope.report.common import console

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A plugin as the list shows it."""

    group: str
    name: str
    distribution: str
    version: str
    help: str
    problem: str
    """Why it cannot be used; empty when it can."""


def application() -> typer.Typer:
    """Return `prunescope plugins`, which lists them where no other command follows."""
    app = typer.Typer(help=plugins.__doc__, invoke_without_command=True, rich_markup_mode=None, cls=HeadedCommands)
    app.callback()(_unless_another_follows(plugins))
    app.command("new")(command(new_plugin.new))
    return app


def plugins(*, json: parameters.Json = False) -> Output:
    """List every plugin with its distribution; `new` writes one. Shows why a plugin cannot be used."""
    for broken in registry.find_unreadable():
        console.say(f"the plugins of {broken.distribution} cannot be read: {broken.reason}")
    listed = [_listed(plugin) for group in registry.INTERFACES for plugin in registry.find_plugins(group)]
    if json:
        return Output(text=json_text.dumps([asdict(plugin) for plugin in listed], indent=2))
    rows = [
        (row.group, row.name, row.distribution, row.version, row.help or f"CANNOT BE USED: {row.problem}")
        for row in listed
    ]
    return Output(text=console.table(("group", "name", "distribution", "version", "help"), rows))


def _unless_another_follows(function: Callable[..., Output]) -> Callable[..., None]:
    """Return `function` as the callback of its own application."""
    import inspect

    run = command(function)

    def called(**values: object) -> None:
        context = values.pop("context")
        if context.invoked_subcommand is None:  # type: ignore[attr-defined]
            run(**values)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own = inspect.signature(function, eval_str=True).parameters.values()
    with_signature(called, [context, *own, DEBUG])
    called.__doc__ = function.__doc__
    return called


def _listed(plugin: registry.Plugin) -> Listed:
    described, problem = "", ""
    try:
        registry.get(plugin.group, plugin.name)
        described = registry.summary(plugin.load())
    except PluginError as error:
        problem = error.message
    return Listed(
        group=plugin.group,
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        help=described,
        problem=problem,
    )
