"""Densities that a latency in onnxruntime admits: masks buy no time, channels do."""

from __future__ import annotations

import re

import pytest
import torch
from wanted import wanted

import prunescope
from prunescope.api.errors import MismatchError, UsageError
from prunescope.networks.exports import onnx_runtime

wanted("onnxruntime")
wanted("onnxscript")

BRIEF = {"runtime": "onnx", "repeats": 5, "tries": 1, "least": 0.1, "replicas": 2, "retrain_epochs": 1}


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    return prunescope.train(
        "preresnet8",
        "patches:images=64,test_images=40",
        model_options={"width": 0.5},
        trainer_options={"epochs": 1},
        study=tmp_path_factory.mktemp("latency"),
    )


def test_masks_buy_no_time_in_onnxruntime(dense):
    slow = prunescope.fit_budget(dense, latency="1us", **BRIEF, study=dense.study)
    assert slow.density is None
    assert any(note.startswith("a mask buys no time in onnxruntime either: density 0.1") for note in slow.found.notes)
    assert (slow.found.runtime, slow.found.device) == ("onnx", "cpu")
    fast = prunescope.fit_budget(dense, latency="10s", **BRIEF, study=dense.study)
    assert fast.density == 1.0
    assert all(size.latency.n == 5 and size.latency.median > 0 for size in fast.found.sizes)


def test_channels_are_timed_as_the_smaller_network(dense):
    wanted("prunescope_structured")
    found = prunescope.fit_budget(dense, latency="1us", pruner="channels", **BRIEF, study=dense.study)
    small, whole = found.found.sizes[0], found.found.sizes[-1]
    assert small.compact
    assert small.parameters < 0.5 * whole.parameters
    assert small.latency.median > 0
    assert not any("a mask buys no time" in note for note in found.found.notes)


def test_a_network_of_few_channels_is_an_error_that_names_least(dense):
    wanted("prunescope_structured")
    few = prunescope.train(
        "preresnet8",
        "patches:images=64,test_images=40",
        model_options={"width": 0.125},
        trainer_options={"epochs": 1},
        study=dense.study,
    )
    given = {"bytes": "1kB", "pruner": "channels", "tries": 1, "replicas": 2, "retrain_epochs": 1}
    with pytest.raises(UsageError, match=r"^--least 0\.01, .* one channel in each of") as caught:
        prunescope.fit_budget(few, **given, study=dense.study)
    least = float(re.search(r"--least (\S+),", caught.value.fix)[1])
    assert prunescope.fit_budget(few, least=least, **given, study=dense.study).density is not None


def test_a_network_that_computes_something_else_there_is_not_timed(monkeypatch):
    monkeypatch.setattr(onnx_runtime, "outputs_of", lambda model, inputs: model(inputs).detach() + 1)
    with pytest.raises(MismatchError, match="onnxruntime"):
        onnx_runtime.checked_call(torch.nn.Sequential(torch.nn.Linear(3, 2)), torch.randn(1, 3))
