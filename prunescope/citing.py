"""Whom to cite: the publications of methods, by plugin or by what was run, as text and as BibTeX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope import __version__, registry
from prunescope.api import Citation
from prunescope.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prunescope.recipe import Recipe

OWN = Citation(
    key="prunescope",
    authors=("The prunescope developers",),
    title=f"prunescope {__version__}: which regime a network's pruned versions will be in",
    venue="Computer program",
    year=2026,
)

GROUPS = {"train": "trainers", "prune": "pruners", "retrain": "trainers", "probe": "probes"}
"""Step of a recipe -> the group of its plugin."""

PROCEEDINGS = ("Advances in Neural", "Conference", "Proceedings", "Symposium", "Workshop", "MLSys", "3DV")
"""What the venue of a conference paper has in its name; the others are journals."""

ARXIV = "arXiv:"


@dataclass(frozen=True, kw_only=True)
class Method:
    """A plugin and the publications it names."""

    group: str
    name: str
    citations: tuple[Citation, ...] = ()
    problem: str = ""
    """Why nothing is known of it; empty where something is."""

    @property
    def label(self) -> str:
        """What it is called in a list: "probe cka"."""
        return f"{'data set' if self.group == 'datasets' else self.group[:-1]} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A publication, and the methods it is to be cited for."""

    citation: Citation
    methods: tuple[str, ...]

    @property
    def text(self) -> str:
        """The publication on one line."""
        return text(self.citation)


def method(group: str, name: str) -> Method:
    """Return a plugin's publications; UsageError or PluginError where it is not installed or does not load."""
    plugin = registry.get(group, name).load()
    return Method(group=group, name=name, citations=tuple(getattr(plugin, "citations", ())))


def methods(recipes: Iterable[Recipe], *, rules: Sequence[str] = ()) -> tuple[Method, ...]:
    """Return each method that some recipes use, and some rules; plugins that are not installed have a problem."""
    named = {*(pair for recipe in recipes for pair in _named(recipe)), *(("rules", rule) for rule in rules)}
    return tuple(_method(group, name) for group, name in sorted(named))


def cited(used: Iterable[Method]) -> tuple[Cited, ...]:
    """Return every publication once, by key, prunescope's own first."""
    found: dict[str, tuple[Citation, list[str]]] = {}
    for one in used:
        for citation in one.citations:
            found.setdefault(citation.key, (citation, []))[1].append(one.label)
    own = Cited(citation=OWN, methods=("the tool",))
    return (own, *(Cited(citation=found[key][0], methods=tuple(found[key][1])) for key in sorted(found)))


def text(citation: Citation) -> str:
    """Return a publication on one line.

    >>> text(Citation(key="x", authors=("Frankle, Jonathan", "Carbin, Michael"), title="T", venue="V", year=2019))
    'Frankle, Jonathan and Carbin, Michael. T. V, 2019.'
    """
    end = f" {citation.url}" if citation.url else ""
    return f"{' and '.join(citation.authors)}. {citation.title}. {citation.venue}, {citation.year}.{end}"


def short(citation: Citation) -> str:
    """Return a publication as a sentence names it.

    >>> short(Citation(key="x", authors=("Frankle, Jonathan", "Carbin, Michael"), title="T", venue="V", year=2019))
    'Frankle and Carbin 2019'
    """
    families = [author.partition(",")[0] for author in citation.authors]
    named = " and ".join(families) if len(families) < 3 else f"{families[0]} et al."
    return f"{named} {citation.year}"


def bibtex(citation: Citation) -> str:
    r"""Return a publication as a BibTeX entry.

    >>> print(bibtex(Citation(key="a2020", authors=("Doe, Jo",), title="A & B", venue="arXiv:2001.00001", year=2020)))
    @misc{a2020,
      author = {Doe, Jo},
      title = {{A \& B}},
      year = {2020},
      eprint = {2001.00001},
      archivePrefix = {arXiv},
    }
    """
    authors = [author if "," in author else f"{{{author}}}" for author in citation.authors]
    kind, fields = _venue(citation)
    fields = {"author": " and ".join(authors), "title": f"{{{citation.title}}}", "year": str(citation.year)} | fields
    fields |= {"url": citation.url} if citation.url else {}
    lines = [f"  {name} = {{{value if name == 'url' else _escaped(value)}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{citation.key},", *lines, "}"])


def _venue(citation: Citation) -> tuple[str, dict[str, str]]:
    if citation is OWN:
        return "software", {"version": __version__}
    if citation.venue.startswith(ARXIV):
        return "misc", {"eprint": citation.venue.removeprefix(ARXIV), "archivePrefix": "arXiv"}
    if any(word in citation.venue for word in PROCEEDINGS):
        return "inproceedings", {"booktitle": citation.venue}
    return "article", {"journal": citation.venue}


def _escaped(value: str) -> str:
    return "".join(f"\\{sign}" if sign in "&%$#_" else sign for sign in value)


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield group and name of every plugin a recipe uses."""
    if recipe.step in GROUPS:
        yield GROUPS[recipe.step], recipe.plugin
    if "data" in recipe.arguments:
        yield "datasets", recipe.arguments["data"]["name"]
    for case in recipe.arguments.get("cases", ()):
        yield "rules", case["rule"]


def _method(group: str, name: str) -> Method:
    try:
        return method(group, name)
    except PrunescopeError as error:
        return Method(group=group, name=name, problem=error.message)
