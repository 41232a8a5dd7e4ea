"""What a mask keeps, as a finding: counts, warnings, and n/a where paths are not defined."""

from __future__ import annotations

import json

import pytest

from prunescope.report.steps.explaining import MaskExplanation
from prunescope.studies.steps.explaining import ExplainedLayer, ExplainedMask

SMALL = {"model_options": {"width": 0.25}, "trainer_options": {"epochs": 1}}


def explained(*layers, why_not=""):
    made = tuple(
        ExplainedLayer(name=name, weights=weights, kept=kept, effective=effective)
        for name, weights, kept, effective in layers
    )
    known = None if why_not else sum(layer.effective for layer in made)
    total = ExplainedLayer(
        name="all",
        weights=sum(layer.weights for layer in made),
        kept=sum(layer.kept for layer in made),
        effective=known,
    )
    return MaskExplanation(found=ExplainedMask(layers=made, total=total, why_not=why_not), run="prune-0")


def test_layers_that_keep_nothing_and_layers_on_no_path_are_warned_of():
    found = explained(("a", 10, 5, 5), ("b", 10, 0, 0), ("c", 20, 4, 0))
    assert found.lines() == (
        "effective density 12.5000 %: kept weights on a path from the image to an output",
        "warning: b keeps no weight: this layer has collapsed, nothing passes it but a shortcut around it",
        "warning: no kept weight of c lies on a path from the image to an output",
    )


def test_a_network_that_is_cut_has_one_warning_for_all_paths():
    assert explained(("a", 10, 5, 0), ("b", 10, 1, 0)).lines()[1:] == (
        "warning: no path of kept weights joins the image with an output: the network is cut",
    )


def test_it_shows_itself_where_paths_are_not_defined():
    found = explained(("a", 10, 5, None), why_not="attention")
    assert "effective density: n/a: attention" in str(found)
    assert json.loads(found.to_json())["layers"] == [{"name": "a", "weights": 10, "kept": 5, "effective": None}]
    assert found.rows() == [{"run": "prune-0", "name": "a", "weights": 10, "kept": 5, "effective": None}]


def test_the_function_of_python_counts_what_the_mask_keeps(tmp_path):
    import prunescope

    where = {"study": tmp_path / "study", "limit_batches": 1}
    dense = prunescope.train("preresnet8", "digits", **SMALL, **where)
    found = prunescope.prune(dense, density=0.1, **where).explain()
    assert found.found.total.kept == round(0.1 * found.found.total.weights)
    assert sum(row["effective"] for row in found.rows()) == found.found.total.effective > 0
    assert found.found.total.kept >= found.found.total.effective


def test_a_dense_network_has_nothing_to_explain(tmp_path):
    import prunescope
    from prunescope.api.errors import UsageError
    from prunescope.studies.steps.explaining import explain_mask

    where = {"study": tmp_path / "study", "limit_batches": 1}
    dense = prunescope.train("preresnet8", "digits", **SMALL, **where)
    with pytest.raises(UsageError, match="has no mask"):
        explain_mask(dense.found, dense.session)
