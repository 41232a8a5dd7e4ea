from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from tiny_landscape import learnable_data, net, same_state, state_of, train

from prunescope.api import Mask, Replica
from prunescope.api.errors import UsageError
from prunescope.landscape.probes.bezier import Bezier
from prunescope.landscape.probes.cka_map import CkaMap
from prunescope.landscape.probes.distance import Distance
from prunescope.landscape.probes.lmc import Lmc
from prunescope.landscape.probes.loss_slice import LossSlice
from prunescope.landscape.probes.pair_slice import PairSlice
from prunescope.landscape.probes.sam_sharpness import SamSharpness
from prunescope.plugins.checks import check_readings
from prunescope.plugins.options import fields

ALL = (
    Bezier(epochs=1, points=3),
    LossSlice(points=3),
    PairSlice(points=3),
    SamSharpness(),
    Distance(),
    CkaMap(),
)


@pytest.fixture(scope="module")
def data():
    return learnable_data()


@pytest.fixture(scope="module")
def trained(data):
    return [train(net(seed), data, seed=seed) for seed in range(2)]


@pytest.fixture
def pair(trained):
    return [Replica(model=copy.deepcopy(model)) for model in trained]


def measured(probe, replicas, data, *, seed=0):
    chosen = replicas[: probe.replicas]
    return dict(check_readings(type(probe).__name__, probe.measure(chosen, data, seed=seed), n_replicas=len(chosen)))


@pytest.mark.parametrize("probe", ALL, ids=lambda probe: type(probe).__name__)
def test_measuring_twice_gives_the_same_and_leaves_models_alone(probe, data, pair):
    assert all(field.option.help for field in fields(type(probe)))
    assert type(probe).__doc__.splitlines()[0].endswith(".")
    assert probe.citations
    before = [state_of(replica.model.train()) for replica in pair]
    first, second = measured(probe, pair, data), measured(probe, pair, data)
    assert all(same_state(old, state_of(replica.model)) for old, replica in zip(before, pair, strict=True))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name].value, second[name].value) for name in first)
    assert probe.passes(replicas=2, train=100, test=10) >= 0


def test_the_ends_of_the_curve_are_those_of_the_line(data, pair):
    found = measured(Bezier(epochs=2, points=5, batch_size=32), pair, data)
    straight = Lmc(points=5, batch_size=32).measure(pair, data, seed=0)
    for name in ("train_error_path", "test_error_path"):
        assert found[name].value[[0, -1]].tolist() == pytest.approx(straight[name].value[0, [0, -1]].tolist())
    assert found["train_loss_path"].value[2] != pytest.approx(straight["train_loss_path"].value[0, 2], rel=1e-3)
    assert found["connectivity"].stderr is not None
    assert "connectivity_test" not in measured(Bezier(epochs=1, points=3, test=False), pair, data)


def test_the_bend_refuses_replicas_of_different_masks(data, pair):
    masks = [
        Mask({"4.weight": torch.rand(4, 4, 3, 3, generator=torch.Generator().manual_seed(s)) < 0.5}) for s in (0, 1)
    ]
    with torch.no_grad():
        for replica, mask in zip(pair, masks, strict=True):
            replica.model[4].weight *= mask.kept["4.weight"]
    masked = [dataclasses.replace(replica, mask=mask) for replica, mask in zip(pair, masks, strict=True)]
    with pytest.raises(UsageError, match="different masks"):
        measured(Bezier(epochs=1), masked, data)


def test_slices_have_a_grid_and_the_model_in_its_middle(data, pair):
    line = measured(LossSlice(points=5, radius=0.5), pair, data)
    plane = measured(LossSlice(points=3, radius=0.5, dimensions="2"), pair, data)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(pair[0].model(data.train.images), data.train.labels)
    assert line["loss"].value[2] == plane["loss"].value[1, 1] == pytest.approx(float(loss), rel=1e-5)
    assert line["loss"].labels == ("-0.5", "-0.25", "0", "0.25", "0.5")
    assert line["rise"].value == pytest.approx(line["loss"].value[[0, -1]].mean() - float(loss), rel=1e-4)
    assert plane["error"].axes == ("x", "y")


def test_a_slice_through_a_pair_holds_both(data, pair):
    found = measured(PairSlice(points=5, beyond=0.5, batch_size=32), pair, data)  # x = -0.5, 0, 0.5, 1, 1.5
    wanted = Lmc(points=3, batch_size=32, limit_batches=4).measure(pair, data, seed=0)["train_loss_path"].value[0]
    assert found["loss"].value[1:4].tolist() == pytest.approx([wanted[0], found["loss"].value[2], wanted[2]], rel=1e-4)
    plane = measured(PairSlice(points=3, beyond=0.5, dimensions="2"), pair, data)
    assert plane["loss"].value.shape == (3, 3)


def test_distances_of_masks_and_of_zeros(pair, data):
    kept = [torch.arange(144).reshape(4, 4, 3, 3) < n for n in (72, 108)]
    masked = [
        dataclasses.replace(replica, mask=Mask({"4.weight": flags})) for replica, flags in zip(pair, kept, strict=True)
    ]
    found = measured(Distance(), masked, data)
    assert found["mask_jaccard"].value == pytest.approx(1 / 3)
    assert found["mask_hamming"].value == pytest.approx(0.25)
    assert measured(Distance(), pair, data)["mask_jaccard"].value == 0
    assert found["layer_l2"].labels == ("0.weight", "4.weight", "7.weight")


def test_the_map_of_a_model_with_itself_is_symmetric_with_ones(data, pair):
    same = [pair[0], Replica(model=copy.deepcopy(pair[0].model))]
    found = measured(CkaMap(estimator="biased", images=75), same, data)
    values = found["map"].value
    assert found["map"].labels == ("0", "4", "7")
    assert values.diagonal().tolist() == pytest.approx([1, 1, 1])
    assert np.allclose(values, values.T)
    assert found["best_layer"].value == 1
    other = measured(CkaMap(estimator="biased", images=75, layers=("4", "7")), pair, data)
    assert other["map"].value.shape == (2, 2)
    assert other["diagonal"].value.tolist() == other["map"].value.diagonal().tolist()
    assert other["map"].value[0, 1] != other["map"].value[1, 0]


def test_layers_that_always_say_the_same_are_left_out_of_the_map(data, pair):
    with torch.no_grad():
        pair[0].model[7].weight.zero_()
    assert measured(CkaMap(images=75), pair, data)["map"].labels == ("0", "4")
    with pytest.raises(UsageError, match="no layer's features"):
        measured(CkaMap(images=75, layers=("7",)), pair, data)
