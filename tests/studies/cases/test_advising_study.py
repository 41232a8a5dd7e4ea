"""`advise` over whole studies: no step that its own interval shows to be worse, whatever the study."""

from __future__ import annotations

from dataclasses import replace

import pytest
import synthetic_phase as synthetic

from prunescope.api import Advice
from prunescope.regimes.rules import ThreeRegime
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.measured import measured_column
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
