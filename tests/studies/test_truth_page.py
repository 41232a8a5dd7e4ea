"""The page of the truth: what its tables and pictures are computed from."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest


def module(name):
    return import_module(f"truth_{name}")


def shipped():
    return module("cells").read_cells()


def test_two_values_of_a_knob_are_compared_by_the_standard_error_over_dense_seeds(tmp_path):
    columns = ("study", "knob", "value", "density", "seed", "test_error")
    errors = {12: (0.5, 0.4, 0.3), 48: (0.4, 0.2, 0.3)}
    rows = [
        dict(zip(columns, ("one", "epochs", str(value), "0.1", str(seed), str(error)), strict=True))
        for value, each in errors.items()
        for seed, error in enumerate(each)
    ]
    module("flips").write_flips(rows, tmp_path / "flips.csv")
    (found,) = module("flips").read_pairs(tmp_path / "flips.csv")
    assert (found.hotter, found.colder, found.seeds) == (12, 48, 3)
    assert found.gain == pytest.approx(0.1)
    assert found.z == pytest.approx(np.sqrt(3))
    assert found.half == pytest.approx(4.3027 * 0.1 / np.sqrt(3), rel=1e-4)
    assert "+10.00 [-14.84, +34.84]" in module("flips").write_pairs([found])


def test_the_truly_best_network_regrets_noise_alone():
    rows = [row for row in shipped() if row.study == "mlp-digits-epochs"]
    columns = module("cases").list_columns(rows)
    assert 0 < module("noise").measure_floor(columns) < module("scores").score_selection(rows)["random"]["all"]
    certain = [[replace(row, test_errors=(row.test_errors[0],) * 3) for row in column] for column in columns]
    assert module("noise").measure_floor(certain) == pytest.approx(0)
    assert [module("noise")._extra(one, int(np.argmin([row.test_errors[0] for row in one]))) for one in certain] == [
        0
    ] * len(certain)


def test_a_picture_of_grids_holds_a_box_for_every_cell_of_a_grid():
    grids = module("paper").list_grids(shipped())
    picture = module("pictures").draw_grids(grids)
    assert picture.count("<text") == picture.count("</text>") > 0
    assert picture.count("<rect") - 1 == sum(len(line) for grid in grids for line in grid.above)
    for grid in grids:
        best = [min(line[place] for line in grid.above) for place in range(len(grid.densities))]
        assert best == pytest.approx([0] * len(best))


def test_a_search_is_replayed_on_two_dense_seeds_and_counted_on_the_others():
    rows = [row for row in shipped() if row.study == "mlp-patches-batch" and row.density == 0.2]
    replayed = module("tuning").replay_search(rows, lambda bench, aim: module("tuning")._whole(bench, aim), share=1)
    assert len(replayed) == 6
    assert {one.runs for one in replayed} == {1.0}
    column = {seed: [row for row in rows if row.seed == seed] for seed in (0, 1, 2, 3)}
    seen = np.mean([[np.mean(row.test_errors) for row in column[seed]] for seed in (0, 1)], axis=0)
    counted = np.mean([[np.mean(row.test_errors) for row in column[seed]] for seed in (2, 3)], axis=0)
    assert replayed[0].regret == pytest.approx(counted[seen.argmin()] - counted.min())


def test_the_step_of_the_posterior_is_chosen_on_the_other_studies():
    replay = module("tuning").Replay
    tried = {
        1.0: [replay(study="a", regret=0.0, runs=1), replay(study="b", regret=0.3, runs=1)],
        2.0: [replay(study="a", regret=0.9, runs=1), replay(study="b", regret=0.1, runs=1)],
    }
    assert module("tuning").choose_step(tried, without="a") == 2.0
    assert module("tuning").choose_step(tried, without="b") == 1.0


def test_a_choice_by_two_replicas_is_counted_on_the_third():
    rows = [row for row in shipped() if row.study == "mlp-patches-batch" and row.density == 0.2 and row.seed == 0]
    (column,) = module("cases").list_columns(rows)
    last = column[-1]
    errors = (0.9, 0.8, 0.7)
    marked = [*column[:-1], replace(last, test_errors=errors, train_losses=(-1.0, -1.0, 99.0))]
    found = module("scores").errors_on_the_third(marked, module("scores").WHOLE["training losses"])
    others = [
        int(np.argmin([np.mean([row.train_losses[number] for number in seen]) for row in marked]))
        for seen in ((1, 2), (0, 2))
    ]
    assert 4 not in others  # a replica that is seen counts: 99 keeps the last member from being chosen
    wanted = [errors[2], marked[others[1]].test_errors[1], marked[others[0]].test_errors[0]]
    assert found == pytest.approx(np.mean(wanted))
    whole = module("scores").score_whole(rows)
    assert whole["test errors"]["all"] >= 0
    assert whole["training losses"]["all"] == pytest.approx(
        module("scores").errors_on_the_third(column, module("scores").WHOLE["training losses"])
        - min(np.mean(row.test_errors) for row in column)
    )


def test_both_sides_are_those_of_one_study_with_large_z_of_both_signs():
    flips = module("flips")
    given = {"density": 0.1, "hotter": 8, "colder": 32, "seeds": 9, "gain": 0.1, "half": 0.01}
    signs = (("both", 4.0), ("both", -4.1), ("small", 9.0), ("small", -3.9), ("one", 5.0), ("one", 6.0))
    pairs = [flips.Pair(study=study, knob="rho", z=z, **given) for study, z in signs]
    assert flips.find_both_sides(pairs) == {"both": "rho"}
