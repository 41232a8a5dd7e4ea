"""One subcommand per plugin: the command's own options, then the plugin's fields as flags."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import PluginError
from prunescope.cli.terminal.command import Output, command, with_signature
from prunescope.cli.terminal.headings import HeadedCommands
from prunescope.cli.terminal.themes import PLUGIN
from prunescope.plugins import options, publications, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope.plugins.options import OptionField


@dataclass(frozen=True)
class Chosen:
    """A plugin and its options as a person typed them; not built yet."""

    name: str
    options: Mapping[str, object]


METAVARS = {bool: "true|false", int: "N", float: "NUMBER", str: "TEXT"}


def group_app(group: str, function: Callable[..., Output], *, filled: bool) -> typer.Typer:
    """Return the application of one command: a subcommand for every plugin of `group`, none unless `filled`.

    function: takes the plugin that was chosen first, then the command's own parameters.
    """
    app = typer.Typer(
        help=(function.__doc__ or "").partition("\n")[0],
        no_args_is_help=True,
        rich_markup_mode=None,
        cls=HeadedCommands,
    )
    app.callback()(_nothing)
    if filled:
        for name in sorted({plugin.name for plugin in registry.find_plugins(group)}):
            _add(app, group, name, function)
    return app


def _nothing() -> None:
    """Let Typer make a group even of one command."""


def _add(app: typer.Typer, group: str, name: str, function: Callable[..., Output]) -> None:
    try:
        plugin = registry.get(group, name).load()
        chosen = command(bind(function, group, name, plugin))
    except PluginError as error:
        loose = {"allow_extra_args": True, "ignore_unknown_options": True}
        app.command(name, help=f"(cannot be used: {error.message})", context_settings=loose)(command(_failing(error)))
    else:
        app.command(name)(chosen)


def bind(function: Callable[..., Output], group: str, name: str, plugin: type) -> Callable[..., Output]:
    """Return a function of the command's own parameters and the plugin's options.

    Raises PluginError where an option of the plugin has the name of one of the command's.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    fields = options.fields(plugin)
    taken = sorted({field.name for field in fields} & {"debug", "help", *(parameter.name for parameter in own)})
    if taken:
        raise PluginError(
            f"{group[:-1]} {name!r} has the option {taken[0]!r}, which the command has too",
            fix="rename the field of the plugin",
        )

    def run(**values: Any) -> Output:  # noqa: ANN401 - Typer passes each parameter by its annotation
        given = {field.name: values.pop(field.name) for field in fields}
        return function(Chosen(name, given), **values)

    with_signature(run, [*own, *map(parameter, fields)])
    run.__name__, run.__doc__ = f"{function.__name__}_{name}", described(plugin)
    return run


def described(plugin: type) -> str:
    """Return the help of a plugin: the first line of its docstring, then whom to cite."""
    summary = registry.summary(plugin)
    try:
        cited = ", ".join(map(publications.short, publications.publications_of(plugin)))
    except PluginError as error:
        return f"{summary}\n\nWhom to cite is not known: {error.message}."
    return f"{summary}\n\nCite: {cited}." if cited else summary


def parameter(field: OptionField) -> inspect.Parameter:
    """Return an option of a plugin as a parameter for Typer.

    All but switches reach `options.build` as text: one place converts and checks, and every error reads alike.
    """
    if field.kind is bool and not field.many:
        kind = bool | None if field.optional else bool
        return _keyword(
            field,
            kind,
            typer.Option(
                f"{field.flag}/--no-{field.flag[2:]}", help=_capital(field.option.help), rich_help_panel=PLUGIN
            ),
        )
    described = typer.Option(
        field.flag,
        help=_help(field),
        metavar=_metavar(field),
        autocompletion=_completion(field),
        rich_help_panel=PLUGIN,
    )
    return _keyword(field, str, described)


def _keyword(field: OptionField, kind: object, described: object) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.required else _text(field.default) if kind is str else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, described]
    )


def _help(field: OptionField) -> str:
    """Return the help and the bounds, for example "Images per step (at least 1)"."""
    bounds = options.wanted(field).partition(", ")[2]
    return f"{_capital(field.option.help)} ({bounds})" if bounds else _capital(field.option.help)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _metavar(field: OptionField) -> str:
    one = f"[{'|'.join(field.choices)}]" if field.choices else METAVARS[field.kind]
    several = f"{one},..." if field.many else one
    return f"{several}|none" if field.optional else several


def _completion(field: OptionField) -> Callable[[str], list[str]]:
    words = [*field.choices, *(["none"] if field.optional else [])]

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def _text(default: object) -> str:
    """Return a default as one would type it: None is "none", a tuple is comma-separated."""
    if default is None:
        return "none"
    return ",".join(map(str, default)) if isinstance(default, tuple | list) else str(default)


def _failing(error: PluginError) -> Callable[[], Output]:
    def fail() -> Output:
        raise error

    return fail
