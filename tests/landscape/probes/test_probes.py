from __future__ import annotations

import copy
import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest
import slow_reference
import timm
import torch
from tiny_landscape import learnable_data, net, same_state, state_of, train
from torch import nn

from prunescope.api import Mask, Replica
from prunescope.api.errors import UsageError
from prunescope.landscape.probes.cka import Cka
from prunescope.landscape.probes.disagreement import Disagreement
from prunescope.landscape.probes.errors import Errors
from prunescope.landscape.probes.hessian import Hessian
from prunescope.landscape.probes.lmc import Lmc
from prunescope.landscape.probes.size import Size
from prunescope.landscape.probes.spectral_density import SpectralDensity
from prunescope.plugins.checks import check_readings
from prunescope.plugins.options import build_plugin, fields

ALL = (Errors, Lmc, Cka, Disagreement, Hessian, Size, SpectralDensity)
QUICK = {
    Hessian: {"batches": 2, "vectors": 2},
    Size: {"latency_repeats": 0},
    SpectralDensity: {"batches": 1, "vectors": 2, "steps": 5},
}


@pytest.fixture(scope="module")
def data():
    return learnable_data(classes=6)


@pytest.fixture(scope="module")
def trained(data):
    return [train(net(seed, classes=6), data, seed=seed) for seed in range(3)]


@pytest.fixture
def three(trained):
    return [Replica(model=copy.deepcopy(model)) for model in trained]


def measured(probe, replicas, data, *, seed=0):
    readings = probe.measure(replicas, data, seed=seed)
    return dict(check_readings(type(probe).__name__, readings, n_replicas=len(replicas)))


@pytest.mark.parametrize("probe", ALL)
def test_every_option_has_help_and_the_probe_a_line_of_help(probe):
    assert all(field.option.help for field in fields(probe))
    assert probe.__doc__.splitlines()[0].endswith(".")
    assert dataclasses.is_dataclass(probe)


@pytest.mark.parametrize("probe", ALL)
def test_measuring_twice_gives_the_same_and_leaves_models_alone(probe, data, three):
    chosen = three if probe.replicas == "any" else three[:1]
    before = [state_of(replica.model.train()) for replica in chosen]
    instance = build_plugin(probe, QUICK.get(probe, {}))
    first, second = measured(instance, chosen, data), measured(instance, chosen, data)
    assert all(same_state(old, state_of(replica.model)) for old, replica in zip(before, chosen, strict=True))
    assert first.keys() == second.keys()
    for name, reading in first.items():
        assert np.array_equal(reading.value, second[name].value), name
        assert reading.estimator, name


def test_errors_are_those_of_a_plain_loop(data, three):
    found = measured(Errors(batch_size=32), three[:1], data)
    for side, split in (("train", data.train), ("test", data.test)):
        wanted = slow_reference.evaluated(three[0].model, split, 32)
        for name, unit in (("error", "fraction"), ("error_top5", "fraction"), ("loss", "nat")):
            reading = found[f"{side}_{name}"]
            assert reading.value == pytest.approx(wanted[name], abs=1e-6)
            assert (reading.unit, reading.n) == (unit, len(split))
            assert reading.stderr > 0 or reading.value == 0
    rate = found["test_error"].value
    assert found["test_error"].stderr == pytest.approx(math.sqrt(rate * (1 - rate) / (len(data.test) - 1)))


def test_lmc_equals_the_plain_algorithm_for_every_pair(data, three):
    found = measured(Lmc(batch_size=32), three, data)
    for index, (a, b) in enumerate(combinations(three, 2)):
        wanted = slow_reference.path(a.model, b.model, train=data.train, test=data.test, batch_size=32)
        for name, path in wanted.items():
            assert found[f"{name}_path"].value[index].tolist() == pytest.approx(path, abs=1e-6)
        for side, tail in (("train", ""), ("test", "_test")):
            lmc, barrier, t_star = slow_reference.lmc(wanted[f"{side}_error"])
            assert found[f"lmc{tail}"].value[index] == pytest.approx(lmc, abs=1e-6)
            assert found[f"barrier{tail}"].value[index] == pytest.approx(barrier, abs=1e-6)
            assert found[f"t_star{tail}"].value[index] == pytest.approx(t_star)
            lmc, barrier, _ = slow_reference.lmc(wanted[f"{side}_loss"])
            assert found[f"lmc{tail}_loss"].value[index] == pytest.approx(lmc, abs=1e-6)
            assert found[f"barrier{tail}_loss"].value[index] == pytest.approx(barrier, abs=1e-6)


def test_lmc_names_its_axes_units_and_errors(data, three):
    found = measured(Lmc(points=5, batch_size=32), three, data)
    assert found["lmc"].axes == ("pair",)
    assert found["lmc"].unit == "fraction"
    assert found["lmc"].n == 75
    assert found["lmc_test"].n == 41
    assert found["lmc"].stderr.shape == (3,)
    assert found["train_loss_path"].axes == ("pair", "t")
    assert found["train_loss_path"].labels == ("0", "0.25", "0.5", "0.75", "1")
    assert found["test_loss_path"].unit == "nat"
    assert "batches of 32" in found["lmc"].estimator


def test_lmc_without_the_test_images_has_the_same_training_numbers(data, three):
    both, alone = (measured(Lmc(points=3, batch_size=32, test=flag), three[:2], data) for flag in (True, False))
    assert not any("test" in name for name in alone)
    assert {"lmc", "barrier", "t_star", "lmc_loss", "train_error_path", "train_loss_path"} <= alone.keys()
    assert all(np.array_equal(both[name].value, alone[name].value) for name in alone)


def test_lmc_refuses_replicas_of_different_masks(data, three):
    mask = Mask({"4.weight": torch.ones(4, 4, 3, 3, dtype=torch.bool)})
    pair = [dataclasses.replace(three[0], mask=mask), three[1]]
    with pytest.raises(UsageError, match="different masks"):
        Lmc().measure(pair, data, seed=0)


def test_cka_equals_explicit_gram_matrices(data, three):
    probe = Cka(outputs="both", layers=("4", "1"), estimator="both", images=50, batch_size=16)
    found = measured(probe, three, data)
    images = data.train.images[:50]
    with torch.no_grad():
        wanted = {
            "softmax": [r.model(images).double().softmax(1) for r in three],
            "logits": [r.model(images) for r in three],
            "layer.1": [r.model[:2](images) for r in three],
            "layer.4": [r.model[:5](images) for r in three],
        }
    assert set(found) == {"constant", *wanted, *(f"{name}_debiased" for name in wanted)}
    for name, features in wanted.items():
        for debiased in (False, True):
            reading = found[f"{name}_debiased" if debiased else name]
            values = [slow_reference.cka(x, y, debiased=debiased) for x, y in combinations(features, 2)]
            assert reading.value.tolist() == pytest.approx(values, abs=1e-6), name
            assert reading.estimator == f"linear CKA, {'debiased' if debiased else 'biased'}"
            assert (reading.n, reading.axes) == (50, ("pair",))


def test_cka_of_layers_that_do_not_fit_in_memory_is_approximated_and_says_so(data, three):
    exact = measured(Cka(layers=("0", "7"), estimator="debiased", images=60, batch_size=16), three, data)
    some = measured(Cka(layers=("0", "7"), estimator="debiased", images=60, batch_size=16, memory=5e-5), three, data)
    assert list(exact) == list(some) == ["constant", "softmax", "layer.0", "layer.7"]
    assert exact["layer.0"].estimator == exact["layer.7"].estimator == some["layer.7"].estimator
    assert some["layer.7"].value.tolist() == exact["layer.7"].value.tolist()
    assert some["layer.0"].estimator == "linear CKA, debiased, from mini-batches of 16"
    assert some["layer.0"].value.tolist() == pytest.approx(exact["layer.0"].value.tolist(), abs=0.2)
    both = measured(Cka(layers=("0",), estimator="both", images=60, batch_size=16, memory=0), three, data)
    assert set(both) == {"constant", "softmax", "softmax_debiased", "layer.0_debiased"}


def test_one_estimator_keeps_the_plain_name_and_says_which(data, three):
    found = measured(Cka(estimator="debiased"), three, data)
    assert found["softmax"].estimator == "linear CKA, debiased"
    assert set(found) == {"constant", "softmax"}
    assert found["softmax"].n == 75


def test_cka_of_a_network_that_always_says_the_same_is_left_out(data, three):
    dead = net(5, classes=6)
    nn.init.zeros_(dead[7].weight)
    found = measured(Cka(layers=("4",)), [three[0], Replica(model=dead)], data)
    assert set(found) == {"constant", "layer.4"}
    assert found["constant"].value.tolist() == [0.0, 1.0]


def test_disagreement_of_both_sides(data, three):
    found = measured(Disagreement(batch_size=16), three, data)
    with torch.no_grad():
        labels = [r.model(data.test.images).argmax(1) for r in three]
    wanted = [float((a != b).double().mean()) for a, b in combinations(labels, 2)]
    assert found["test_disagreement"].value.tolist() == pytest.approx(wanted)
    assert found["train_disagreement"].n == 75
    assert found["test_jensen_shannon"].unit == "nat"
    assert (found["test_jensen_shannon"].stderr > 0).all()


def test_hessian_equals_the_explicit_one(data, three):
    found = measured(Hessian(batch_size=25, batches=2, vectors=30, top=2, exact=False), three[:1], data)
    exact = slow_reference.hessian(three[0].model, data.train.images[:50], data.train.labels[:50])
    eigenvalues = np.linalg.eigvalsh(exact)[::-1][:2]
    assert abs(found["trace"].value - exact.trace()) < 4 * found["trace"].stderr
    assert found["trace"].stderr < 0.5 * exact.trace()
    assert found["top_eigenvalues"].value.tolist() == pytest.approx(eigenvalues.tolist(), rel=1e-4)
    assert (np.abs(found["top_eigenvalues"].value - eigenvalues) <= found["eigenvalue_residuals"].value + 1e-5).all()
    assert found["top_eigenvalues"].axes == ("index",)
    assert found["trace"].n == found["top_eigenvalues"].n == 50
    assert found["products"].value > 60
    assert found["products"].value % 2 == 0


def test_hessian_without_eigenvalues_and_with_another_seed(data, three):
    probe = Hessian(batch_size=25, batches=2, vectors=3, top=0, exact=False)
    first, other = (measured(probe, three[:1], data, seed=seed) for seed in (0, 1))
    assert set(first) == {"trace", "layer_trace", "products"}
    assert first["products"].value == 6
    assert first["trace"].value != other["trace"].value


def test_the_trace_is_exact_where_its_classes_cost_no_more_than_the_vectors(data, three):
    size = {"batch_size": 25, "batches": 2, "top": 0}
    found, other = (measured(Hessian(vectors=2, **size), three[:1], data, seed=seed) for seed in (0, 1))
    exact = slow_reference.hessian(three[0].model, data.train.images[:50], data.train.labels[:50])
    assert found["trace"].value == pytest.approx(exact.trace(), rel=1e-4)
    assert (found["trace"].stderr, found["products"].value) == (0, 0)
    assert found["trace"].estimator == "exact: squared gradients of every class"
    assert found["layer_trace"].value.sum() == pytest.approx(found["trace"].value)
    assert found["trace"].value == other["trace"].value, "of every seed"
    gelu = Replica(model=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.GELU(), torch.nn.Linear(72, 6)).eval())
    assert measured(Hessian(vectors=2, **size), [gelu], data)["trace"].stderr == 0, "GELU of the images alone"
    gelu = Replica(model=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(72, 6), torch.nn.GELU()).eval())
    assert measured(Hessian(vectors=2, **size), [gelu], data)["trace"].stderr > 0
    assert measured(Hessian(vectors=2, exact=False, **size), three[:1], data)["products"].value == 4


def test_hessian_by_layer_with_a_sketch_and_until_the_standard_error_is_small(data, three):
    size = {"batch_size": 25, "batches": 2, "vectors": 4, "top": 0, "sketch": 2, "exact": False}
    few, more = (measured(Hessian(**size, stderr=stderr), three[:1], data) for stderr in (None, 0.08))
    assert few["products"].value == 2 * (4 + 4)
    assert more["products"].value > few["products"].value
    assert more["trace"].stderr <= 0.08 * more["trace"].value
    assert more["layer_trace"].labels == ("0", "1", "4", "7")
    assert more["layer_trace"].value.sum() == pytest.approx(more["trace"].value, rel=0.5)
    head = measured(Hessian(**{**size, "top": 1}, parameters=("7.*",)), three[:1], data)
    assert head["layer_trace"].value[:3].tolist() == [0, 0, 0]
    assert head["top_eigenvalues"].value[0] < measured(Hessian(**{**size, "top": 1}), three[:1], data)[
        "top_eigenvalues"
    ].value[0] * (1 + 1e-3)


def test_the_spectral_density_names_its_axes_and_has_the_largest_eigenvalue(data, three):
    probe = SpectralDensity(batch_size=25, batches=2, vectors=2, steps=20, points=50)
    found = measured(probe, three[:1], data)
    exact = np.linalg.eigvalsh(slow_reference.hessian(three[0].model, data.train.images[:50], data.train.labels[:50]))
    assert found["largest"].value == pytest.approx(exact[-1], rel=1e-2)
    assert found["nodes"].value.shape == found["masses"].value.shape == (2, 20)
    grid, curve = found["eigenvalue"].value, found["density"].value
    assert torch.trapezoid(torch.tensor(curve), torch.tensor(grid)) == pytest.approx(1, abs=0.05)
    assert found["density"].stderr.shape == (50,)
    assert 0 <= found["negative"].value < 0.5
    assert found["products"].value == 40


def masked_net():
    model = net(0, classes=6)
    mask = Mask({"0.weight": torch.zeros(4, 2, 3, 3) > 0, "4.weight": torch.arange(144).reshape(4, 4, 3, 3) % 4 == 0})
    with torch.no_grad():
        for name, kept in mask.kept.items():
            model.get_parameter(name).mul_(kept)
        model[4].bias.fill_(1.0)
        model[7].bias.fill_(1.0)
        model[1].bias.fill_(1.0)
    return model, mask


def test_size_of_a_pruned_network_with_a_layer_wholly_masked(data):
    model, mask = masked_net()
    found = measured(Size(latency_repeats=3, latency_batch=2), [Replica(model=model, mask=mask)], data)
    total = sum(p.numel() for p in model.parameters())
    assert found["density"].value == 36 / 216
    assert found["layer_density"].value.tolist() == [0.0, 0.25]
    assert found["layer_density"].labels == ("0.weight", "4.weight")
    assert found["compression"].value == pytest.approx(total / (total - 180))
    assert found["layer_flops"].labels == ("0", "4", "7")
    assert found["flops"].value == found["layer_flops"].value.sum() == 2 * (72 * 36 + 144 * 4 + 96)
    assert found["flops_kept"].value == 2 * (36 * 4 + 96)
    assert found["theoretical_speedup"].value == pytest.approx((72 * 36 + 144 * 4 + 96) / (36 * 4 + 96))
    assert found["bytes_dense"].value == 4 * (total + 8)
    assert found["bytes_sparse"].value == 9 + 18 + 4 * 36 + 4 * (total - 216 + 8)
    assert found["latency"].value > 0
    assert found["latency"].n == 3
    for name in ("latency", "theoretical_speedup"):
        assert "a mask" in found[name].estimator


def test_size_of_a_dense_network_counts_its_zeros(data):
    model, _ = masked_net()
    found = measured(Size(latency_repeats=0), [Replica(model=model)], data)
    assert found["density"].value == 36 / 216
    assert "no mask given" in found["density"].estimator
    assert "latency" not in found


def test_size_of_a_network_without_convolutions_takes_linear_layers(data):
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 6))
    found = measured(Size(latency_repeats=0), [Replica(model=model)], data)
    assert found["layer_density"].labels == ("1.weight",)
    no_weights = nn.Sequential(nn.Flatten(), nn.LayerNorm(72))
    found = measured(Size(latency_repeats=0), [Replica(model=no_weights)], data)
    assert "density" not in found
    assert "theoretical_speedup" not in found


def test_a_real_network_goes_through_every_probe():
    data = learnable_data(chans=3, size=32, train=24, test=12)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = [timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=3, depth=2) for _ in range(2)]
    pair = [Replica(model=model) for model in models]
    assert measured(Errors(), pair[:1], data)["train_error"].n == 24
    assert measured(Lmc(points=3), pair, data)["lmc"].value.shape == (1,)
    assert measured(Cka(layers=("blocks.1",)), pair, data)["layer.blocks.1"].value[0] < 1
    probe = Hessian(batch_size=8, batches=1, vectors=2, max_products=5)
    assert measured(probe, pair[:1], data)["trace"].stderr > 0
    assert measured(Size(latency_repeats=1), pair[:1], data)["flops"].value > 1e6


class Counted:
    """A split that counts the images it hands out."""

    def __init__(self, split):
        self.split, self.images = split, 0

    def __len__(self):
        return len(self.split)

    def batches(self, size, *, limit=None):
        for images, labels in self.split.batches(size, limit=limit):
            self.images += len(images)
            yield images, labels


@pytest.mark.parametrize(
    "probe",
    [
        Errors(batch_size=10),
        Errors(batch_size=10, limit_batches=3),
        Lmc(points=4, batch_size=20),
        Lmc(points=3, batch_size=20, limit_batches=2, test=False),
        Cka(images=75, layers=("1", "4")),
        Cka(images=64, batch_size=32),
    ],
)
def test_passes_are_the_images_that_go_through_the_models(probe, data, three, monkeypatch):
    monkeypatch.setattr("prunescope.landscape.connectivity._points_at_once", lambda *_, **__: 1)  # each reads its own
    chosen = three if probe.replicas == "any" else three[:1]
    train_split, test_split = Counted(data.train), Counted(data.test)
    probe.measure(chosen, dataclasses.replace(data, train=train_split, test=test_split), seed=0)
    stated = probe.passes(replicas=len(chosen), train=len(data.train), test=len(data.test))
    looks = 1 if isinstance(probe, Lmc) or getattr(probe, "layers", ()) else 0  # one image, to see shapes
    assert stated + looks == train_split.images + test_split.images


def test_passes_of_the_others():
    assert Disagreement().passes(replicas=3, train=100, test=10) == 330
    assert Disagreement(batch_size=4, limit_batches=2).passes(replicas=2, train=100, test=6) == 28
    trace_alone = Hessian(batch_size=10, batches=2, vectors=4, top=0).passes(replicas=1, train=100, test=10)
    assert trace_alone == 20 * (3 + 24)
    assert Hessian(batch_size=10, batches=2, vectors=4).passes(replicas=1, train=100, test=10) > trace_alone
    assert Size(latency_repeats=0).passes(replicas=1, train=100, test=10) == 1
    assert Size(latency_repeats=7, latency_batch=2).passes(replicas=1, train=100, test=10) == 21
