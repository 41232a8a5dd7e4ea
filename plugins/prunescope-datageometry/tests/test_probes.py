from __future__ import annotations

import numpy as np
import pytest
from prunescope_datageometry.probes import Dispersion, IntrinsicDimension

from prunescope.data.objectives import Regression
from prunescope.data.tensors import from_tensors
from prunescope.plugins import registry
from prunescope.plugins.testing import check_probe, toy_data


@pytest.mark.parametrize(
    "probe", [IntrinsicDimension(), IntrinsicDimension(images=60, neighbours=5, discard=0.5), Dispersion()]
)
def test_it_is_a_probe(probe):
    check_probe(probe)
    assert probe.passes(replicas=0, train=1000, test=1000) == 0


@pytest.mark.parametrize("name", ["intrinsic-dimension", "dispersion"])
def test_prunescope_finds_it(name):
    assert registry.get("probes", name).distribution == "prunescope-datageometry"


def test_it_measures_so_many_images():
    assert IntrinsicDimension(images=50).measure((), toy_data(), seed=0)["two_nn"].n == 50


def images_of(dimension):
    """Return the data set `patches` in a plane of so many dimensions."""
    values = {"images": 1000, "test_images": 10, "intrinsic_dimension": dimension, "noise": 0.4}
    return registry.make("datasets", "patches", values).instance.load()


def test_the_dimension_of_patches_is_seen():
    found = {dimension: IntrinsicDimension().measure((), images_of(dimension), seed=0) for dimension in (2, 4, 8)}
    for dimension, readings in found.items():
        assert readings["maximum_likelihood"].value == pytest.approx(dimension, rel=0.3)
        assert readings["two_nn_by_scale"].value.shape == (4,)
        assert np.argmin(abs(readings["two_nn_by_scale"].value - dimension)) > 0 or dimension > 2


def test_the_dispersion_of_balanced_labels():
    reading = Dispersion(target_clusters=1).measure((), images_of(4), seed=0)["target_dispersion"]
    assert reading.value == pytest.approx(2 / 10 * 0.9)


def test_targets_that_are_no_classes_are_taken_as_they_are():
    targets = np.arange(80.0).reshape(40, 2) % 7
    data = from_tensors("numbers", (targets, targets), (targets, targets), objective=Regression(variance=(1.0,)))
    found = Dispersion(images=40, clusters=3, target_clusters=3).measure((), data, seed=0)
    assert found["target_dispersion"].value == found["input_dispersion"].value > 0
