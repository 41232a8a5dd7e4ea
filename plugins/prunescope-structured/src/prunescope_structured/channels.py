"""Which channels of a network can be removed, and which weights go with each: Torch-Pruning's dependency graph."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)

OUTPUT, INPUT = 0, 1
"""Axes of a weight: a channel is a row of the layers that make it and a column of those that read it."""


@dataclass(frozen=True, kw_only=True)
class Slices:
    """Where the channels of one set lie in one weight tensor."""

    parameter: str
    axis: int
    places: tuple[tuple[int, ...], ...]
    """For each channel its indices along the axis; several where a map was flattened."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Channels that the network ties to the same weights: those of one layer, or of all layers of a residual stream."""

    root: str
    """The first layer that makes them, by module name."""
    count: int
    members: tuple[Slices, ...]


def find(model: nn.Module, images: Tensor) -> tuple[Channels, ...]:
    """Return the sets of channels that can be removed; those of the network's output cannot.

    images: one or more of the network's inputs. The model is left as it was.

    Raises:
        UsageError: the network has attention, normalisation over channels, or grouped convolutions, where removing
            a channel is not the same as masking it.
    """
    _check_supported(model)
    copy = deepcopy(model).eval()
    graph = dependency_graph(copy, images)
    names = {module: name for name, module in copy.named_modules()}
    groups = graph.get_all_groups(ignored_layers=_output_layers(copy, images))
    found = [_describe(graph, group, names) for group in groups]
    order = list(names.values())
    return tuple(sorted(found, key=lambda one: order.index(one.root)))


def dependency_graph(model: nn.Module, images: Tensor) -> Any:  # noqa: ANN401 - torch_pruning comes without types
    """Return Torch-Pruning's graph of a model, whose parameters it makes trainable: hand it a copy."""
    import torch_pruning

    for parameter in model.parameters():
        parameter.requires_grad = True
    with torch.enable_grad():
        return torch_pruning.DependencyGraph().build_dependency(model, images, verbose=False)


def _describe(graph: Any, group: Any, names: dict[nn.Module, str]) -> Channels:  # noqa: ANN401 - the same
    count = len(group[0].idxs)
    members = []
    for item in group:
        module = item.dep.target.module
        if isinstance(module, LAYERS):
            rows = graph.is_out_channel_pruning_fn(item.dep.handler)
            places = defaultdict(list)
            for index, channel in zip(item.idxs, item.root_idxs, strict=True):
                places[channel].append(index)
            members.append(
                Slices(
                    parameter=f"{names[module]}.weight",
                    axis=OUTPUT if rows else INPUT,
                    places=tuple(tuple(places[channel]) for channel in range(count)),
                )
            )
    return Channels(root=names[group[0].dep.target.module], count=count, members=tuple(members))


def _output_layers(model: nn.Module, images: Tensor) -> list[nn.Module]:
    """Return the layers whose output is the network's: found by running it."""
    seen: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: seen.append((module, output)))
        for module in model.modules()
        if isinstance(module, LAYERS)
    ]
    with torch.no_grad():
        output = model(images)
    for hook in hooks:
        hook.remove()
    return [
        module
        for module, made in seen
        if made.numel() == output.numel() and torch.equal(made.flatten(), output.flatten())
    ]


def _check_supported(model: nn.Module) -> None:
    for name, module in model.named_modules():
        kind, groups = type(module).__name__, getattr(module, "groups", 1)
        problem = ""
        if "Attention" in kind:
            problem = "attention ties channels to heads"
        elif isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
            problem = "it normalises over channels: removing one changes the others"
        elif isinstance(module, LAYERS) and not (groups == 1 or groups == module.weight.shape[0]):
            problem = f"a convolution in {groups} groups"
        if problem:
            raise UsageError(
                f"channels cannot be pruned in {type(model).__name__}: {name} ({kind}): {problem}",
                fix="choose a network of convolutions and BatchNorm, or an unstructured pruner such as magnitude",
            )
