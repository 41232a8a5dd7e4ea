from __future__ import annotations

import pytest
import timm
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers the small networks with timm
from prunescope.networks.grouped import choice
from prunescope.networks.grouped.choice import feature_bytes, group_size, layer_bytes, points_at_once, training_group


def tiny() -> nn.Module:
    return timm.create_model("preresnet8", num_classes=5).eval()


@pytest.mark.parametrize(("copies", "size"), [(1, 1), (2, 2), (12, 12), (13, 7), (11, 11), (30, 10)])
def test_copies_are_divided_evenly_into_groups_of_at_most_twelve(copies, size):
    assert group_size(tiny(), (16, 3, 8, 8), copies=copies) == size


def test_groups_shrink_as_features_fill_the_cache():
    assert feature_bytes(tiny(), (3, 8, 8)) == 4 * 16 * 64
    sizes = [group_size(tiny(), (batch, 3, 8, 8), copies=12) for batch in (32, 64, 128, 256, 257)]
    assert sizes == [12, 6, 4, 2, 1]


def test_large_networks_and_what_cannot_be_grouped_run_one_by_one():
    assert group_size(nn.Sequential(nn.Flatten(), nn.Linear(64, 20_000)), (2, 1, 8, 8), copies=4) == 1
    assert group_size(nn.Sequential(nn.Conv2d(1, 2, 1), nn.LayerNorm(8)), (2, 1, 8, 8), copies=4) == 1


def test_the_model_is_left_as_it_was():
    model = tiny().train()
    group_size(model, (16, 3, 8, 8), copies=4)
    assert model.training
    assert int(model.bn.num_batches_tracked) == 0
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(("batch", "size"), [(32, 6), (64, 6), (128, 4), (256, 2), (512, 1), (4096, 1)])
def test_training_takes_six_at_a_time_and_fewer_of_large_batches(batch, size):
    assert training_group(tiny(), (batch, 3, 8, 8)) == size


def test_what_cannot_be_grouped_while_it_trains_is_trained_one_by_one():
    dropping = timm.create_model("preresnet8", num_classes=5, drop_rate=0.1).eval()
    assert group_size(dropping, (8, 3, 8, 8), copies=4) == 4
    assert training_group(dropping, (8, 3, 8, 8)) == 1
    assert not dropping.training
    assert training_group(nn.Sequential(nn.Flatten(), nn.Linear(64, 20_000)), (2, 1, 8, 8)) == 1


@pytest.mark.parametrize(
    ("images", "size"), [(100, 10), (10_000, 10), (20_000, 6), (40_000, 3), (200_000, 1), (10**7, 1)]
)
def test_where_batches_go_side_by_side_points_are_grouped_until_the_device_is_busy(images, size, monkeypatch):
    monkeypatch.setattr(choice, "by_launches", lambda _: True)
    assert points_at_once(tiny(), (3, 8, 8), images=images, batch=16, copies=30) == size


def test_on_a_cpu_points_are_grouped_by_the_features_of_a_batch():
    found = [points_at_once(tiny(), (3, 8, 8), images=n, batch=16, copies=30) for n in (16, 1000, 10**6)]
    assert found == [group_size(tiny(), (16, 3, 8, 8), copies=30)] * 3


def half_width() -> nn.Module:
    return timm.create_model("preresnet8", num_classes=10, width=0.5)


def test_a_gpu_trains_as_many_as_its_memory_holds_up_to_sixty_four():
    assert training_group(half_width(), (32, 3, 8, 8), device="cuda") == 64
    large = timm.create_model("preresnet20", num_classes=10)
    sizes = [training_group(large, (batch, 3, 32, 32), device="cuda") for batch in (16, 64, 128, 256, 4096)]
    assert sizes == [64, 24, 12, 6, 1]
    kept = 1.5 * 128 * 12 * sum(layer_bytes(large, (3, 32, 32)))
    assert kept <= 1 << 32 < kept * 13 / 12


def test_a_gpu_too_trains_large_networks_and_what_cannot_be_grouped_one_by_one():
    dropping = timm.create_model("preresnet8", num_classes=5, drop_rate=0.1)
    assert training_group(dropping, (8, 3, 8, 8), device="cuda") == 1
    assert training_group(nn.Sequential(nn.Flatten(), nn.Linear(64, 20_000)), (2, 1, 8, 8), device="cuda") == 1


def test_other_devices_are_taken_as_a_cpu():
    assert training_group(tiny(), (64, 3, 8, 8), device="mps") == training_group(tiny(), (64, 3, 8, 8)) == 6
