"""prune --explain: what each layer keeps, and warnings where nothing passes."""

from __future__ import annotations

import re

import pytest


def test_every_layer_is_listed_and_the_counts_add_up(study, invoke):
    folder, dense = study
    result = invoke("prune", "lamp", dense, "--density", 0.1, "--explain", "--study", folder)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.split()) == 1
    rows = re.findall(r"^(\S+)\s+([\d,]+)\s+([\d,]+)\s+[\d.]+ %\s+[\d.]+ %$", result.stderr, flags=re.MULTILINE)
    counts = [(name, int(kept.replace(",", "")), int(of.replace(",", ""))) for name, kept, of in rows]
    (name, kept, of), layers = counts[-1], counts[:-1]
    assert name == "all"
    assert kept == sum(one[1] for one in layers) == round(0.1 * of)
    assert of == sum(one[2] for one in layers)
    assert "effective density" in result.stderr
    assert "warning" not in result.stderr


def test_collapsed_layers_and_a_cut_network_are_warned_of(study, invoke):
    folder, dense = study
    words = ("prune", "magnitude", dense, "--scope", "global", "--study", folder, "--explain")
    result = invoke(*words, "--density", 0.0005)
    assert result.exit_code == 0, result.stderr
    collapsed = re.findall(r"warning: (\S+) keeps no weight", result.stderr)
    empty = re.findall(r"^(\S+\.weight)\s+0\s", result.stderr, flags=re.MULTILINE)
    assert collapsed == empty
    assert collapsed
    assert "no path of kept weights" in result.stderr


def test_without_it_nothing_is_explained(study, invoke):
    folder, dense = study
    result = invoke("prune", "lamp", dense, "--density", 0.1, "--study", folder)
    assert "effective" not in result.stderr


def test_what_is_prunable_and_the_density_of_the_whole_network_are_printed(study, invoke):
    folder, dense = study
    result = invoke("prune", "lamp", dense, "--density", 0.1, "--study", folder)
    share, whole = re.search(
        r"kept 10\.\d+ % of the prunable weights of \S+ \(convolutions, ([\d.]+) % of all parameters\)\s+"
        r"([\d.]+) % of all parameters are left",
        result.stderr,
    ).groups()
    assert float(whole) == pytest.approx(100 - 0.9 * float(share), abs=0.02)
