"""`advise` over whole studies: no step that its own interval shows to be worse, whatever the study."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import synthetic_phase as synthetic

from prunescope.api import Advice, Reading
from prunescope.regimes.rules import ThreeRegime
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.measured import MeasuredModel, measured_column
from prunescope.studies.phase.from_study import drops

STUDIES = {
    "epochs": synthetic.STUDY,
    "few": replace(synthetic.STUDY, replicas=2, dense_seeds=(0,)),
    "batch": replace(synthetic.STUDY, knob="batch_size", values=(16, 32, 64, 128), snapshots=False, hold="iterations"),
}


@pytest.fixture(params=sorted(STUDIES))
def study(request, tmp_path):
    grid, store = synthetic.laid_out(STUDIES[request.param]), Store(tmp_path)
    synthetic.write(grid, store)
    return grid, Session(store=store)


def test_no_step_of_a_study_is_advised_that_is_measured_to_be_worse(study):
    grid, session = study
    told = []
    for density in grid.study.densities:
        models = measured_column(grid, session, density=density)
        for value in sorted({model.value for model in models}):
            for certainty in (0.5, 0.8):
                found = advise_model(
                    models,
                    value=value,
                    knob=grid.study.knob,
                    rule=ThreeRegime(),
                    first_drop=next(iter(drops(grid.study)), None),
                    certainty=certainty,
                )
                told.append(found.advice)
                assert found.hotter is not None
                assert (found.to is None) is (found.change is None)
                if found.change is not None:
                    assert found.change.mean <= 0
    assert {Advice.RAISE, Advice.LOWER} <= set(told)


def table_columns():
    """Return (study, density) -> the models of all dense seeds, by the shipped table of the nine studies."""
    found = {}
    for row in import_module("truth_cells").read_cells():
        numbers = {
            "errors/test_error": row.test_errors,
            "errors/train_error": row.train_errors,
            "errors/train_loss": row.train_losses,
        }
        readings = {name: Reading(np.array(each), "fraction", axes=("replica",)) for name, each in numbers.items()}
        readings["lmc/lmc"] = Reading(np.array([row.lmc]), "fraction", axes=("pair",))
        model = MeasuredModel(
            name=f"{row.value:g}", density=row.density, value=row.value, seed=row.seed, readings=readings
        )
        found.setdefault((row.study, row.knob, row.placed, row.density), []).append(model)
    return found


def test_no_step_of_a_shipped_study_is_advised_that_is_measured_to_be_worse():
    told = Counter()
    for (study, knob, drop, _), models in table_columns().items():
        for value in sorted({model.value for model in models}):
            found = advise_model(models, value=value, knob=knob, rule=ThreeRegime(draws=400), first_drop=drop)
            told[study] += found.to is not None
            assert found.change is None or found.change.mean <= 0
    assert len(told) == 9
    assert min(told.values()) >= 10
