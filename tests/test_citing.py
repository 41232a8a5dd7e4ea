from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from prunescope import citing, registry
from prunescope.api import Citation
from prunescope.recipe import Recipe

ROOT = Path(__file__).parent.parent
BUILT_IN = [
    citing.method(group, plugin.name)
    for group in registry.INTERFACES
    for plugin in registry.find(group)
    if plugin.distribution == "prunescope"
]
CITATIONS = [citation for method in BUILT_IN for citation in method.citations]


def test_one_key_is_one_publication():
    assert len({citation.key for citation in CITATIONS}) == len(set(CITATIONS))


@pytest.mark.parametrize("citation", sorted(set(CITATIONS), key=lambda citation: citation.key), ids=lambda one: one.key)
def test_built_in_citations_are_whole(citation):
    assert re.fullmatch(r"[a-z]+\d{4}[a-z]+", citation.key)
    assert str(citation.year) in citation.key
    assert all(re.fullmatch(r"[^,]+, [^,]+", author) for author in citation.authors)
    family = citation.authors[0].partition(",")[0].lower()
    assert citation.key.startswith(re.sub("[^a-z]", "", family.encode("ascii", "ignore").decode())[:4])
    assert citation.title
    assert citation.venue
    assert citation.url.startswith("https://")


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("probes", "lmc"),
        ("probes", "cka"),
        ("probes", "hessian"),
        ("rules", "three-regime"),
        ("rules", "md-tree"),
        ("trainers", "sgd"),
        ("trainers", "sam"),
        ("datasets", "digits"),
    ],
)
def test_methods_of_others_are_cited(group, name):
    assert citing.method(group, name).citations


def test_a_recipe_names_its_plugin_its_data_and_its_rules():
    data = {"name": "digits"}
    recipes = [
        Recipe(step="train", plugin="sam", arguments={"data": data}),
        Recipe(step="probe", plugin="cka", arguments={"data": data}),
        Recipe(step="diagnose", arguments={"cases": [{"rule": "md-tree"}]}),
        Recipe(step="import"),
    ]
    found = citing.methods(recipes, rules=["three-regime"])
    assert [method.label for method in found] == [
        "data set digits",
        "probe cka",
        "rule md-tree",
        "rule three-regime",
        "trainer sam",
    ]


def test_what_is_no_longer_installed_has_a_problem_and_the_rest_is_cited():
    found = citing.methods([Recipe(step="probe", plugin="gone"), Recipe(step="probe", plugin="lmc")])
    assert "gone" in found[0].problem
    assert "frankle2020linear" in [one.citation.key for one in citing.cited(found)]


def test_each_publication_comes_once_with_all_it_is_for_and_prunescope_first():
    found = citing.cited([citing.method("probes", "lmc"), citing.method("rules", "three-regime")])
    assert found[0].citation is citing.OWN
    keys = [one.citation.key for one in found]
    assert keys[1:] == sorted(set(keys[1:]))
    (zhou,) = [one for one in found if one.citation.key == "zhou2023three"]
    assert zhou.methods == ("probe lmc", "rule three-regime")


@pytest.mark.parametrize(
    ("venue", "kind", "line"),
    [
        ("International Conference on Machine Learning", "@inproceedings", "booktitle = {International"),
        ("Journal of Machine Learning Research", "@article", "journal = {Journal"),
        ("arXiv:2305.18383", "@misc", "eprint = {2305.18383}"),
    ],
)
def test_bibtex_by_venue(venue, kind, line):
    entry = citing.bibtex(Citation(key="k", authors=("A, B", "The team"), title="50 % of $5_#", venue=venue, year=2020))
    assert entry.startswith(f"{kind}{{k,\n")
    assert line in entry
    assert "author = {A, B and {The team}}" in entry
    assert r"title = {{50 \% of \$5\_\#}}" in entry


def test_a_url_is_not_escaped():
    entry = citing.bibtex(Citation(key="k", authors=("A, B",), title="T", venue="V", year=2020, url="https://x/a_b#c"))
    assert "url = {https://x/a_b#c}" in entry


def test_the_citation_file_names_the_paper_as_the_rule_does():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (reference,) = cff["references"]
    (citation,) = citing.method("rules", "three-regime").citations
    assert (reference["title"], reference["year"], reference["url"]) == (citation.title, citation.year, citation.url)
    names = [f"{author['family-names']}, {author['given-names']}" for author in reference["authors"]]
    assert tuple(names) == citation.authors
    assert cff["title"] == "prunescope"
    assert cff["authors"][0]["name"] == citing.OWN.authors[0]
