"""Keys of plugins -> BibTeX entries: prunescope's own, and those of other distributions."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from pathlib import Path

import pytest

import prunescope
from prunescope.api.errors import PluginError
from prunescope.plugins import bibtex, publications, registry

ENTRY = """@inproceedings{{{key},
  author = {{Doe, Jo}},
  title = {{{title}}},
  year = {{2020}},
  booktitle = {{Proceedings}},
}}"""

BUILT_IN = [
    plugin.load()
    for group in registry.INTERFACES
    for plugin in registry.find_plugins(group)
    if plugin.distribution == "prunescope"
]
OWN = {entry.key: entry for entry in bibtex.read_entries(publications.OWN.read_text(encoding="utf-8"))}
NUMBERS = itertools.count()


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function: {file: text} inside a new package and the module of a plugin in it -> the plugin's class."""
    monkeypatch.syspath_prepend(tmp_path)
    package = f"references_{next(NUMBERS)}"

    def make(files, *, module="plugins", citations):
        for name, text in {"__init__.py": "", f"{module.replace('.', '/')}.py": "", **files}.items():
            (tmp_path / package / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / package / name).write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        full = f"{package}.{module}"
        importlib.import_module(full)
        return type("Plugin", (), {"citations": citations, "__module__": full})

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def entries(**titles):
    return "\n\n".join(ENTRY.format(key=key, title=title) for key, title in titles.items())


def titles(plugin):
    return [one.title for one in publications.publications_of(plugin)]


def test_a_key_is_searched_in_the_package_of_the_plugin_then_in_prunescopes(make):
    plugin = make({"references.bib": entries(doe2020mine="Mine")}, citations=("doe2020mine", "lee2019snip"))
    mine, snip = publications.publications_of(plugin)
    assert (mine.key, mine.authors, mine.title, mine.venue, mine.year) == (
        "doe2020mine",
        ("Doe, Jo",),
        "Mine",
        "Proceedings",
        2020,
    )
    assert snip.url == "https://arxiv.org/abs/1810.02340"


def test_the_nearest_entry_of_a_key_counts(make):
    files = {
        "references.bib": entries(lee2019snip="Outer", doe2020mine="Mine"),
        "inner/__init__.py": "",
        "inner/references.bib": entries(lee2019snip="Inner"),
    }
    assert titles(make(files, module="inner.plugins", citations=("lee2019snip", "doe2020mine"))) == ["Inner", "Mine"]
    assert titles(make(files, module="plugins", citations=("lee2019snip",))) == ["Outer"]


def test_a_key_without_an_entry_is_refused(make):
    with pytest.raises(PluginError, match=r"cites 'doe1999gone'.*\n.*references\.bib in the package references_"):
        publications.publications_of(make({}, citations=("lee2019snip", "doe1999gone")))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@misc{doe2020mine, title = {Mine}, year = 2020, journal = {J}}", "doe2020mine has no author"),
        ("@misc{doe2020mine, author = {Doe, Jo}, title = {Mine}, journal = {J}}", "doe2020mine has no year"),
        ("@misc{doe2020mine, author = {Doe, Jo}, title = {Mine}, year = {soon}, journal = {J}}", "has no year"),
        ("@misc{doe2020mine, author = {Doe, Jo}, title = {}, year = 2020, journal = {J}}", "has no title"),
        ("@misc{doe2020mine, author = {Doe, Jo}, title = {Mine}, year = 2020}", "has no venue"),
        ("@misc{doe2020mine, author = {Doe, Jo}", "line 1: a brace is never closed"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_and_its_file_named(make, text, complaint):
    with pytest.raises(PluginError, match=rf"references\.bib: .*{complaint}"):
        publications.publications_of(make({"references.bib": text}, citations=("doe2020mine",)))


@pytest.mark.parametrize(
    ("fields", "venue"),
    [
        ("journal = {J}, year = 2020", "J"),
        ("eprint = {2305.18383}, date = {2020-05-01}", "arXiv:2305.18383"),
        ("booktitle = {B}, eprint = {2305.18383}, year = 2020", "B"),
    ],
)
def test_venues(make, fields, venue):
    text = f"@misc{{doe2020mine, author = {{Doe, Jo}}, title = {{Mine}}, {fields}}}"
    (found,) = publications.publications_of(make({"references.bib": text}, citations=("doe2020mine",)))
    assert (found.venue, found.year, found.bibtex) == (venue, 2020, text)


def test_every_key_of_a_built_in_plugin_has_an_entry_and_every_entry_is_cited():
    cited = {one.key for plugin in BUILT_IN for one in publications.publications_of(plugin)}
    assert {"prunescope", *cited} == set(OWN)


def test_prunescope_cites_its_own_version():
    assert OWN["prunescope"].fields["version"] == prunescope.__version__


def test_the_references_are_sorted_and_each_stands_once():
    text = publications.OWN.read_text(encoding="utf-8")
    first, *others = [entry.key for entry in bibtex.read_entries(text)]
    assert first == "prunescope"
    assert others == sorted(set(others))


@pytest.mark.parametrize("key", sorted(set(OWN) - {"prunescope"}))
def test_built_in_references_are_whole(key):
    found = publications.own_publication(key)
    assert re.fullmatch(r"[a-z]+\d{4}[a-z]+", key)
    assert str(found.year) in key
    assert all(re.fullmatch(r"[^,]+, [^,]+", author) for author in found.authors)
    family = found.authors[0].partition(",")[0].lower()
    assert key.startswith(re.sub("[^a-z]", "", family.encode("ascii", "ignore").decode())[:4])
    assert found.url.startswith("https://")


@pytest.mark.parametrize("place", sorted(Path(__file__).parents[2].glob("plugins/*/src/*/references.bib")), ids=str)
def test_the_references_of_our_plugins_can_be_read(place):
    assert list(bibtex.read_entries(place.read_text(encoding="utf-8")))
