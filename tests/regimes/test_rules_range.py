"""Where the three-regime rule gives a verdict and no confidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prunescope.api import Advice, Evidence, Reading, Regime
from prunescope.regimes.rules import ThreeRegime

POOR = Evidence(
    density=0.1,
    readings={"lmc/lmc": Reading(np.full(3, -0.5), "fraction", stderr=np.full(3, 0.01), axes=("pair",))},
    knobs={"epochs": 160.0},
)

FITTED = ThreeRegime(density_low=0.05, density_high=0.2, fitted_knobs=("epochs:10:160", "batch_size:16:64"))


def test_inside_the_fitted_range_there_is_confidence():
    found = FITTED.classify(POOR)
    assert found.confidence > 0.99
    assert found == replace(FITTED, density_low=0.0, fitted_knobs=()).classify(POOR)


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (replace(POOR, density=0.3), "density 0.3 is outside the fitted 0.05 to 0.2"),
        (replace(POOR, density=0.01), "density 0.01"),
        (replace(POOR, knobs={"epochs": 161.0}), "epochs 161 is outside the fitted 10 to 160"),
        (replace(POOR, knobs={"batch_size": 8.0, "rho": 3.0}), "batch_size 8"),
    ],
)
def test_outside_of_it_the_verdict_stays_and_the_confidence_goes(evidence, told):
    found = FITTED.classify(evidence)
    assert (found.regime, found.advice, found.confidence) == (Regime.I, Advice.RAISE, None)
    assert told in found.because[-1]


def test_other_networks_and_the_source_of_the_thresholds_are_told():
    found = ThreeRegime(trusted=False, calibration="fitted somewhere").classify(POOR)
    assert found.confidence is None
    assert "other networks" in found.because[-1]
    assert "fitted somewhere" in found.because
