"""`prunescope cite`: the publications to cite for methods, runs and studies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.cli.options import parameters
from prunescope.cli.options.questions import open_session
from prunescope.cli.terminal.command import Output
from prunescope.cli.terminal.damage import report_damage
from prunescope.plugins import citations, registry
from prunescope.report.common.console import say
from prunescope.runs.credits import credited_methods
from prunescope.runs.recipe import run_of
from prunescope.studies.results.question import ResultsQuestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.plugins.citations import Cited, Method
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session

RULE = "three-regime"
"""Whose paper the tool is about: cited where nothing is asked for."""


def cite(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|STUDY|PLUGIN]...", help="A run's id, a study's folder, or the name of a plugin."),
    ] = None,
    *,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX entries.")] = False,
    study: parameters.Study = parameters.STUDY,
) -> Output:
    """Print the publications to cite. For prunescope, a plugin's method, or all methods of a run or a study."""
    session = open_session(ResultsQuestion(study))
    problems: list[str] = []
    used = [found for text in what or () for found in _methods(text, session, problems)]
    used = used or [citations.method("rules", RULE)]
    unique = list({(method.group, method.name): method for method in used}.values())
    _tell_gaps(unique)
    found = citations.cited(unique)
    text = "\n\n".join(one.publication.bibtex for one in found) if bibtex else "\n".join(map(_line, found))
    return Output(text=text, exit_code=report_damage(list(dict.fromkeys(problems))))


def _line(one: Cited) -> str:
    return f"{one.text}\n    for {', '.join(one.methods)} [{one.publication.key}]"


def _tell_gaps(used: list[Method]) -> None:
    for method in used:
        if method.problem:
            say(f"{method.label}: its publications cannot be read: {method.problem}")
        elif not method.publications:
            say(f"{method.label}: no publication")


def _methods(text: str, session: Session, problems: list[str]) -> tuple[Method, ...]:
    """Return the methods of a name: a plugin's, a study's, or a run's with all it was made from.

    problems: receives what is wrong with runs that cannot be read.
    """
    from prunescope.runs.store import Store

    plugins = [
        citations.method(group, text)
        for group in registry.INTERFACES
        if text in {plugin.name for plugin in registry.find_plugins(group)}
    ]
    if plugins:
        return tuple(plugins)
    if (Path(text) / "runs").is_dir():
        of_study = replace(session, store=Store(Path(text)))
        recipes = (_recipe(run_id, of_study, problems) for run_id in of_study.store.ids())
        return credited_methods(recipe for recipe in recipes if recipe is not None)
    reference = session.store.resolve(text)
    if reference is None:
        raise UsageError(
            f"there is no plugin, no study and no run {text!r} in {session.store.study}",
            fix="see: prunescope plugins, or prunescope results list --study DIR",
        )
    return credited_methods(_behind(run_of(reference), session, problems))


def _recipe(run_id: str, session: Session, problems: list[str]) -> Recipe | None:
    try:
        return session.read(run_id, only=()).recipe
    except PrunescopeError as error:
        problems.append(error.message)
        return None


def _behind(run_id: str, session: Session, problems: list[str]) -> Iterator[Recipe]:
    """Yield the recipe of a run and of every run it was made from."""
    todo, seen = [run_id], set()
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            if (recipe := _recipe(current, session, problems)) is not None:
                yield recipe
                todo += [run_of(reference) for reference in recipe.inputs]
