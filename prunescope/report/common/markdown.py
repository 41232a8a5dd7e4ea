"""Texts and tables as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a table; its cells are texts, not Markdown.

    >>> print(markdown_table(("a", "b"), [("1", "x|y")]))
    | a | b |
    |---|---|
    | 1 | x\|y |
    """
    lines = [columns, *rows]
    head, *body = ("| " + " | ".join(map(escape_markdown, line)) + " |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(columns), *body])


def escape_markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    >>> escape_markdown("a_b <script> [x](y)\nz")
    'a\\_b &lt;script> \\[x\\](y) z'
    """
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", " ".join(text.split())).replace("<", "&lt;")


def markdown_code(lines: Sequence[str]) -> str:
    r"""Return a block of code that nothing in its lines ends, each of them on one line.

    >>> print(markdown_code(["a ```", "b"]))
    ````
    a ```
    b
    ````
    """
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    return "\n".join([fence, *(" ".join(line.splitlines()) for line in lines), fence])


def write_markdown(text: str, path: str | Path | None) -> str:
    """Return the text, and write it to a file where one is named."""
    from prunescope.runs.files.whole import write_whole

    if path is not None:
        write_whole(Path(path), text)
    return text
