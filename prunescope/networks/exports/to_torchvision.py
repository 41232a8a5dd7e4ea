"""One file that torchvision's network of the same name loads strictly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import MismatchError
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.exports.comparison import ANY_NETWORK, compare_outputs, outputs_of
from prunescope.networks.exports.serialised import state_bytes

if TYPE_CHECKING:
    from pathlib import Path


def export_to_torchvision(subject: ExportSubject) -> Artefact:
    """Return a state_dict as `torch.save` writes it.

    Raises MismatchError where torchvision has no network of that name with the same tensors.
    """
    name, state = torchvision_name(subject.checkpoint.spec.name), dict(subject.checkpoint.state)
    _check_tensors(_built(name, subject).state_dict(), state, name=name)
    network = f"torchvision.models.get_model({name!r}, num_classes={_classes(subject)})"
    return Artefact(
        files={"": state_bytes(state)},
        load=f"{network}.load_state_dict(torch.load({{path!r}}))",
        check=partial(_check_in_torchvision, subject),
    )


def torchvision_name(name: str) -> str:
    """Return the name of a network in torchvision; MismatchError where it has none.

    >>> torchvision_name("resnet18.a1_in1k"), torchvision_name("torchvision.models:resnet18")
    ('resnet18', 'resnet18')
    """
    import torchvision

    short = name.rpartition(":")[2].partition(".")[0]
    if short not in torchvision.models.list_models(module=torchvision.models):
        raise MismatchError(f"torchvision has no classifier {short!r}", fix=ANY_NETWORK)
    return short


def _built(name: str, subject: ExportSubject) -> torch.nn.Module:
    import torchvision

    with torch.random.fork_rng(devices=[]):
        found: torch.nn.Module = torchvision.models.get_model(name, num_classes=_classes(subject))
    return found


def _classes(subject: ExportSubject) -> int:
    """Return how many outputs the network has: more than the data have classes where its head was kept."""
    return int(outputs_of(subject.model, subject.inputs).shape[1])


def _check_tensors(theirs: dict[str, Any], ours: dict[str, Any], *, name: str) -> None:
    shapes = [{name: tuple(tensor.shape) for name, tensor in state.items()} for state in (theirs, ours)]
    other = [one for one in {**theirs, **ours} if shapes[0].get(one) != shapes[1].get(one)]
    if other:
        raise MismatchError(
            f"torchvision's {name} has other tensors: {len(other)} differ, the first '{other[0]}'", fix=ANY_NETWORK
        )


def _check_in_torchvision(subject: ExportSubject, path: Path) -> float:
    model = _built(torchvision_name(subject.checkpoint.spec.name), subject)
    model.load_state_dict(torch.load(path, weights_only=True), strict=True)
    wanted = outputs_of(subject.model, subject.inputs)
    return compare_outputs(outputs_of(model, subject.inputs), wanted, library="torchvision")
