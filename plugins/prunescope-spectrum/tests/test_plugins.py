from __future__ import annotations

import numpy as np
import pytest
import torch
from prunescope_spectrum.plugins import AlphaPruning, Spectrum

from prunescope.api import Replica
from prunescope.networks.masks import per_layer_density
from prunescope.plugins import registry
from prunescope.plugins.testing import check_probe, check_pruner, toy_data, toy_model


@pytest.mark.parametrize(
    "probe", [Spectrum(), Spectrum(estimator="hill", linear=False), Spectrum(convolutions="flat", estimator="hill")]
)
def test_it_is_a_probe(probe):
    check_probe(probe)


@pytest.mark.parametrize(
    "pruner", [AlphaPruning(), AlphaPruning(linear=True, spread=1, floor=0), AlphaPruning(estimator="clauset")]
)
def test_it_is_a_pruner(pruner):
    check_pruner(pruner)


@pytest.mark.parametrize(("group", "name"), [("probes", "spectrum"), ("pruners", "alphapruning")])
def test_prunescope_finds_it(group, name):
    assert registry.get(group, name).distribution == "prunescope-spectrum"


def with_spectrum(model, layer, singular):
    """Give a layer, flattened, these singular values."""
    weight = layer.weight
    with torch.no_grad():
        left, _, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        weight.copy_((left * torch.tensor(singular, dtype=torch.float32) @ right).reshape(weight.shape))
    return model


def test_a_layer_made_with_an_exponent_has_it():
    model = toy_model()
    quantiles = (np.arange(16) + 0.5) / 16
    eigenvalues = (1 - quantiles) ** (-1 / 1.5)  # of p(x) ~ x^-2.5
    with_spectrum(model, model[3], eigenvalues**0.5)
    readings = Spectrum(convolutions="flat").measure([Replica(model=model)], toy_data(), seed=0)
    alpha = dict(zip(readings["alpha"].labels, readings["alpha"].value, strict=True))
    assert alpha["3.weight"] == pytest.approx(2.5, rel=0.15)


def test_the_scale_of_the_weights_does_not_matter():
    once, thrice = toy_model(), toy_model()
    with torch.no_grad():
        for weight in thrice.parameters():
            weight.mul_(4)
    found = [Spectrum().measure([Replica(model=model)], toy_data(), seed=0)["alpha"].value for model in (once, thrice)]
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_layers_too_small_for_a_tail_are_left_out():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    readings = Spectrum().measure([Replica(model=model)], toy_data(), seed=0)
    assert readings["layers"].value == 0
    assert list(readings) == ["layers"]


def test_the_layer_with_the_heavier_tail_keeps_more():
    model = toy_model()
    with_spectrum(model, model[3], np.arange(16, 0, -1.0) ** -3.0)
    kept = per_layer_density(AlphaPruning(convolutions="flat").mask(model, toy_data(), 0.3, seed=0))
    assert kept["3.weight"] > kept["0.weight"]
