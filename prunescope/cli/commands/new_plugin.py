"""`prunescope plugins new`: a plugin of one's own as a complete distribution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.terminal.command import Output
from prunescope.plugins import registry, scaffold
from prunescope.report.common.console import say

if TYPE_CHECKING:
    from prunescope.plugins.scaffold import Kind


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the plugin: weight-norm.")],
    *,
    probe: Annotated[bool, typer.Option("--probe", help="A probe: measures replicas of a model, or data.")] = False,
    pruner: Annotated[bool, typer.Option("--pruner", help="A pruner: chooses which weights to keep.")] = False,
    trainer: Annotated[bool, typer.Option("--trainer", help="A trainer: trains and retrains.")] = False,
    rule: Annotated[bool, typer.Option("--rule", help="A rule: derives a regime and advice from readings.")] = False,
    dataset: Annotated[bool, typer.Option("--dataset", help="A data set: loads or generates examples.")] = False,
    executor: Annotated[bool, typer.Option("--executor", help="An executor: runs the steps of a study.")] = False,
    into: Annotated[Path, typer.Option(metavar="DIR", help="Folder in which the new folder is created.")] = Path(),
) -> Output:
    """Write a complete distribution of a plugin, with its tests. Prints its folder."""
    asked: dict[Kind, bool] = {
        "probe": probe,
        "pruner": pruner,
        "trainer": trainer,
        "rule": rule,
        "dataset": dataset,
        "executor": executor,
    }
    kinds = [kind for kind, wanted in asked.items() if wanted]
    if len(kinds) != 1:
        given = " and ".join(f"--{kind}" for kind in kinds) or "no kind of plugin"
        raise UsageError(f"plugins new got {given}", fix=f"give one of {', '.join(f'--{kind}' for kind in asked)}")
    names = scaffold.names(name, kinds[0])
    taken = [plugin for plugin in registry.find_plugins(f"{names.kind}s") if plugin.name == names.plugin]
    if taken:
        raise UsageError(
            f"there is {names.article} {names.noun} {names.plugin!r} already, of {taken[0].distribution}",
            fix="choose another name",
        )
    folder = scaffold.write_plugin(names, into)
    say(f"{names.article} {names.noun} {names.plugin!r} that works, and its tests; next:")
    say(f"  cd {folder} && pip install -e . pytest && python -m pytest")
    return Output(text=str(folder))
