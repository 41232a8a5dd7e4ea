"""Write docs/cli.md, the reference of every command and option, from the program itself; --check only compares."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Union, get_args, get_origin

from typer import Context
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from prunescope.cli.application import GROUPS, build
from prunescope.cli.terminal.themes import OPTIONS, sort_by_theme
from prunescope.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typer import Typer

PAGE = Path(__file__).with_name("cli.md")

INTRODUCTION = """# Command line

Every command prints its result (an id, or JSON) on standard output and everything for a person on standard error. The
options of a plugin follow those of its command; installed plugins add subcommands of their own. `--help` after any
command shows the same.
"""


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is not up to date")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text)
        return 0
    if PAGE.read_text() == text:
        return 0
    print(f"{PAGE.name} is not up to date; run: python docs/generate_cli.py")
    return 1


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([INTRODUCTION, *_application("prunescope", build(tuple(GROUPS)))])


def _application(path: str, app: Typer) -> Iterator[str]:
    """Yield the section of an application and of all commands in it, but those that other distributions add."""
    root = app.registered_callback.callback if app.registered_callback else None
    yield _section(path, _text(app.info.help), root, below=True)
    foreign = _foreign(path.removeprefix("prunescope "))
    for command in app.registered_commands:
        if command.name not in foreign:
            yield _section(f"{path} {command.name}", _help(command), command.callback)
    for group in app.registered_groups:
        if group.typer_instance:
            yield from _application(f"{path} {group.name}", group.typer_instance)


def _foreign(name: str) -> set[str]:
    """Return the plugins of a command's group that do not come with prunescope."""
    plugins = registry.find_plugins(GROUPS[name][0]) if name in GROUPS else ()
    return {plugin.name for plugin in plugins if plugin.distribution != "prunescope"}


def _help(command: CommandInfo) -> str:
    return _text(command.help) or inspect.cleandoc((command.callback and command.callback.__doc__) or "")


def _section(path: str, text: str, function: Callable[..., object] | None, *, below: bool = False) -> str:
    parameters = inspect.signature(function, eval_str=True).parameters.values() if function else ()
    described = [
        (parameter, *_annotation(parameter)) for parameter in parameters if parameter.annotation is not Context
    ]
    arguments = [_row(parameter, kind, info) for parameter, kind, info in described if isinstance(info, ArgumentInfo)]
    options = [
        (parameter.name, info.rich_help_panel, _row(parameter, kind, info))
        for parameter, kind, info in described
        if isinstance(info, OptionInfo)
    ]
    usage = " ".join(
        [
            path,
            *(name for name, _ in arguments),
            *(["[OPTIONS]"] if options else []),
            *(["COMMAND ..."] if below else []),
        ]
    )
    parts = [f"## {path}", text, f"```\n{usage}\n```", _table("argument", arguments)]
    parts += [_table("option" if title == OPTIONS else title, rows) for title, rows in sort_by_theme(options).items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _annotation(parameter: inspect.Parameter) -> tuple[type, ArgumentInfo | OptionInfo]:
    """Return the type of a parameter and what Typer is told about it."""
    kind, info = parameter.annotation, OptionInfo()
    if get_origin(kind) is Annotated:
        kind, info = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        (kind,) = [member for member in get_args(kind) if member is not NoneType]
    return kind, info


def _row(parameter: inspect.Parameter, kind: type, info: ArgumentInfo | OptionInfo) -> tuple[str, str]:
    """Return how a parameter is written and what it means."""
    metavar = info.metavar or getattr(kind, "__name__", str(kind)).upper()
    if isinstance(info, ArgumentInfo):
        return metavar, _meaning(parameter, info)
    flag = "--" + parameter.name.replace("_", "-")
    declared = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
    names = " ".join(declared or ([f"{flag}/--no{flag[1:]}"] if kind is bool else [flag]))
    return names if kind is bool else f"{names} {metavar}", _meaning(parameter, info)


def _meaning(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo) -> str:
    notes = [f"{sign} {bound}" for sign, bound in (("≥", info.min), ("≤", info.max)) if bound is not None]
    if parameter.default is inspect.Parameter.empty and isinstance(info, OptionInfo):
        notes.insert(0, "required")
    elif not any(parameter.default is nothing for nothing in (inspect.Parameter.empty, None, False, "")):
        notes.insert(0, f"default: `{parameter.default}`")
    return f"{_text(info.help)} ({', '.join(notes)})" if notes else _text(info.help)


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = [(f"`{name}`".replace("|", "\\|"), text.replace("|", "\\|")) for name, text in rows]
    return "\n".join([f"| {title} | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in cells)])


def _text(value: object) -> str:
    """Return help as one line; Typer marks help that was not given by an object of its own."""
    return " ".join(value.split()) if isinstance(value, str) else ""


if __name__ == "__main__":
    sys.exit(main())
