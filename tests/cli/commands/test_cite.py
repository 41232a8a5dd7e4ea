from __future__ import annotations

import pytest

from prunescope.landscape.probes.cka import Cka
from prunescope.plugins import publications


def test_without_a_name_it_is_prunescope_and_the_paper_behind_it(invoke, tmp_path):
    text = invoke("cite", "--study", tmp_path).stdout
    assert text.startswith("The prunescope developers.")
    assert "A Three-regime Model of Network Pruning" in text
    assert text.count("\n    for ") == 2


def test_a_plugin(invoke, tmp_path):
    text = invoke("cite", "cka", "--study", tmp_path).stdout
    assert "Similarity of Neural Network Representations Revisited" in text
    assert "for probe cka [kornblith2019similarity]" in text


def test_a_name_that_two_groups_have_stands_for_both(invoke, tmp_path):
    result = invoke("cite", "timm", "--study", tmp_path)
    assert "trainer timm" in result.stdout + result.stderr
    assert "data set timm" in result.stdout + result.stderr


def test_bibtex(invoke, tmp_path):
    text = invoke("cite", "lmc", "--bibtex", "--study", tmp_path).stdout
    assert text.count("@") == text.count("\n}") == 4
    assert "@inproceedings{frankle2020linear," in text
    references = publications.OWN.read_text(encoding="utf-8")
    assert all(entry in references for entry in text.strip().split("\n\n"))


def test_help_of_a_plugin_with_a_key_without_entry_says_so_and_works(invoke, monkeypatch):
    monkeypatch.setattr(Cka, "citations", ("doe1999gone",))
    assert "cites 'doe1999gone'" in " ".join(invoke("probe", "cka", "--help").stdout.split())


def test_a_run_and_a_study(invoke, study):
    folder, run_id = study
    by_run = invoke("cite", run_id, "--study", folder)
    assert "for trainer sgd" in by_run.stdout
    assert "data set patches: no publication" in by_run.stderr
    assert "for trainer sgd" in invoke("cite", folder).stdout


def test_a_run_stands_for_all_it_was_made_from(invoke, study):
    folder, run_id = study
    probed = invoke("probe", "errors", run_id, "--study", folder).stdout.strip()
    assert "for trainer sgd" in invoke("cite", probed, "--study", folder).stdout


@pytest.mark.parametrize("word", ["nothing", "train-"])
def test_what_is_nothing_is_refused(invoke, tmp_path, word):
    result = invoke("cite", word, "--study", tmp_path)
    assert result.exit_code == 2
    assert "no plugin, no study and no run" in result.stderr


def test_help_of_a_plugin_says_whom_to_cite(invoke):
    text = invoke("probe", "cka", "--help").stdout
    assert "Cite: Kornblith et al. 2019" in text
    assert "Cite:" not in invoke("probe", "--help").stdout
