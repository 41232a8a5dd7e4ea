"""Whom to cite: the publications of methods, by plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.plugins import publications, registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunescope.plugins.publications import Publication


@dataclass(frozen=True, kw_only=True)
class Method:
    """A plugin and the publications it names."""

    group: str
    name: str
    publications: tuple[Publication, ...] = ()
    problem: str = ""
    """Why nothing is known of it; empty where something is."""

    @property
    def label(self) -> str:
        """What it is called in a list: "probe cka"."""
        return f"{'data set' if self.group == 'datasets' else self.group[:-1]} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A publication, and the methods it is to be cited for."""

    publication: Publication
    methods: tuple[str, ...]

    @property
    def text(self) -> str:
        """The publication on one line."""
        return publications.publication_text(self.publication)


def method(group: str, name: str) -> Method:
    """Return a plugin's publications.

    Raises:
        UsageError: there is no such plugin.
        PluginError: it does not load, or cites what has no BibTeX entry.
    """
    plugin = registry.get(group, name).load()
    return Method(group=group, name=name, publications=publications.publications_of(plugin))


def known_method(group: str, name: str) -> Method:
    """Return a plugin's publications; where they are not known (an absent plugin), the problem."""
    try:
        return method(group, name)
    except PrunescopeError as error:
        return Method(group=group, name=name, problem=error.message)


def cited(used: Iterable[Method]) -> tuple[Cited, ...]:
    """Return every publication once, by key, prunescope's own first."""
    found: dict[str, tuple[Publication, list[str]]] = {}
    for one in used:
        for publication in one.publications:
            found.setdefault(publication.key, (publication, []))[1].append(one.label)
    own = Cited(publication=publications.own_publication("prunescope"), methods=("the tool",))
    return (own, *(Cited(publication=found[key][0], methods=tuple(found[key][1])) for key in sorted(found)))
