"""Data that live in this process alone: objects of a notebook, found again by their content.

A recipe names such data by their fingerprint; another process that is given the same content finds the same runs.
Like networks.live, this module remembers objects between calls, because a step gets no more than its recipe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.data.spec import Source

if TYPE_CHECKING:
    from prunescope.api import Data

NAME = "live"

_KEPT: dict[str, Data] = {}


def keep_data(data: Data, *, limit_batches: int | None = None) -> Source:
    """Remember data in this process; return their source."""
    _KEPT.setdefault(data.fingerprint, data)
    return Source(name=NAME, options={"content": data.fingerprint, "called": data.name}, limit_batches=limit_batches)


def any_data_kept() -> bool:
    """Whether this process keeps any data."""
    return bool(_KEPT)


def is_live_source(source: Source) -> bool:
    """Whether a source is an object of some process."""
    return source.name == NAME


def find_data(source: Source) -> Data:
    """Return data that are kept here; InputError where their process was another one."""
    content = str(source.options.get("content", ""))
    if content not in _KEPT:
        raise InputError(
            f"the data {source.options.get('called', '')!r} are an object of another process",
            fix="give the object again in this process, or write a factory: --data pkg.mod:factory",
        )
    return _KEPT[content]
