from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from prunescope.api import Reading
from prunescope.report.common.heat_map import heat_map
from prunescope.report.diagnosis import diagnosis_page, evidence

LAYERS = ("stem", "head<b>")


def branch(**named):
    return SimpleNamespace(density=0.1, probes=[SimpleNamespace(readings={"cka-map": named})])


def similarity(**changes):
    values = np.array([[[1.0, 0.25], [0.5, 0.75]], [[0.0, 0.75], [0.5, 0.25]]])
    return replace(Reading(values, "1", axes=("pair", "layer_a", "layer_b"), labels=LAYERS), **changes)


def test_a_square_of_named_things_is_a_map_and_the_mean_over_pairs():
    (found,) = evidence.heat_maps([branch(map=similarity())])
    assert (found.key, found.label, found.labels, found.axes) == ("cka-map/map", "10 %", LAYERS, ("layer_a", "layer_b"))
    assert found.values == ((0.5, 0.5), (0.5, 0.5))


def test_other_shapes_are_no_maps():
    line = Reading(np.ones((2, 2)), "1", axes=("pair", "layer"), labels=LAYERS)
    grid = Reading(np.ones((2, 2)), "1", axes=("x", "y"), labels=("-1", "1"))
    wide = Reading(np.ones((3, 2)), "1", axes=("layer_a", "layer_b"), labels=LAYERS)
    assert evidence.heat_maps([branch(line=line, grid=grid, wide=wide)]) == ()


def test_the_picture_says_its_numbers_and_escapes_its_labels():
    (found,) = evidence.heat_maps([branch(map=similarity(value=similarity().value[0], axes=("layer_a", "layer_b")))])
    text = heat_map(found, name="m")
    assert text.startswith("<svg")
    assert all(number in text for number in ("1.00", "0.25", "0.50", "0.75"))
    assert "head<b>" not in text
    assert "from 0.0000 to 1.0000" in text


def test_a_map_of_many_layers_has_no_numbers():
    size = 20
    values = np.linspace(0, 1, size * size).reshape(size, size)
    names = tuple(f"layer{n}" for n in range(size))
    (found,) = evidence.heat_maps([branch(map=Reading(values, "1", axes=("layer_a", "layer_b"), labels=names))])
    assert "0.50" not in heat_map(found, name="m")


def test_the_page_shows_it(report):
    (found,) = evidence.heat_maps([branch(map=similarity())])
    page = diagnosis_page(replace(report, maps=(found,)))
    assert "Similarity of all layers" in page
    assert "Similarity of all layers" not in diagnosis_page(report)
