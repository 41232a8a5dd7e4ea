"""What distributions declare in their metadata for prunescope; those of others are not parsed.

One malformed file among hundreds of distributions must not take commands down that have nothing to do with it: a file
that does not mention prunescope is skipped unread, and one that does and cannot be parsed is listed as unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING

import entrypoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

PREFIX = "prunescope."

FILE = "entry_points.txt"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One line of a distribution's entry points."""

    group: str
    """Without the prefix, such as "probes"."""
    name: str
    distribution: str
    version: str
    module: str
    attribute: str


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A distribution that declares plugins in a file that cannot be parsed."""

    distribution: str
    reason: str


def read_declarations(path: tuple[str, ...]) -> tuple[tuple[Declaration, ...], tuple[Unreadable, ...]]:
    """Return what the distributions on a path declare, and those that declare it unreadably.

    Of two distributions of one name the first on the path counts, as it is the one that is imported.
    """
    return _read(path)


@lru_cache(maxsize=64)
def _read(path: tuple[str, ...]) -> tuple[tuple[Declaration, ...], tuple[Unreadable, ...]]:
    """Look into every distribution: milliseconds, which a sweep would pay at each step."""
    found: list[Declaration] = []
    unreadable: list[Unreadable] = []
    for distribution in _mentioning(path):
        name = "(unknown distribution)"
        try:
            name = distribution.metadata["Name"] or name
            found += _declarations(distribution, name)
        except Exception as error:  # noqa: BLE001 - whatever parsing a foreign file raises
            unreadable.append(Unreadable(distribution=name, reason=f"{type(error).__name__}: {error}"))
    return tuple(found), tuple(unreadable)


def _mentioning(path: tuple[str, ...]) -> Iterator[Distribution]:
    """Yield the first distribution of each name, where its entry points mention prunescope."""
    seen: set[str] = set()
    for distribution in distributions(path=list(path)):
        try:
            text = distribution.read_text(FILE) or ""
            name = getattr(distribution, "_normalized_name", None) or distribution.name
        except Exception:  # noqa: BLE001, S112 - no text, no name, no permission: it can declare nothing
            continue
        if name not in seen:
            seen.add(name)
            if f"[{PREFIX}" in text:
                yield distribution


def _declarations(distribution: Distribution, name: str) -> list[Declaration]:
    sections = entrypoints.CaseSensitiveConfigParser(delimiters=("=",))
    sections.read_string(distribution.read_text(FILE) or "")
    return [
        _declaration(section.removeprefix(PREFIX), entrypoints.EntryPoint.from_string(value, key), name, distribution)
        for section in sections.sections()
        if section.startswith(PREFIX)
        for key, value in sections.items(section)
    ]


def _declaration(group: str, entry: entrypoints.EntryPoint, name: str, distribution: Distribution) -> Declaration:
    return Declaration(
        group=group,
        name=entry.name,
        distribution=name,
        version=distribution.version,
        module=entry.module_name,
        attribute=entry.object_name or "",
    )
