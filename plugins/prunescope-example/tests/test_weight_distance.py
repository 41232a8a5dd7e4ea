from __future__ import annotations

import math

import pytest
import torch
from prunescope_example import WeightDistance, compare

from prunescope.api import Mask, Replica
from prunescope.plugins.testing import check_probe, toy_data, toy_model, toy_replicas


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("linear", [False, True])
def test_it_is_a_probe(scope, linear):
    check_probe(WeightDistance(scope=scope, linear=linear))


def test_a_right_angle():
    assert compare(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])) == (5.0, 0.0)


@pytest.mark.parametrize(("other", "cosine"), [([0.0, 0.0], 1.0), ([1.0, 0.0], 0.0)])
def test_a_layer_pruned_away_has_a_cosine(other, cosine):
    assert compare(torch.zeros(2), torch.tensor(other))[1] == cosine


def test_a_model_scaled_by_three_has_twice_its_norm_for_distance_and_cosine_one():
    once, thrice = toy_model(), toy_model()
    with torch.no_grad():
        for weight in thrice.parameters():
            weight.mul_(3)
    norm = math.sqrt(sum(float(once[k].weight.detach().double().square().sum()) for k in (0, 3)))
    readings = WeightDistance().measure([Replica(model=once), Replica(model=thrice)], toy_data(), seed=0)
    assert readings["distance"].value == pytest.approx(2 * norm)
    assert readings["cosine"].value == pytest.approx(1)


def test_layers_add_up_to_the_model():
    replicas = toy_replicas(2, density=0.2)
    whole = check_probe(WeightDistance(), replicas=replicas)["distance"]
    layers = check_probe(WeightDistance(scope="layer"), replicas=replicas)["distance"]
    assert layers.labels == ("0.weight", "3.weight")
    assert whole.value == pytest.approx(math.hypot(*layers.value))


def test_linear_layers_are_compared_on_request():
    replicas = toy_replicas(2)
    layers = WeightDistance(scope="layer", linear=True).measure(replicas, toy_data(), seed=0)["cosine"].labels
    assert layers == ("0.weight", "3.weight", "8.weight")


def test_replicas_kept_apart_by_disjoint_masks_are_orthogonal():
    kept = torch.zeros(8, 3, 3, 3, dtype=torch.bool)
    kept[:4] = True
    replicas = []
    for mask in (kept, ~kept):
        model = toy_model()
        with torch.no_grad():
            model[0].weight.mul_(mask)
        replicas.append(Replica(model=model, mask=Mask({"0.weight": mask})))
    cosine = WeightDistance(scope="layer").measure(replicas, toy_data(), seed=0)["cosine"]
    assert cosine.value.tolist() == pytest.approx([0, 1])
