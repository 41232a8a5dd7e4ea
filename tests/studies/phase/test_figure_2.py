"""The published grid (Zhou et al. 2023, figure 2): what the rule and every way to choose do on it, checked by hand."""

from __future__ import annotations

import pytest

from prunescope.plugins import registry
from prunescope.studies.phase.bending import Bend
from prunescope.studies.phase.boundary import Side
from prunescope.studies.phase.findings import find_phases


@pytest.fixture(scope="module")
def found(published, rule):
    return find_phases(published, rule)


def counts(directions):
    return tuple(sum(getattr(one, name) for one in directions) for name in ("cells", "right", "wrong", "abstained"))


def test_the_whole_table_is_there(published):
    assert published.values == (10, 40, 70, 80, 100, 130, 160)
    assert published.densities == (0.05, 0.07, 0.1, 0.2, 0.8)
    assert published.drops == (80, 120)
    assert "Zhou" in published.source
    assert published.cells[100, 0.07].samples[0].lmc == (-0.3087,)


def test_the_advice_is_right_wherever_the_rule_judges(found):
    assert counts(found.direction) == (16, 14, 0, 2)


def test_without_abstaining_the_direction_is_right_in_at_least_nine_of_ten_cells(published):
    bold = registry.make("rules", "three-regime", {"certainty": 0.5}).instance
    cells, right, _, abstained = counts(find_phases(published, bold).direction)
    assert abstained == 0
    assert right >= 0.9 * cells
    assert (cells, right) == (16, 16)


def test_the_plain_rules_are_counted_on_the_same_cells(found):
    assert counts(found.plain_directions["colder"])[:2] == (16, 8)
    assert counts(found.plain_directions["drop"])[:2] == (16, 16)
    for key in ("means", "lmc", "cka"):  # counted on the table by an independent script
        assert counts(found.plain_directions[key]) == (16, 15, 1, 0)


@pytest.mark.parametrize(
    ("way", "chosen", "regrets", "mean"),
    [
        # points above the best of each density: 5, 7, 10, 20, 80 %
        ("algorithm-2", (10, 80, 70, 130, None), (0.98, 0, 0, 0, 0), 0.196),
        ("algorithm-2.1", (10, 70, 80, 100, 100), (0.98, 0.23, 0.04, 0.04, 0), 0.258),
        ("coldest", (160,) * 5, (2.73, 3.27, 1.01, 0.08, 0), 1.418),
        ("before-drop", (80,) * 5, (0, 0, 0.04, 0.04, 0), 0.016),
        ("oracle", (80, 80, 70, 130, None), (0, 0, 0, 0, 0), 0),
    ],
)
def test_the_regret_of_every_way_to_choose(found, way, chosen, regrets, mean):
    picked = next(one for one in found.ways if one.key == way)
    assert [100 * one.regret for one in picked.chosen] == pytest.approx(regrets, abs=1e-9)
    assert 100 * picked.regret == pytest.approx(mean)
    assert 100 * picked.worst == pytest.approx(max(regrets))
    for one, wanted in zip(picked.chosen, chosen, strict=True):
        assert wanted is None or one.values == (wanted,)  # None: several are equally good


def test_a_random_choice_costs_the_mean_of_the_column(found, published):
    random = next(one for one in found.ways if one.key == "random")
    column = [published.cells[value, 0.05].samples[0].test_error[0] for value in published.values]
    assert random.chosen[0].regret == pytest.approx(sum(column) / 7 - min(column))
    assert 100 * random.regret == pytest.approx(0.772, abs=1e-3)


def test_what_is_not_known_of_the_dense_models_is_not_made_up(found):
    ways = {one.key: one for one in found.ways}
    assert ways["dense"].regret is None
    assert "not known" in ways["dense"].missing
    assert ways["algorithm-2-dense"].regret is None


def test_the_boundary_bends_as_in_the_figure(found):
    assert found.bend.verdict is Bend.COLDER
    assert found.bend.robust
    assert [one.side for one in found.crossings] == [
        Side.POOR, Side.CROSSES, Side.CROSSES, Side.CONNECTED, Side.CONNECTED,
    ]  # fmt: skip
    critical = [one.value for one in found.crossings]
    assert critical[1] == pytest.approx(80 + 20 * (0.1 - 0.0748) / (0.3087 - 0.0748))
    assert critical[2] == pytest.approx(100 + 30 * (0.1 - 0.0243) / (0.1519 - 0.0243))


def test_the_transition_is_at_the_first_drop(found):
    across = found.transition
    assert (across.hotter, across.colder, across.picked) == (80, 100, "drop")
    assert [one.mean for one in across.differences] == pytest.approx([0.0218, 0.0105, 0.0012, 0, 0])
    assert all(one.z is None for one in across.differences)
