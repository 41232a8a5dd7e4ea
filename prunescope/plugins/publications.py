"""The publications that a plugin names by the keys of BibTeX entries."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import PluginError
from prunescope.plugins import bibtex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from prunescope.plugins.bibtex import Entry

REFERENCES = "references.bib"
"""The file of BibTeX entries in a plugin's package."""

OWN = Path(__file__).with_name(REFERENCES)

VENUES = ("booktitle", "journal", "journaltitle", "howpublished", "publisher", "school", "institution")
"""Fields of an entry for where the work was published, the first that is there."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A publication, as `prunescope cite` and the reports print it."""

    key: str
    authors: tuple[str, ...]
    """Each as "Family, Given", or one name."""
    title: str
    venue: str
    """Journal or conference, or "arXiv:2305.18383" for a preprint."""
    year: int
    url: str = ""
    bibtex: str = field(default="", repr=False)
    """The entry as its file has it."""


def publications_of(plugin: type) -> tuple[Publication, ...]:
    """Return the publications whose keys a plugin class has in `citations`, in that order.

    An entry is searched in `references.bib` of the package of the class, of the packages around that, then in
    prunescope's own.

    Raises:
        PluginError: no file has an entry of that key, or a file cannot be read.
    """
    keys = tuple(getattr(plugin, "citations", ()))
    found = [(key, _find(key, plugin.__module__)) for key in keys]
    missing = [key for key, publication in found if publication is None]
    if missing:
        raise PluginError(
            f"{plugin.__module__}:{plugin.__qualname__} cites {missing[0]!r}, which has no BibTeX entry",
            fix=f"add the entry to {REFERENCES} in the package {plugin.__module__.partition('.')[0]}",
        )
    return tuple(publication for _, publication in found if publication is not None)


def own_publication(key: str) -> Publication:
    """Return a publication of prunescope's own references; KeyError where there is none."""
    return _own()[key]


def publication_text(publication: Publication) -> str:
    """Return a publication on one line.

    >>> both = ("Frankle, Jonathan", "Carbin, Michael")
    >>> publication_text(Publication(key="x", authors=both, title="T", venue="V", year=2019))
    'Frankle, Jonathan and Carbin, Michael. T. V, 2019.'
    """
    end = f" {publication.url}" if publication.url else ""
    return f"{' and '.join(publication.authors)}. {publication.title}. {publication.venue}, {publication.year}.{end}"


def short(publication: Publication) -> str:
    """Return a publication as a sentence names it.

    >>> short(Publication(key="x", authors=("Frankle, Jonathan", "Carbin, Michael"), title="T", venue="V", year=2019))
    'Frankle and Carbin 2019'
    """
    families = [author.partition(",")[0] for author in publication.authors]
    named = " and ".join(families) if len(families) < 3 else f"{families[0]} et al."
    return f"{named} {publication.year}"


def _find(key: str, module: str) -> Publication | None:
    known = (*map(_of_package, _packages(module)), _own())
    return next((publications[key] for publications in known if key in publications), None)


def _packages(module: str) -> Iterator[str]:
    """Return the packages around a module's plugins, the nearest first."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return (name for name in names if hasattr(sys.modules.get(name), "__path__"))


@lru_cache(maxsize=64)
def _of_package(name: str) -> Mapping[str, Publication]:
    return _read(files(name).joinpath(REFERENCES))


@lru_cache(maxsize=1)
def _own() -> Mapping[str, Publication]:
    return _read(OWN)


def _read(place: Traversable) -> Mapping[str, Publication]:
    """Return the publications of a file by key; none where there is no file."""
    if not place.is_file():
        return {}
    try:
        return {entry.key: _publication(entry) for entry in bibtex.read_entries(place.read_text(encoding="utf-8"))}
    except ValueError as error:
        raise PluginError(f"{place}: {error}", fix="repair the BibTeX entry") from error


def _publication(entry: Entry) -> Publication:
    fields = {name: bibtex.plain_text(value) for name, value in entry.fields.items()}
    lacking = [name for name, there in _required(fields).items() if not there]
    if lacking:
        raise ValueError(f"the entry {entry.key} has no {lacking[0]}")
    version = f", version {fields['version']}" if "version" in fields else ""
    return Publication(
        key=entry.key,
        authors=bibtex.split_names(entry.fields["author"]),
        title=fields["title"] + version,
        venue=_venue(fields),
        year=int(_year(fields)),
        url=entry.fields.get("url", ""),
        bibtex=entry.text,
    )


def _required(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what an entry must have, empty where it has not."""
    return {
        "author": fields.get("author", ""),
        "title": fields.get("title", ""),
        "year": _year(fields),
        f"venue ({', '.join(VENUES)} or eprint)": _venue(fields),
    }


def _venue(fields: Mapping[str, str]) -> str:
    named = [fields[name] for name in VENUES if fields.get(name)]
    return named[0] if named else f"arXiv:{fields['eprint']}" if fields.get("eprint") else ""


def _year(fields: Mapping[str, str]) -> str:
    """Return the four digits of `year`, or of biblatex's `date`; empty where there are none."""
    digits = (fields.get("year") or fields.get("date", ""))[:4]
    return digits if digits.isdecimal() else ""
