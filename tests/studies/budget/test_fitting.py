"""Densities for budgets of storage and time: counts by hand, N:M, and masks that buy no time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import prunescope
from prunescope.api import Mask
from prunescope.api.errors import LEAST_DENSITY, UsageError
from prunescope.networks.exports import onnx_runtime
from prunescope.pruning.pruners.magnitude import Magnitude
from prunescope.runs import timing
from prunescope.studies.budget import units
from prunescope.studies.budget.measuring import PrunedSize, stored_bytes
from prunescope.studies.budget.searching import Budget, _fits

DATA = "patches:images=64,test_images=40"

BRIEF = {"replicas": 2, "retrain_epochs": 1}

HERE = {"executor_options": {"in_process": True}}
"""Steps run in this process, whose plugins a test replaces."""


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    return prunescope.train(
        "preresnet8",
        DATA,
        model_options={"width": 0.25},
        trainer_options={"epochs": 1},
        study=tmp_path_factory.mktemp("budget"),
    )


def test_the_bytes_of_a_mask_are_its_kept_weights_and_a_bit_for_each():
    layer = nn.Linear(10, 3)
    kept = torch.zeros(3, 10, dtype=torch.bool)
    kept[0, :7] = True
    assert stored_bytes(layer) == 4 * 33
    assert stored_bytes(layer, Mask({"weight": kept})) == 4 * 7 + 4 + 4 * 3


def test_n_of_m_takes_its_own_densities(dense):
    whole = stored_bytes(dense.network())
    found = prunescope.fit_budget(dense, bytes=0.6 * whole, pruner="n-of-m", **BRIEF, study=dense.study)
    assert (found.density, found.found.fails) == (0.5, 0.75)
    by_density = {size.density: size.bytes for size in found.found.sizes}
    assert by_density[0.5] <= 0.6 * whole < by_density[0.75]
    assert found.run.startswith("retrain-")
    (curve,) = found.found.errors
    assert (curve.density, len(curve.errors)) == (0.5, 2)
    assert curve.interval[0] <= curve.mean <= curve.interval[1]


def test_a_mask_is_as_fast_as_the_dense_network(dense, monkeypatch):
    monkeypatch.setattr(timing, "time_forward", lambda *_, **__: timing.ForwardTime(median=0.004, spread=0.001, n=30))
    slow = prunescope.fit_budget(dense, latency="1ms", **BRIEF, study=dense.study)
    assert (slow.density, slow.found.run) == (None, None)
    assert "4 ms" in slow.found.reason
    assert slow.found.reason.startswith("even at density 0.01")
    assert any("a mask buys no time" in note for note in slow.found.notes)
    with pytest.raises(UsageError, match="no pruned network"):
        _ = slow.run
    fast = prunescope.fit_budget(dense, latency="5ms", **BRIEF, study=dense.study)
    assert (fast.density, fast.found.reason) == (1.0, "the dense network holds it")


@pytest.mark.parametrize("budget", [{"bytes": "3kB"}, {"within": "50pt"}])
def test_a_pruner_that_cannot_go_so_far_is_an_error_that_names_least(budget, dense, monkeypatch):
    def refuse(_self, _model, _data, density, *, seed):
        raise UsageError(f"{density:g} is too little for seed {seed}", fix=f"{LEAST_DENSITY} 0.0582")

    monkeypatch.setattr(Magnitude, "mask", refuse)
    with pytest.raises(UsageError, match=r"^--least 0\.003, the smallest .* cannot be reached: .*0\.003") as caught:
        prunescope.fit_budget(dense, least=0.003, **budget, **BRIEF, **HERE, study=dense.study)
    assert caught.value.fix == "give --least 0.0582, the smallest density that magnitude reaches here, or more"


def test_an_error_that_no_density_removes_is_left_as_it_is(dense, monkeypatch):
    def refuse(*_given, **_options):
        raise UsageError("attention ties channels to heads", fix="choose another network")

    monkeypatch.setattr(Magnitude, "mask", refuse)
    with pytest.raises(UsageError, match="attention ties channels") as caught:
        prunescope.fit_budget(dense, least=0.004, bytes="3kB", **BRIEF, study=dense.study)
    assert caught.value.fix == "choose another network"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "--least 0.01"),
        ({"pruner": "n-of-m"}, "the least of n-of-m"),
        ({"pruner": "n-of-m", "least": 0.4}, "--least 0.4"),
    ],
)
def test_a_budget_below_everything_names_the_smallest_density(given, why, dense):
    found = prunescope.fit_budget(dense, bytes=10, **given, **BRIEF, study=dense.study)
    assert found.density is None
    assert f"({why}) the network takes" in found.found.reason


def test_a_pruned_network_is_not_taken_for_the_dense_one(dense, tmp_path):
    pruned = prunescope.prune(dense, density=0.3, study=dense.study)
    retrained = prunescope.retrain(pruned, trainer_options={"epochs": 1}, study=dense.study)
    exported = prunescope.export(pruned, to="torch-prune", output=tmp_path / "pruned.pt", study=dense.study)
    for network, given in ((pruned, {}), (retrained, {}), (exported.path, {"model": "preresnet8", "data": DATA})):
        with pytest.raises(UsageError, match=r"is already pruned to density 0\.3"):
            prunescope.fit_budget(network, within="1pt", **given, study=dense.study)


def test_a_budget_that_guessing_holds_is_noted(dense):
    found = prunescope.fit_budget(dense, within="99pt", tries=1, **BRIEF, study=dense.study)
    assert "at any test error, which the budget admits" in found.found.reason
    assert found.density == 0.01
    assert found.found.notes[0].startswith("a network that always answers the same has")
    assert not any(
        "answers the same" in note
        for note in prunescope.fit_budget(dense, bytes="1GB", tries=1, **BRIEF, study=dense.study).found.notes
    )


def test_a_larger_batch_than_there_are_images_is_timed_whole(dense, monkeypatch):
    sizes = []

    def timed(_model, inputs, *, repeats):
        sizes.append(len(inputs))
        return timing.ForwardTime(median=0.004, spread=0.001, n=repeats)

    monkeypatch.setattr(timing, "time_forward", timed)
    prunescope.fit_budget(dense, latency="5ms", batch_size=70, tries=1, **BRIEF, study=dense.study)
    assert set(sizes) == {70}


def test_the_spread_counts_against_the_budget():
    time = timing.ForwardTime(median=0.0048, spread=0.001, n=9)
    size = PrunedSize(density=0.5, bytes=10, parameters=1, compact=True, latency=time)
    budget = Budget(within=None, latency=0.005, bytes=None)
    assert not _fits(budget, size, dense=size)
    assert _fits(budget, replace(size, latency=replace(time, spread=0.0002)), dense=size)
    assert _fits(budget, replace(size, compact=False), dense=replace(size, latency=replace(time, median=0.001)))
    assert not _fits(replace(budget, bytes=9.0), replace(size, latency=replace(time, median=0.0)), dense=size)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "no budget"),
        ({"within": "x"}, "--within got 'x'"),
        ({"latency": "5 parsecs"}, "--latency got"),
        ({"bytes": 0}, "--bytes got 0"),
        ({"bytes": "1e999"}, "--bytes got '1e999'"),
        ({"latency": "0ms"}, "--latency got '0ms'"),
        ({"within": "100pt"}, "--within got '100pt'"),
        ({"bytes": -5}, "--bytes got -5"),
        ({"within": 0.1, "replicas": 1}, "--replicas got 1"),
        ({"within": 0.1, "least": 0.0}, "--least got 0"),
        ({"latency": "5ms", "runtime": "tensorrt"}, "--runtime got 'tensorrt'"),
        ({"within": 0.1, "runtime": "onnx"}, "of no use without --latency"),
    ],
)
def test_what_is_no_budget_is_refused(given, told, dense):
    with pytest.raises(UsageError, match=told):
        prunescope.fit_budget(dense, **given, study=dense.study)


def test_a_latency_in_onnxruntime_names_the_extra_before_anything_is_run(dense, monkeypatch):
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda _: None)
    before = set(prunescope.open_study(dense.study).ids)
    with pytest.raises(UsageError, match="requires onnx, onnxscript, onnxruntime") as caught:
        prunescope.fit_budget(dense, latency="5ms", runtime="onnx", study=dense.study)
    assert caught.value.fix == "pip install 'prunescope[onnx]'"
    assert set(prunescope.open_study(dense.study).ids) == before


def test_units():
    assert units.read_latency("250us") == pytest.approx(250e-6)
    assert units.read_bytes("1.5MiB") == 1.5 * 2**20
    assert units.read_within("0.5 %") == 0.005
    assert units.read_bytes("2e3") == 2000
