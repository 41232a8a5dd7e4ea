from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from prunescope.plugins import citations, publications, registry
from prunescope.runs.credits import credited_methods
from prunescope.runs.recipe import Recipe

ROOT = Path(__file__).parents[2]


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
    assert citations.method(group, name).publications


def test_a_recipe_names_its_plugin_its_data_and_its_rules():
    data = {"name": "digits"}
    recipes = [
        Recipe(step="train", plugin="sam", arguments={"data": data}),
        Recipe(step="probe", plugin="cka", arguments={"data": data}),
        Recipe(step="diagnose", arguments={"cases": [{"rule": "md-tree"}]}),
        Recipe(step="import"),
    ]
    found = credited_methods(recipes, rules=["three-regime"])
    assert [method.label for method in found] == [
        "data set digits",
        "probe cka",
        "rule md-tree",
        "rule three-regime",
        "trainer sam",
    ]


def test_what_is_no_longer_installed_has_a_problem_and_the_rest_is_cited():
    found = credited_methods([Recipe(step="probe", plugin="gone"), Recipe(step="probe", plugin="lmc")])
    assert "gone" in found[0].problem
    assert "frankle2020linear" in [one.publication.key for one in citations.cited(found)]


def test_each_publication_comes_once_with_all_it_is_for_and_prunescope_first():
    found = citations.cited([citations.method("probes", "lmc"), citations.method("rules", "three-regime")])
    assert found[0].publication.key == "prunescope"
    keys = [one.publication.key for one in found]
    assert keys[1:] == sorted(set(keys[1:]))
    (zhou,) = [one for one in found if one.publication.key == "zhou2023three"]
    assert zhou.methods == ("probe lmc", "rule three-regime")


def test_a_publication_that_cannot_be_found_is_a_problem_of_its_method(monkeypatch):
    monkeypatch.setattr(registry.get("probes", "lmc").load(), "citations", ("doe1999gone",))
    (found,) = credited_methods([Recipe(step="probe", plugin="lmc")])
    assert "cites 'doe1999gone'" in found.problem


def test_the_citation_file_names_the_paper_as_the_rule_does():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (reference,) = cff["references"]
    (paper,) = citations.method("rules", "three-regime").publications
    assert (reference["title"], reference["year"], reference["url"]) == (paper.title, paper.year, paper.url)
    names = [f"{author['family-names']}, {author['given-names']}" for author in reference["authors"]]
    assert tuple(names) == paper.authors
    assert cff["title"] == "prunescope"
    assert cff["authors"][0]["name"] == publications.own_publication("prunescope").authors[0]
