from __future__ import annotations

import numpy as np
import pytest
import synthetic_phase as synthetic

from prunescope.api import Advice, Reading, Regime
from prunescope.api.errors import EvidenceError
from prunescope.plugins import registry
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.judging import find_middle, merge_seeds
from prunescope.studies.cases.measured import MeasuredModel, measured_column
from prunescope.studies.phase import judging
from prunescope.studies.phase.diagram import Sample
from prunescope.studies.phase.findings import find_phases
from prunescope.studies.phase.from_study import drops, read_study


def test_two_a_and_two_b_are_relative_to_the_same_density(diagram, rule):
    cka = [(0.90, 0.99), (0.95, 0.95), (0.95, 0.95)]
    found = judging.judge_cells(diagram([(0.0, 0.0)] * 3, cka=cka), rule)
    assert found[10, 0.1].of_rule.regime is Regime.II_A
    assert found[10, 0.1].of_rule.advice is Advice.LOWER
    assert found[10, 0.2].of_rule.regime is Regime.II_B
    assert found[40, 0.2].of_rule.advice is Advice.RAISE


def test_a_cell_without_lmc_has_no_verdict(diagram, rule):
    found = judging.judge_cells(diagram([(None, -0.5), (0.0, 0.0), (0.0, 0.0)], cka=[(0.9, 0.9)] * 3), rule)
    assert (10, 0.1) not in found
    assert found[10, 0.2].diagnosis.regime is Regime.I


def test_replicas_that_have_not_learned_are_not_judged(diagram, rule):
    few = diagram([(0.0, 0.0)] * 3)
    lost = Sample(seed=0, lmc=(0.0,), paths=((0.9, 0.9, 0.9),))
    few.cells[10, 0.1].__dict__["samples"] = (lost,)
    assert judging.judge_cells(few, rule)[10, 0.1].diagnosis.regime is Regime.UNRESOLVED


def model(lmc, *, seed=0, errors=(0.2,), value=10.0):
    readings = {"errors/test_error": Reading(np.array(errors), "fraction", axes=("replica",))}
    if lmc is not None:
        readings["lmc/lmc"] = Reading(np.full(3, lmc), "fraction", stderr=np.full(3, 0.01), axes=("pair",))
    return MeasuredModel(name=f"{value:g}", density=0.1, value=value, seed=seed, readings=readings)


def test_the_middle_is_the_median_seed_or_the_two_around_it():
    models = [model(lmc, seed=seed) for seed, lmc in enumerate((-0.3, 0.0, -0.1, -0.2))]
    assert [one.seed for one in find_middle(models)] == [3, 2]
    assert [one.seed for one in find_middle(models[:3])] == [2]
    assert find_middle([model(None)]) == []


def test_seeds_merge_to_their_median_lmc_and_one_error_each():
    models = [model(lmc, seed=seed, errors=(lmc + 1, lmc + 1.1)) for seed, lmc in enumerate((-0.3, 0.0, -0.1, -0.2))]
    merged = merge_seeds(models)
    assert merged.array("lmc/lmc") == pytest.approx([-0.15] * 3)
    assert merged.readings["lmc/lmc"].stderr == pytest.approx([0.01 / np.sqrt(2)] * 3)
    assert merged.array("errors/test_error") == pytest.approx([0.75, 1.05, 0.95, 0.85])
    assert merge_seeds(models, seeds=frozenset({1})).array("errors/test_error") == pytest.approx([1.05])
    assert merge_seeds(models[:1]) is models[0]


def test_a_rule_that_needs_more_is_refused(diagram):
    tree = registry.make("rules", "md-tree", {}).instance
    with pytest.raises(EvidenceError, match="requires the reading errors/train_error"):
        judging.judge_cells(diagram([(0.0, 0.0)] * 3), tree)


@pytest.mark.parametrize("seeds", [(0,), (0, 1), (0, 1, 2)])
def test_report_and_advise_return_one_verdict_on_every_cell(tmp_path, rule, seeds):
    from dataclasses import replace

    grid = synthetic.laid_out(replace(synthetic.STUDY, dense_seeds=seeds))
    store = Store(tmp_path)
    synthetic.write(grid, store)
    session = Session(store=store)
    verdicts = find_phases(read_study(grid, session), rule).verdicts
    drop = next(iter(drops(grid.study)), None)
    compared = 0
    for density in grid.study.densities:
        models = measured_column(grid, session, density=density)
        for value in {one.value for one in models}:
            advised = advise_model(models, value=value, knob=grid.study.knob, rule=rule, first_drop=drop)
            reported = verdicts[value, density]
            assert (advised.advice, advised.regime) == (reported.advice, str(reported.regime))
            assert advised.confidence == pytest.approx(reported.confidence)
            assert advised.regime_probability == pytest.approx(reported.regime_probability)
            compared += 1
    assert compared == len(grid.study.values) * len(grid.study.densities)


def test_seeds_that_disagree_give_one_probability_and_no_vote(rule):
    """Two seeds whose better sides differ, as on the study where a tied vote was printed as 50 % of the regime."""
    models = [
        model(lmc, seed=seed, errors=errors, value=value)
        for seed, (lmc, pairs) in enumerate((((-0.3), ((0.1,) * 3, (0.2,) * 3)), ((-0.01), ((0.2,) * 3, (0.1,) * 3))))
        for value, errors in zip((40.0, 80.0), pairs, strict=True)
    ]
    found = advise_model(models, value=80.0, knob="epochs", rule=rule)
    assert found.advice is Advice.NONE
    assert "of 2 dense seeds, each judged alone: none" in found.because[-1]
    assert found.confidence is None or found.confidence == pytest.approx(max(found.hotter, 1 - found.hotter))
