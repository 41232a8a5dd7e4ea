"""Writing for a person: lines and tables, with colour on a terminal only, and none where NO_COLOR is set."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from errno import ENOSPC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console, RenderableType

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that steer a terminal, turn the direction of writing, or stand for bytes that are no text."""

WIDE = 200
"""Columns where there is no terminal: a table in a file or a pipe is not folded."""


def say(text: str) -> None:
    """Print a line to stderr."""
    _print(printable(text))


def say_line(text: str) -> None:
    """Print one line to stderr: a line end within it, as in the name of a file, is written out."""
    say(one_line(text))


def show(renderable: RenderableType) -> None:
    """Print something rich to stderr."""
    _print(render(renderable, sys.stderr))


def _print(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place
    except OSError as error:
        if error.errno != ENOSPC:  # a full disk under a log must not end the work that is logged
            raise


def printable(text: str) -> str:
    r"""Return a text with its control characters written out: what a file holds must not steer a terminal.

    Line ends and tabs stay. Marks that turn the direction of writing are written out too.

    >>> printable("resnet\x1b[2J18")
    'resnet\\x1b[2J18'
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    r"""Return a text whose line ends are written out, so that no name in it can pass for a line of its own.

    >>> one_line("no file at 'a\nfix: run b'")
    "no file at 'a\\nfix: run b'"
    """
    return text.rstrip("\n").replace("\n", "\\n")


def render(renderable: RenderableType, stream: TextIO) -> str:
    """Return something rich as text for a stream: coloured and as wide as the terminal where it is one."""
    from rich.console import Console

    terminal = stream.isatty()
    console = Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding=stream.encoding or "utf-8"),
        force_terminal=terminal,
        force_jupyter=False,
        no_color=bool(os.environ.get("NO_COLOR")) or not terminal,
        width=width(stream),
        legacy_windows=False,
        emoji=False,
    )
    with console.capture() as capture:
        console.print(_cleaned(renderable, console), end="")
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _cleaned(renderable: RenderableType, console: Console) -> RenderableType:
    """Return what a renderable comes to, without the control characters of its texts; colours are none of these."""
    from rich.segment import Segment, Segments

    found = console.render(renderable, console.options)
    return Segments([Segment(printable(one.text), one.style, one.control) for one in found])


def as_text(renderable: RenderableType, *, width: int) -> str:
    """Return something rich as plain text of so many columns."""
    from rich.console import Console

    made = Console(
        file=io.StringIO(),
        width=width,
        no_color=True,
        force_terminal=False,
        force_jupyter=False,  # else it displays itself, and nothing is left to return
        legacy_windows=False,
        emoji=False,
    )
    with made.capture() as capture:
        made.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def as_html(renderable: RenderableType, *, width: int) -> str:
    """Return something rich as an HTML fragment of so many columns, for a notebook."""
    from rich.console import Console

    made = Console(file=io.StringIO(), width=width, record=True, force_jupyter=False, legacy_windows=False, emoji=False)
    made.print(renderable)
    code = made.export_html(inline_styles=True, code_format="{code}")
    return f'<pre style="white-space: pre; overflow-x: auto; line-height: 1.3">{code}</pre>'


def width(stream: TextIO) -> int:
    """Return how many columns a stream has."""
    return shutil.get_terminal_size().columns if stream.isatty() or "COLUMNS" in os.environ else WIDE


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    """Return a table without lines between its columns."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == "id")  # an id is there to be copied
    for row in rows:
        made.add_row(*[Text(cell) for cell in row])
    return made


def lines_and(lines: Sequence[str], *others: RenderableType) -> RenderableType:
    """Return lines, and below them whatever else."""
    from rich.console import Group
    from rich.text import Text

    return Group(*map(Text, lines), *others)


def duration(seconds: float) -> str:
    """Return a time in the unit a person would use.

    >>> duration(8), duration(200), duration(9000)
    ('8 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(n_bytes: float) -> str:
    """Return a number of bytes in the unit a person would use.

    >>> size(512), size(3.4e6), size(2.1e9)
    ('512 B', '3.4 MB', '2.1 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} B"
