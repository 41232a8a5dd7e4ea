"""Names that wrappers of single layers leave in a state_dict, and weights that were quantised."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError, MismatchError
from prunescope.networks import checkpoints


def small():
    torch.manual_seed(0)
    return timm.create_model("preresnet8", num_classes=10, width=0.25)


@pytest.mark.parametrize(
    ("wrapper", "whose"),
    [
        ("_fsdp_wrapped_module.", "FSDP"),
        ("_checkpoint_wrapped_module.", "activation checkpointing"),
        ("_forward_module.", "Lightning Fabric"),
    ],
)
def test_wrappers_of_layers_are_removed_anywhere(tmp_path, wrapper, whose):
    state = small().state_dict()
    wrapped = {wrapper + name.replace("layer1.", f"layer1.{wrapper}"): value for name, value in state.items()}
    torch.save({"model": wrapped}, tmp_path / "a.pt")
    got = checkpoints.load_checkpoint(tmp_path / "a.pt", model="preresnet8", options={"width": 0.25})
    assert got.state.keys() == state.keys()
    assert all(torch.equal(got.state[name], value) for name, value in state.items())
    assert any(wrapper in note and whose in note for note in got.notes)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32])
def test_quantised_weights_are_refused_by_name(tmp_path, kind):
    state = {
        name: (value * 100).to(kind) if name.endswith("conv1.weight") else value
        for name, value in small().state_dict().items()
    }
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match=rf"'conv1.weight' has the type {kind}: quantised"):
        checkpoints.load_checkpoint(tmp_path / "a.pt", model="preresnet8", options={"width": 0.25})


def test_a_network_that_torchvision_alone_has_is_named_with_the_option(tmp_path):
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=5)
    torch.save({"model": model.state_dict(), "args": {"model": "shufflenet_v2_x0_5"}}, tmp_path / "model_2.pth")
    with pytest.raises(MismatchError) as caught:
        checkpoints.load_checkpoint(tmp_path / "model_2.pth")
    assert "--model torchvision.models:shufflenet_v2_x0_5" in caught.value.fix
    found = checkpoints.load_checkpoint(tmp_path / "model_2.pth", model="torchvision.models:shufflenet_v2_x0_5")
    assert found.spec.num_classes == 5
