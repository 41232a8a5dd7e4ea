"""A network and data of one's own, objects of this process, from training to a verdict."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

import prunescope
from prunescope.api.errors import InputError, UsageError

SGD = {"epochs": 2, "batch_size": 20, "learning_rate": 0.05}


class Net(nn.Module):
    """A network of a class that nobody can import."""

    def __init__(self):
        nn.Module.__init__(self)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3))
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        return self.head(self.features(images).relu().mean((2, 3)))


@pytest.fixture(scope="module")
def data():
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(60, 3, 6, 6, generator=draw)
    return images, (images.mean((1, 2, 3)) > 0).long()


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Net()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return {"study": tmp_path_factory.mktemp("live") / "study", "device": "cpu"}


@pytest.fixture(scope="module")
def dense(net, data, place):
    return prunescope.train(net, data, trainer_options=SGD, **place)


@pytest.fixture(scope="module")
def replicas(dense, place):
    pruned = prunescope.prune(dense, density=0.4, **place)
    return prunescope.retrain(pruned, replicas=2, trainer_options=SGD | {"epochs": 1}, **place)


def test_training_starts_from_the_weights_it_has_and_leaves_the_object_as_it_is(net, data, dense, place):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    still = prunescope.train(net, data, trainer_options=SGD | {"learning_rate": 0.0}, **place).network()
    assert all(torch.equal(before[name], value) for name, value in still.state_dict().items() if "weight" in name)
    assert not torch.equal(dense.network().head.weight, net.head.weight)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_other_weights_of_the_same_structure_are_another_run(net, data, dense, place):
    other = Net()
    assert prunescope.train(other, data, trainer_options=SGD, **place).run != dense.run
    other.load_state_dict(net.state_dict())
    assert prunescope.train(other, data, trainer_options=SGD, **place).run == dense.run


def test_it_is_pruned_retrained_measured_and_diagnosed_in_this_process(dense, replicas, place):
    for network in replicas.networks():
        assert isinstance(network, Net)
        assert (network.features[3].weight == 0).float().mean() > 0.3
    assert prunescope.probe(replicas, "disagreement", **place).readings["test_disagreement"].n == 60
    found = prunescope.diagnose(dense, densities=[0.4], replicas=2, retrain_epochs=1, **place)
    assert [verdict.density for verdict in found.verdicts] == [0.4, 1.0]
    for command in found.view.commands:
        assert "objects of a Python process" in command.why
        assert command.lines == ()
    assert "on an object (Tensor)" in str(found)


def test_a_live_network_is_pruned_as_it_stands(net, data, place):
    pruned = prunescope.prune(net, density=0.5, data=data, **place)
    kept = pruned.network().features[0].weight
    assert torch.equal(kept[kept != 0], net.features[0].weight[kept != 0])
    assert [row["layer"] for row in pruned.rows()] == ["features.0.weight", "features.3.weight"]


def test_rows_have_the_coordinates_of_the_training(replicas, place):
    rows = prunescope.probe(replicas, "errors", **place).rows()
    chosen = [row for row in rows if row["reading"] == "test_error"]
    assert [(row["replica"], row["retraining_seed"], row["dense_seed"], row["epochs"]) for row in chosen] == [
        (1, 0, 0, 2),
        (2, 1, 0, 2),
    ]


def test_what_another_process_cannot_do_is_reported_when_it_is_stored(dense, replicas):
    for finding in (dense, replicas):
        assert "only a process that receives the same" in str(finding)


def test_another_process_is_refused_with_what_to_do(dense, place):
    code = f"import prunescope; prunescope.prune({dense.run!r}, density=0.2, study={str(place['study'])!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "an object of another process" in ended.stderr
    assert "give the object again" in ended.stderr


def test_a_state_dict_in_a_file_is_loaded_into_a_live_network(net, data, place, tmp_path):
    torch.save(net.state_dict(), tmp_path / "mine.pt")
    pruned = prunescope.prune(tmp_path / "mine.pt", model=Net(), density=0.5, data=data, **place)
    kept = pruned.network().features[0].weight
    assert isinstance(pruned.network(), Net)
    assert torch.equal(kept[kept != 0], net.features[0].weight[kept != 0])


def test_a_network_of_another_process_is_rebuilt_by_an_object_of_its_structure(dense, data, place, monkeypatch):
    from prunescope.networks import live

    monkeypatch.setattr(live, "_KEPT", {})
    with pytest.raises(InputError, match="give the object again"):
        dense.network()
    again = prunescope.prune(dense.run, density=0.3, model=Net(), data=data, **place)
    assert again.found.recipe.inputs == (dense.run,)


def test_a_live_network_without_data_is_refused(net, place):
    with pytest.raises(UsageError, match="does not record its data"):
        prunescope.prune(net, density=0.5, **place)


def test_options_of_a_network_that_is_built_are_refused(net, data, place):
    with pytest.raises(UsageError, match="do not apply to a live network"):
        prunescope.train(net, data, model_options={"width": 2}, **place)


def test_something_else_is_no_network(place):
    with pytest.raises(UsageError, match="wanted a network, got dict"):
        prunescope.prune({}, density=0.5, **place)
