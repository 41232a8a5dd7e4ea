"""The direction stated on the published grid: signals of one checkpoint, on cells that are off their optimum."""

from __future__ import annotations

from collections import Counter
from importlib import resources

import numpy as np
import pytest
from published_grid import columns

from prunescope.api import Advice, Evidence, Reading
from prunescope.regimes.direction import targets
from prunescope.regimes.log_odds import load_calibration
from prunescope.regimes.probable_direction import state_direction
from prunescope.regimes.rules import ThreeRegime

DROP = 80.0
"""Epochs after which the learning rate of the published recipe falls first."""


def advised(drop, calibration):
    """How often the direction of one checkpoint is right on cells that are off their optimum."""
    found = Counter()
    for density, column in columns().items():
        ways = targets({one.value: one.test_error for one in column}, knob="epochs", tolerance=0.004)
        for one in column:
            if one.value in ways:
                lmc = Reading(np.array([one.lmc]), "fraction", axes=("pair",))
                given = Evidence(
                    density=density / 100, readings={"lmc/lmc": lmc}, knobs={"epochs": one.value}, first_drop=drop
                )
                advice = state_direction(ThreeRegime().classify(given), given, calibration=calibration).advice
                right = "right" if advice in ways[one.value] else "wrong"
                found["abstains" if advice is Advice.NONE else right] += 1
    return found


@pytest.mark.parametrize(
    ("drop", "wanted"),
    [(DROP, {"right": 16}), (None, {"right": 13, "wrong": 1, "abstains": 2})],
    ids=["LMC and position", "LMC"],
)
def test_one_checkpoint_points_towards_the_optimum(drop, wanted):
    pack = resources.files("prunescope.regimes.packs").joinpath("direction-1.json").read_text(encoding="utf-8")
    assert advised(drop, load_calibration(pack)) == wanted


def test_the_shipped_pack_points_towards_the_optimum_with_the_recorded_schedule_and_abstains_without():
    assert advised(DROP, load_calibration()) == {"right": 16}
    alone = advised(None, load_calibration())
    assert alone["wrong"] <= 1
    assert alone["right"] >= 8
