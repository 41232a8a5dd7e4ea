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


def write_markdown(text: str, path: str | Path | None) -> str:
    """Return the text, and write it to a file where one is named."""
    from prunescope.runs.files.whole import write_whole

    if path is not None:
        write_whole(Path(path), text)
    return text
