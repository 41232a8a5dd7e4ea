from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from prunescope.api.errors import InputError, UsageError
from prunescope.data import live as live_data
from prunescope.data.objects import objects_to_data
from prunescope.networks import live as live_networks
from prunescope.plugins import registry
from prunescope.runs import live
from prunescope.runs.importing import import_live
from prunescope.runs.recipe import Recipe
from prunescope.runs.session import Session, this_process
from prunescope.runs.store import Store


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


@pytest.fixture
def data():
    return objects_to_data((torch.arange(24.0).reshape(8, 3), torch.tensor([0, 1] * 4)))


@pytest.fixture
def nothing_kept(monkeypatch):
    monkeypatch.setattr(live_networks, "_KEPT", {})
    monkeypatch.setattr(live_data, "_KEPT", {})


def test_the_name_of_a_network_is_that_of_its_structure(net):
    name = live_networks.keep_network(net)
    with torch.no_grad():
        net[0].weight.zero_()
    assert live_networks.keep_network(net) == name
    assert live_networks.keep_network(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))) != name
    again = live_networks.rebuild_network(name)
    assert again is not net
    assert isinstance(again[1], nn.ReLU)


PROMPT = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        return {}
"""


def test_another_forward_is_another_network_also_where_a_class_has_no_source():
    def of(text):
        here = {"__name__": "__main__"}
        exec(PROMPT.format(text), here)  # noqa: S102 - as a person types it
        return here["Net"]()

    first, again, other = (
        live_networks.keep_network(of(text)) for text in ("self.head(x)", "self.head(x)", "self.head(x) + 1")
    )
    assert first == again != other
    assert float(live_networks.rebuild_network(other)(torch.zeros(1, 2)).mean().detach()) > 0.2


@pytest.mark.usefixtures("nothing_kept")
def test_a_process_without_the_object_says_so():
    with pytest.raises(InputError, match="is an object of another process"):
        live_networks.rebuild_network("live:Net-000000000000")
    assert not live_networks.any_network_kept()


def test_steps_that_need_an_object_of_this_process_run_in_it(net, data, tmp_path):
    store = Store(tmp_path)
    run_id = import_live(net, data, store)
    source = live_data.keep_data(data).to_json()
    with_data = Recipe(step="train", plugin="sgd", arguments={"model": {"name": "preresnet8"}, "data": source})
    with_network = Recipe(step="prune", plugin="magnitude", arguments={"data": {"name": "digits"}}, inputs=(run_id,))
    with_neither = Recipe(step="train", plugin="sgd", arguments={"model": {"name": "m"}, "data": {"name": "digits"}})
    needed = [live.are_needed([recipe], store) for recipe in (with_data, with_network, with_neither)]
    assert needed == [True, True, False]
    many = registry.make("executors", "local", {"workers": 4})
    session = Session(store=store, device="cpu", executor=many)
    assert session.executor_for([with_network]) == this_process().instance
    assert session.executor_for([with_neither]) == many.instance


def test_a_live_network_is_kept_by_its_weights(net, data, tmp_path):
    store = Store(tmp_path)
    first = import_live(net, data, store)
    assert import_live(net, data, store) == first
    with torch.no_grad():
        net[2].bias += 1
    assert import_live(net, data, store) != first
    run = store.read(first)
    assert live.report_lost(run) == (live.NETWORK,)
    assert run.facts["notes"] == [live.NETWORK]


def test_zeros_of_a_live_network_are_its_mask(net, data, tmp_path):
    prune.l1_unstructured(net[0], "weight", amount=0.5)
    with pytest.raises(UsageError, match="cannot be copied") as caught:
        live_networks.keep_network(net)
    assert "prune.remove" in caught.value.fix
    prune.remove(net[0], "weight")
    store = Store(tmp_path)
    run = store.read(import_live(net, data, store))
    assert "density 0.7000 (14 of 20)" in run.facts["notes"][1]
    mask = store.load_weights(run.id).mask
    assert torch.equal(mask.kept["0.weight"], net[0].weight != 0)
