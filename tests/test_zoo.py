"""The quick networks of the zoo: everything that is checked of each agrees, or is refused by name."""

import sys
from pathlib import Path

import pytest
import torch
import torchvision

ZOO = Path(__file__).parents[1] / "zoo"

sys.path.insert(0, str(ZOO))

import check_networks  # noqa: E402 - found in the folder that was just added
import checks  # noqa: E402
import members  # noqa: E402
import table  # noqa: E402

QUICK, _ = members.list_members(quick=True)

REFUSED = {
    "probabilities": "probabilities already",
    "lazy_layer": "LazyLinear",
    "fewer_outputs_than_classes": "go up to 4",
}
"""Networks that are refused as a whole, and a word of the reason."""


@pytest.mark.parametrize("member", QUICK, ids=lambda member: member.name)
def test_a_network_is_read_right_or_refused(member):
    row = check_networks.check_network(member)
    assert not [f"{what}: {text}" for what, text in row.items() if text.startswith(table.WRONG)]
    if member.name in REFUSED:
        assert REFUSED[member.name] in row["refused"]
    else:
        assert set(checks.CHECKS) <= set(row)


def test_a_wrong_number_is_found(monkeypatch):
    member = next(member for member in QUICK if member.name == "in_place")
    monkeypatch.setattr(checks, "PRUNERS", {"magnitude": {}})
    monkeypatch.setattr(checks, "DENSITY", 0.25)
    monkeypatch.setattr(checks, "CHECKS", {"masks": lambda *_: checks._check_counts("x", None, None)})
    assert check_networks.check_network(member)["masks"].startswith(table.WRONG)


def test_every_pruner_is_checked():
    from prunescope.plugins import registry

    ours = {plugin.name for plugin in registry.find_plugins("pruners") if plugin.distribution == "prunescope"}
    assert ours == set(checks.PRUNERS)


def test_the_page_counts_refusals_and_names_what_is_not_run():
    rows = [
        {"source": "timm", "network": "a", "LMC": "0", "masks": "10 exact; synflow: no flow"},
        {"source": "timm", "network": "b", "refused": f"{table.REFUSED}too small"},
        {"source": "our own", "network": "c", "CKA": f"{table.WRONG}0.9"},
    ]
    page = table.write_table(rows, [("vgg/vgg", "vgg11", 128_786_821)])
    assert "3 networks (2 timm, 1 our own): 1 refused as a whole, 1 refusal of single checks, 1 wrong." in page
    assert "10 exact (1)" in page
    assert "- vgg/vgg: vgg11, 129 M" in page


@pytest.mark.parametrize("name", members.NARROW)
def test_a_narrow_transformer_has_the_layers_of_the_large_one(name):
    (narrow,) = (
        one for one in members.list_members(quick=False)[0] if one.source == "torchvision" and one.name == name
    )
    with torch.device("meta"):
        large = torchvision.models.get_model(name)
    assert {type(layer) for layer in narrow.build().modules()} == {type(layer) for layer in large.modules()}
    assert sum(weight.numel() for weight in narrow.build().parameters()) < 2e5
