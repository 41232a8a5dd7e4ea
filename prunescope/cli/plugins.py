"""`prunescope plugins`: what is installed, and what of it cannot be used."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass

from prunescope import registry
from prunescope.cli import console, parameters
from prunescope.cli.command import Output
from prunescope.errors import PluginError


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


def plugins(*, json: parameters.Json = False) -> Output:
    """List every plugin with its distribution, and say why one cannot be used."""
    listed = [_listed(plugin) for group in registry.INTERFACES for plugin in registry.find(group)]
    if json:
        return Output(text=json_text.dumps([asdict(plugin) for plugin in listed], indent=2))
    rows = [
        (row.group, row.name, row.distribution, row.version, row.help or f"CANNOT BE USED: {row.problem}")
        for row in listed
    ]
    return Output(text=console.table(("group", "name", "distribution", "version", "help"), rows))


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
