from __future__ import annotations

import copy
from dataclasses import replace
from itertools import combinations

import pytest
import timm
import torch
from tiny_landscape import NORMS, learnable_data, net, replicas, same_state, state_of, train

import prunescope.landscape.connectivity as module
import prunescope.landscape.points_at_once as engine
import prunescope.networks.zoo  # noqa: F401 - registers the small networks with timm
from prunescope.api import Mask
from prunescope.landscape.connectivity import lines, losses, path_errors
from prunescope.landscape.points_at_once import at_points


@pytest.fixture(autouse=True, params=["as on a CPU", "as on a GPU"])
def _device(request, monkeypatch):
    """Take the path of either kind of device."""
    monkeypatch.setattr(engine, "by_launches", lambda _: request.param == "as on a GPU")


def plain(monkeypatch, models, data, **options):
    with monkeypatch.context() as patch:
        patch.setattr(module, "traced_network", lambda _: (None, ""))
        patch.setattr(module, "at_points", None)
        return list(lines(models, data.train, test=data.test, **options))


def together(monkeypatch, models, data, *, count, **options):
    seen = []

    def spy(*arguments, **named):
        seen.append(named["count"])
        return at_points(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, "points_at_once", lambda *_, **__: count)
        patch.setattr(module, "tiny", lambda _: True)
        patch.setattr(module, "at_points", spy)
        found = list(lines(models, data.train, test=data.test, **options))
    assert seen == [count]
    return found


def assert_equal(found, wanted):
    assert len(found) == len(wanted)
    for line, other in zip(found, wanted, strict=True):
        for side in ("train", "test"):
            for quantity in (path_errors, losses):
                mine, theirs = quantity(getattr(line, side)), quantity(getattr(other, side))
                assert [e.value for e in mine.path] == pytest.approx([e.value for e in theirs.path], abs=1e-6)
                assert abs(mine.lmc.value) == pytest.approx(abs(theirs.lmc.value), abs=1e-6)
                if mine.t_star not in {0, 1}:  # the ends are as far from their mean as each other, up to rounding
                    assert mine.t_star == theirs.t_star
                    assert mine.lmc.value == pytest.approx(theirs.lmc.value, abs=1e-6)
            for point, same in zip(getattr(line, side), getattr(other, side), strict=True):
                assert torch.equal(point.error, same.error)
                assert torch.equal(point.errors["error_top5"], same.errors["error_top5"])
                assert torch.allclose(point.loss, same.loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 11])
@pytest.mark.parametrize("kind", [kind for kind in NORMS if kind not in {"group", "layer"}])
def test_points_together_equal_points_one_by_one(kind, count, monkeypatch):
    data = learnable_data()  # 75 images: the last batch of 16 is short
    models = replicas(data, kind=kind)
    wanted = plain(monkeypatch, models, data, batch_size=16)
    assert_equal(together(monkeypatch, models, data, count=count, batch_size=16), wanted)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 30])
def test_every_size_of_group_and_all_pairs(count, monkeypatch):
    data = learnable_data(train=33)
    models = replicas(data, count=3)
    wanted = plain(monkeypatch, models, data, batch_size=16)  # a last batch of one image
    found = together(monkeypatch, models, data, count=count, batch_size=16)
    assert len(found) == len(list(combinations(models, 2)))
    assert_equal(found, wanted)


def test_one_channel_a_missing_class_a_limit_and_a_layer_wholly_masked(monkeypatch):
    data = learnable_data(chans=1)
    some = data.train.labels != 1
    data = replace(data, train=replace(data.train, images=data.train.images[some], labels=data.train.labels[some]))
    start = net(0, chans=1)
    with torch.no_grad():
        start[4].weight.zero_()
    mask = Mask({"4.weight": torch.zeros_like(start[4].weight, dtype=torch.bool)})
    models = [train(copy.deepcopy(start), data, seed=seed) for seed in (1, 2)]
    options = {"batch_size": 7, "limit": 3, "points": 5, "masks": [mask, mask]}
    wanted = plain(monkeypatch, models, data, **options)
    assert len(wanted[0].train[0].loss) == 21
    for count in (1, 5):
        assert_equal(together(monkeypatch, models, data, count=count, **options), wanted)


def test_the_replicas_are_left_as_they_were(monkeypatch):
    data = learnable_data()
    models = replicas(data)
    before = [state_of(model) for model in models]
    together(monkeypatch, models, data, count=4, batch_size=16)
    assert all(same_state(state_of(model), state) for model, state in zip(models, before, strict=True))


def test_dropout_in_train_mode_is_switched_off(monkeypatch):
    data = learnable_data()
    models = [train(net(seed, dropout=0.5), data, seed=seed).train() for seed in (1, 2)]
    assert_equal(
        together(monkeypatch, models, data, count=4, batch_size=16), plain(monkeypatch, models, data, batch_size=16)
    )


@pytest.mark.parametrize("piece", [1, 5, 16, 1000])
@pytest.mark.parametrize("name", ["preresnet8", "densenet22_cifar"])
def test_whatever_goes_through_the_layers_at_a_time(name, piece, monkeypatch):
    data = learnable_data(train=35, test=17, size=16)  # a last batch of three images
    models = [timm.create_model(name, num_classes=3, in_chans=2).eval() for _ in range(2)]
    options = {"batch_size": 16, "points": 3}
    wanted = plain(monkeypatch, models, data, **options)
    monkeypatch.setattr(engine, "piece_size", lambda *_, **__: piece)
    for count in (1, 3):
        assert_equal(together(monkeypatch, models, data, count=count, **options), wanted)


@pytest.mark.parametrize("count", [1, 5])
def test_masked_weights_stay_zero_along_the_line(count, monkeypatch):
    data = learnable_data()
    start = net(0)
    with torch.no_grad():
        start[4].weight[:2].zero_()
    mask = Mask({"4.weight": start[4].weight != 0})
    models = [train(copy.deepcopy(start), data, seed=seed) for seed in (1, 2)]
    seen, original = [], engine._interpolate

    def spy(grouped, *rest):
        original(grouped, *rest)
        seen.extend(engine.tensors(grouped)["4.weight"][:, :2].abs().amax((1, 2, 3, 4)).tolist())

    monkeypatch.setattr(engine, "_interpolate", spy)
    together(monkeypatch, models, data, count=count, batch_size=16, masks=[mask, mask])
    assert seen == [0.0] * 11
