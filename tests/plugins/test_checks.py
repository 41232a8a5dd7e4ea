"""What a plugin returns is validated before it is written: what passes is written, and reads back as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from prunescope.api import Advice, Diagnosis, Epoch, Mask, Reading, Regime
from prunescope.api.errors import PluginError, PrunescopeError
from prunescope.plugins import checks
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

BAD = {
    "a unit that is a number": {"r": Reading(1.0, 5)},
    "no unit": {"r": Reading(1.0, "")},
    "NUL in the unit": {"r": Reading(1.0, "a\0b")},
    "a surrogate in the unit": {"r": Reading(1.0, "\ud800")},
    "n that is a text": {"r": Reading(1.0, "1", n="many")},
    "n that is a fraction": {"r": Reading(1.0, "1", n=1.5)},
    "n that is a truth value": {"r": Reading(1.0, "1", n=True)},
    "n below 0": {"r": Reading(1.0, "1", n=-1)},
    "n that no file holds": {"r": Reading(1.0, "1", n=10**30)},
    "an estimator that is none": {"r": Reading(1.0, "1", estimator=None)},
    "an estimator with an escape": {"r": Reading(1.0, "1", estimator="\x1b[2J")},
    "axes that are a text": {"r": Reading(np.ones(3), "1", axes="abc")},
    "axes that are numbers": {"r": Reading(np.ones(3), "1", axes=(1,))},
    "labels that are numbers": {"r": Reading(np.ones(2), "1", axes=("a",), labels=(1, 2))},
    "labels of a scalar": {"r": Reading(1.0, "1", labels=("a",))},
    "a long double": {"r": Reading(np.ones(2, np.longdouble), "1", axes=("a",))},
    "a complex value": {"r": Reading(1j, "1")},
    "a text": {"r": Reading("1", "1")},
    "an object": {"r": Reading(object(), "1")},
    "NaN": {"r": Reading(float("nan"), "1")},
    "an error that is a text": {"r": Reading(1.0, "1", stderr="small")},
    "an error below 0": {"r": Reading(1.0, "1", stderr=-0.1)},
    "NUL in the name": {"a\0b": Reading(1.0, "1")},
    "the name of a folder": {".": Reading(1.0, "1")},
    "a long name": {"a" * 300: Reading(1.0, "1")},
    "a name that is no text": {b"a": Reading(1.0, "1")},
    "no name": {"": Reading(1.0, "1")},
    "no reading": {"r": 1.0},
    "nothing": {},
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_reading_is_refused_by_the_plugins_name(what):
    with pytest.raises(PluginError, match="probe 'bad' of somebody"):
        checks.check_readings("probe 'bad' of somebody", BAD[what], n_replicas=2)


GOOD = {
    "plain": Reading(1.0, "1", n=5, stderr=0.1, estimator="mean"),
    "a/b%c": Reading(np.float32(2), "α", n=np.int64(3)),
    "λ": Reading(np.arange(4), "1", axes=("layer",), labels=("a", "b", "c", "d")),
    "empty": Reading(np.zeros(0), "1", axes=("layer",)),
    "none drawn": Reading(1, "1", n=0),
    "truths": Reading(np.array([True, False]), "1", axes=("a",)),
}


def test_what_passes_is_written_and_reads_back(tmp_path):
    checked = checks.check_readings("a probe", GOOD, n_replicas=2)
    recipe = Recipe(step="probe", plugin="p", arguments={"seed": 0})
    run = Run(recipe=recipe, created="now", wall_seconds=1.0, device="cpu", versions={}, readings={"p": checked})
    store = Store(tmp_path)
    again = store.read(store.write(run)).readings["p"]
    assert {name: np.asarray(reading.value).tolist() for name, reading in again.items()} == {
        name: np.asarray(reading.value).tolist() for name, reading in GOOD.items()
    }
    assert again["a/b%c"].n == 3


def test_what_does_not_read_back_is_not_there(tmp_path):
    recipe = Recipe(step="probe", plugin="p", arguments={"seed": 0})
    readings = {"p": {".": Reading(1.0, "1")}}  # unchecked
    run = Run(recipe=recipe, created="now", wall_seconds=1.0, device="cpu", versions={}, readings=readings)
    with pytest.raises((PrunescopeError, ValueError)):
        Store(tmp_path).write(run)
    assert Store(tmp_path).ids() == []


GOOD_EPOCH = {"number": 1, "of": 2, "learning_rate": 0.1, "train_loss": 0.5, "train_error": 0.2}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "1"), ("number", 0), ("number", 1.5), ("number", True), ("number", 10**30), ("of", None),
        ("learning_rate", "0.1"), ("learning_rate", float("inf")), ("train_loss", "low"), ("train_loss", None),
        ("train_loss", torch.tensor(0.5)), ("train_error", float("nan")), ("train_error", [0.1]),
    ],
)  # fmt: skip
def test_a_bad_epoch_is_refused_by_the_plugins_name(name, value):
    checks.check_epoch("a trainer", Epoch(**GOOD_EPOCH))
    with pytest.raises(PluginError, match="a trainer"):
        checks.check_epoch("a trainer", Epoch(**GOOD_EPOCH | {name: value}))


def test_epochs_go_upwards():
    with pytest.raises(PluginError, match="after the epoch 1"):
        checks.check_epoch("a trainer", Epoch(**GOOD_EPOCH), after=1)


GOOD_DIAGNOSIS = {"regime": Regime.I, "advice": Advice.RAISE, "confidence": 0.9, "because": ("measured",)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("because", "one text"), ("because", (1,)), ("because", ("a\0",)), ("confidence", "sure"), ("confidence", True),
        ("regime", "III"), ("advice", "up"), ("hotter", 2), ("gain", "much"), ("gain", float("nan")),
        ("gain_interval", (1,)), ("gain_interval", 3), ("rests_on", "x"), ("next_buys", None),
    ],
)  # fmt: skip
def test_a_bad_diagnosis_is_refused_by_the_plugins_name(name, value):
    checks.check_diagnosis("a rule", Diagnosis(**GOOD_DIAGNOSIS))
    with pytest.raises(PluginError, match="a rule"):
        checks.check_diagnosis("a rule", Diagnosis(**GOOD_DIAGNOSIS | {name: value}))


@pytest.mark.parametrize("kept", [None, [torch.ones(1)], {"a": [True]}, {1: torch.ones(1)}])
def test_a_bad_mask_is_refused_by_the_plugins_name(kept):
    with pytest.raises(PluginError, match="a pruner"):
        checks.check_mask_type("a pruner", Mask(kept))


@pytest.mark.parametrize("passes", ["many", None, float("nan"), -1, True])
def test_bad_passes_are_refused_by_the_plugins_name(passes):
    with pytest.raises(PluginError, match="a probe"):
        checks.check_passes("a probe", passes)


def test_no_data_is_refused_by_the_plugins_name():
    with pytest.raises(PluginError, match="a data set returned dict"):
        checks.check_data("a data set", {})
