from __future__ import annotations

import copy
from itertools import combinations

import pytest
import slow_reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_landscape import NORMS, learnable_data, net, replicas, same_state, state_of, train
from torch import nn

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.connectivity import connectivity, lines, losses, path_errors

FIELDS = ("lmc", "barrier")


def summaries(line):
    return {
        "train_error": path_errors(line.train),
        "train_loss": losses(line.train),
        "test_error": path_errors(line.test),
        "test_loss": losses(line.test),
    }


@pytest.mark.parametrize("kind", NORMS)
def test_every_number_equals_the_plain_algorithm(kind):
    data = learnable_data()
    first, second = replicas(data, kind=kind)
    wanted = slow_reference.path(first, second, train=data.train, test=data.test, batch_size=16)
    (line,) = lines([first, second], data.train, test=data.test, batch_size=16)
    for name, found in summaries(line).items():
        assert [point.value for point in found.path] == pytest.approx(wanted[name], abs=1e-6), name
        lmc, barrier, t_star = slow_reference.lmc(wanted[name])
        assert found.lmc.value == pytest.approx(lmc, abs=1e-6)
        assert found.barrier.value == pytest.approx(barrier, abs=1e-6)
        if name.endswith("error"):
            assert found.t_star == pytest.approx(t_star)


def test_pairs_share_their_end_points_and_come_in_the_order_of_combinations():
    data = learnable_data()
    models = replicas(data, count=3)
    found = list(lines(models, data.train, points=4, batch_size=16))
    for line, (a, b) in zip(found, combinations(models, 2), strict=True):
        (alone,) = lines([a, b], data.train, points=4, batch_size=16)
        assert line.test is None
        for one, other in zip(line.train, alone.train, strict=True):
            assert torch.equal(one.loss, other.loss)
    assert found[0].train[0] is found[1].train[0]
    assert found[1].train[-1] is found[2].train[-1]


def test_a_model_is_connected_with_itself():
    data = learnable_data()
    model = replicas(data)[0]
    (line,) = lines([model, copy.deepcopy(model)], data.train, test=data.test, batch_size=16)
    for found in summaries(line).values():
        assert found.lmc.value == pytest.approx(0.0, abs=1e-12)
        assert found.barrier.value == pytest.approx(0.0, abs=1e-12)


def test_independently_trained_networks_have_a_barrier():
    data = learnable_data(train=200)
    models = [train(net(seed), data, seed=seed, steps=200) for seed in (3, 4)]
    (line,) = lines(models, data.train, batch_size=50)
    found = path_errors(line.train)
    assert found.lmc.value < -0.05
    assert found.barrier.value == pytest.approx(-found.lmc.value)
    assert 0 < found.t_star < 1


def test_replicas_are_left_as_they_were_and_a_second_measurement_agrees():
    data, models = learnable_data(), [model.train() for model in replicas(learnable_data())]
    before = [state_of(model) for model in models]
    first, second = (next(iter(lines(models, data.train, batch_size=16))) for _ in range(2))
    assert all(same_state(old, state_of(model)) for old, model in zip(before, models, strict=True))
    assert all(torch.equal(a.loss, b.loss) for a, b in zip(first.train, second.train, strict=True))


def test_the_batch_size_of_the_re_estimation_is_part_of_the_definition():
    data, models = learnable_data(), replicas(learnable_data())
    few, many = (next(iter(lines(models, data.train, batch_size=size))) for size in (8, 75))
    assert not torch.allclose(few.train[5].loss, many.train[5].loss, atol=1e-4)


def test_limit_holds_for_re_estimation_and_evaluation():
    data, models = learnable_data(), replicas(learnable_data())
    (line,) = lines(models, data.train, test=data.test, batch_size=10, limit=2)
    assert line.train[0].loss.shape == (20,)
    assert line.test[0].loss.shape == (20,)
    short = learnable_data()
    short.train.__dict__.update(images=data.train.images[:20], labels=data.train.labels[:20])
    (wanted,) = lines(models, short.train, batch_size=10)
    assert torch.equal(line.train[3].loss, wanted.train[3].loss)


def pruned_pair(data):
    start = net(0)
    with torch.no_grad():
        start[4].weight[:2] = 0.0
    kept = Mask({"4.weight": start[4].weight != 0})
    return [train(copy.deepcopy(start), data, seed=seed) for seed in (1, 2)], kept


def test_masked_weights_stay_zero_along_the_line(monkeypatch):
    data = learnable_data()
    models, mask = pruned_pair(data)
    seen = []
    import prunescope.landscape.connectivity as module

    original = module.outcomes
    monkeypatch.setattr(module, "traced_network", lambda _: (None, ""))
    monkeypatch.setattr(
        module,
        "outcomes",
        lambda model, *a, **k: seen.append(model[4].weight[:2].abs().max()) or original(model, *a, **k),
    )
    list(lines(models, data.train, masks=[mask, mask], batch_size=16))
    assert len(seen) == 11
    assert max(seen) == 0.0


def test_replicas_with_different_masks_are_refused():
    data = learnable_data()
    models, mask = pruned_pair(data)
    other = Mask({"4.weight": torch.ones_like(mask.kept["4.weight"])})
    for masks in ([mask, other], [mask, None], [None, mask]):
        with pytest.raises(UsageError, match=r"different masks.*4\.weight"):
            list(lines(models, data.train, masks=masks))


def test_weights_outside_the_mask_are_refused():
    data = learnable_data()
    models, mask = pruned_pair(data)
    with torch.no_grad():
        models[1][4].weight[0, 0, 0, 0] = 0.5
    with pytest.raises(UsageError, match="replica 1 has non-zero weights outside its mask"):
        list(lines(models, data.train, masks=[mask, mask]))


def test_a_layer_wholly_masked_is_measured():
    data = learnable_data()
    models = [net(0), net(1)]
    for model in models:
        nn.init.zeros_(model[4].weight)
    mask = Mask({"4.weight": torch.zeros_like(models[0][4].weight, dtype=torch.bool)})
    (line,) = lines(models, data.train, masks=[mask, mask], batch_size=16)
    assert all(point.loss.isfinite().all() for point in line.train)


def test_networks_of_different_shapes_are_refused():
    data = learnable_data()
    with pytest.raises(UsageError, match=r"differ in structure, first at '0\.bias'"):
        list(lines([net(), net(kind="none")], data.train))
    with pytest.raises(UsageError, match="two replicas, got 1"):
        list(lines([net()], data.train))
    with pytest.raises(UsageError, match="1 point"):
        list(lines([net(), net()], data.train, points=1))


def test_half_precision_replicas_are_interpolated_in_float32():
    data, models = learnable_data(), replicas(learnable_data())
    exact = [copy.deepcopy(model).bfloat16().float() for model in models]
    halves = [copy.deepcopy(model).bfloat16() for model in models]
    (found,) = lines(halves, data.train, points=3, batch_size=16)
    (wanted,) = lines(exact, data.train, points=3, batch_size=16)
    assert torch.equal(found.train[1].loss, wanted.train[1].loss)


@pytest.mark.parametrize("chans", [1, 3])
def test_any_number_of_channels_and_a_missing_class(chans):
    data = learnable_data(chans=chans, train=33)
    data.train.labels[data.train.labels == 2] = 0
    (line,) = lines([net(0, chans=chans), net(1, chans=chans)], data.train, points=3, batch_size=32)
    assert line.train[1].loss.shape == (33,)


@settings(max_examples=60)
@given(
    st.integers(2, 7).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=3, max_size=7)
    )
)
def test_lmc_and_barrier_follow_their_formula(values):
    found = connectivity(torch.tensor(values))
    means = [sum(row) / len(row) for row in values]
    lmc, barrier, t_star = slow_reference.lmc(means)
    assert found.lmc.value == pytest.approx(lmc, abs=1e-12)
    assert found.barrier.value == pytest.approx(barrier, abs=1e-12)
    assert found.barrier.value >= 0
    assert found.t_star == pytest.approx(t_star)


def test_a_dip_between_under_trained_ends_is_positive():
    found = connectivity(torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    assert found.lmc.value == 0.5
    assert found.barrier.value == 0.0


def test_the_standard_error_is_that_of_paired_images():
    draw = torch.Generator().manual_seed(0)
    middle, ends = 0.3, 0.1
    estimates = []
    for _ in range(300):
        hard = torch.rand(100, generator=draw)  # an image that is hard at the ends is hard in the middle
        estimates.append(connectivity(torch.stack([hard < ends, hard < middle, hard < ends])).lmc)
    spread = torch.tensor([e.value for e in estimates]).std()
    stated = sum(e.stderr for e in estimates) / 300
    assert stated == pytest.approx(float(spread), rel=0.15)


def test_a_path_needs_a_point_between_its_ends():
    with pytest.raises(UsageError, match="2 points has no point between its ends"):
        connectivity(torch.zeros(2, 4))


def weights(number, of=50):
    """The errors of `of` images, `number` of which are wrong."""
    return [1] * number + [0] * (of - number)


PATHS = st.integers(3, 13).flatmap(
    lambda points: st.one_of(
        st.lists(st.integers(0, 50), min_size=points, max_size=points),
        st.lists(st.integers(0, 50), min_size=points, max_size=points).map(sorted),
        st.tuples(st.integers(0, 26), st.integers(0, 2)).map(lambda at: [at[0] + at[1] * t for t in range(points)]),
    )
)


@settings(max_examples=300)
@given(PATHS.map(lambda numbers: torch.tensor([weights(number) for number in numbers])))
def test_exchanging_the_end_points_changes_nothing(values):
    found, swapped = connectivity(values), connectivity(values.flip(0))
    assert found.lmc == swapped.lmc
    assert found.barrier == swapped.barrier
    assert found.t_star == pytest.approx(1 - swapped.t_star)
    assert 0 < found.t_star < 1


@settings(max_examples=100)
@given(st.lists(st.lists(st.floats(0, 3), min_size=5, max_size=5), min_size=3, max_size=12))
def test_exchanging_the_end_points_changes_nothing_of_losses(rows):
    found, swapped = connectivity(torch.tensor(rows)), connectivity(torch.tensor(rows).flip(0))
    assert found.lmc.value == pytest.approx(swapped.lmc.value, abs=1e-12)
    assert found.t_star == pytest.approx(1 - swapped.t_star)


@pytest.mark.parametrize("start", [10, 11])
def test_rounding_does_not_choose_the_sign_of_a_straight_line(start):
    errors = torch.tensor([weights(100 * start + 260 * t, of=10_000) for t in range(11)])
    assert connectivity(errors).lmc.value == pytest.approx(-0.104)
    assert connectivity(errors).t_star == pytest.approx(0.9)


def test_of_two_mirror_images_neither_is_preferred():
    errors = torch.tensor([weights(number) for number in (0, 3, 1, 3, 0)])
    assert connectivity(errors).t_star == 0.5
    assert connectivity(errors).lmc.value == pytest.approx(-0.06)
