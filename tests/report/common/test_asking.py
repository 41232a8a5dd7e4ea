"""Functions made of questions: what they refuse before anything is opened."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

import prunescope
from prunescope.api.errors import UsageError
from prunescope.report.common.asking import LIVE, takes_networks

CALLS = {
    "lottery": lambda net: prunescope.lottery(net, data="digits", density=0.1),
    "instability": lambda net: prunescope.instability(net, data="digits", steps=[0]),
    "compare": lambda net: prunescope.compare(["magnitude"], data="digits", model=net),
    "tune": lambda net: prunescope.tune("epochs", model=net, data="digits", densities=[0.1]),
    "sweep": prunescope.sweep,
    "report": prunescope.report,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_live_network_is_refused_by_functions_that_train_their_own(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{name}\(\) got a live network as") as caught:
        CALLS[name](nn.Linear(3, 2))
    assert "train, prune, retrain, probe, diagnose" in caught.value.fix
    assert not list(tmp_path.iterdir())


def test_the_functions_that_take_a_live_network_are_listed():
    def takes(name):
        parameters = inspect.signature(getattr(prunescope, name)).parameters.values()
        return any(takes_networks(str(one.annotation)) for one in parameters)

    assert {name for name in prunescope.FUNCTIONS if takes(name)} == set(LIVE)
