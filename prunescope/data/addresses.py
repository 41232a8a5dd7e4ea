"""Texts that lead a data set's library to a command or to the network in place of a file, as webdataset's do.

webdataset runs `pipe:COMMAND` in a shell and leaves other addresses to programs (`curl`, `gsutil`). A root or a split
of this kind counts where a person typed it, like the name of code; in a file it is refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEME = re.compile(r"\s*[A-Za-z][\w+.-]+:")
"""How an address begins; one letter is a drive of Windows."""

PLAIN = re.compile(r"[\w./{},|+%\[\]-]*")
"""What the name of a split is made of; a slice of one, such as train[:10%], aside."""

SLICE = re.compile(r"\[[\w%:-]*\]")

INFO = ("_info.json", "info.json")
"""Files beside shards in which timm finds their names."""


def is_address(text: str) -> bool:
    """Whether a root is an address or a command and no path.

    >>> is_address("pipe:curl -s https://x"), is_address("s3://bucket"), is_address("/data/a:b"), is_address("C:/data")
    (True, True, False, False)
    """
    return SCHEME.match(text) is not None


def is_command(split: str) -> bool:
    """Whether the name of a split holds more than names, braces, a slice and a count: it may become part of a command.

    >>> is_command("train[:10%]+test"), is_command("shard-{00..11}.tar::more.tar|500")
    (False, False)
    >>> is_command("pipe:true a.tar"), is_command("pi{p,q}e:a.tar"), is_command("a.tar;touch b")
    (True, True, True)
    """
    return PLAIN.fullmatch(SLICE.sub("", split).replace("::", "")) is None


def check_shards(root: Path) -> None:
    """Raise InputError where the list of shards in a folder names an address or a command."""
    for name in INFO:
        try:
            found = json.loads(read_regular_text(root / name))
        except (OSError, ValueError, RecursionError):  # timm reports it
            continue
        for text in _texts(found):
            if is_address(text):
                raise InputError(
                    f"{root / name} names an address: {text[:80]!r}", fix="give the shards as files of that folder"
                )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
