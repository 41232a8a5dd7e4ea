"""Classes under other numbers: the same networks with their outputs in that order read the same."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_landscape import learnable_data, net, train
from tiny_training import Memory

from prunescope.api import Replica
from prunescope.landscape.probes.cka import Cka
from prunescope.landscape.probes.disagreement import Disagreement
from prunescope.landscape.probes.errors import Errors
from prunescope.landscape.probes.hessian import Hessian
from prunescope.landscape.probes.lmc import Lmc

ORDER = [3, 0, 5, 1, 4, 2]
"""New number -> old number of a class."""

PROBES = (Errors(), Lmc(), Cka(outputs="both"), Disagreement(), Hessian(top=0))


def relabel_data(data):
    numbers = torch.tensor([ORDER.index(old) for old in range(len(ORDER))])
    sides = {name: getattr(data, name) for name in ("train", "test")}
    return replace(data, **{name: Memory(side.images, numbers[side.labels]) for name, side in sides.items()})


def relabel_network(model):
    found = copy.deepcopy(model)
    with torch.no_grad():
        for values in found[-1].parameters():
            values.copy_(values[ORDER])
    return found


@pytest.mark.parametrize("probe", PROBES, ids=[type(probe).__name__ for probe in PROBES])
def test_what_the_verdict_rests_on_does_not_depend_on_the_numbers_of_the_classes(probe):
    data = learnable_data(classes=len(ORDER))
    models = [train(net(seed, classes=len(ORDER)), data, seed=seed) for seed in range(2)]
    kept = models if probe.replicas == "any" else models[:1]
    found = probe.measure([Replica(model=one) for one in kept], data, seed=0)
    again = probe.measure([Replica(model=relabel_network(one)) for one in kept], relabel_data(data), seed=0)
    assert found.keys() == again.keys()
    for name, reading in found.items():
        assert np.asarray(reading.value) == pytest.approx(np.asarray(again[name].value), rel=1e-4, abs=1e-6), name
