"""The weights that pruning may touch: those of the layers that a network is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import nn

from prunescope.api.wording import percent
from prunescope.networks import multiplied

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

LEAST_SHARE = 0.5
"""A network is made of layers that hold at least this share of its parameters."""


@dataclass(frozen=True, kw_only=True)
class Prunable:
    """The weights that pruning may touch, and how they were chosen."""

    weights: dict[str, nn.Parameter]
    """By name as in the state_dict, in the model's order."""
    kinds: str
    """"convolutions", or "convolutions and linear layers"."""
    share: float
    """Prunable weights / all parameters of the network, in [0, 1]."""
    computed: Mapping[str, str] = field(default_factory=dict)
    """Why a weight is not what its layer multiplies by, by the weight's name: see `multiplied`."""

    def describe(self) -> str:
        """Return the kinds and the share, in words."""
        return f"{self.kinds}, {percent(self.share, 2)} of all parameters"


@dataclass(frozen=True, kw_only=True)
class _Weight:
    """A weight of a layer, or the place of one that is computed."""

    parameter: nn.Parameter | None
    size: int
    is_convolution: bool
    computed: str


def prunable(
    model: nn.Module, *, linear: bool | None = None, first: bool = True, last: bool = True
) -> dict[str, nn.Parameter]:
    """Return the weights that pruning may touch, by name as in the state_dict, in the model's order.

    See `choose_prunable`, which has how they were chosen.
    """
    return choose_prunable(model, linear=linear, first=first, last=last).weights


def choose_prunable(model: nn.Module, *, linear: bool | None = None, first: bool = True, last: bool = True) -> Prunable:
    """Return the weights that pruning may touch.

    linear: False: convolutions (1, 2 or 3 dimensions); True: linear layers and the projections of attention too; None:
    what the network is made of, which is the first of these that holds at least half of all parameters: convolutions
    (as in Zhou et al. 2023), convolutions and linear layers without the last one, all of them. Where none does, the
    last of them. `first` and `last` set to False leave out the model's first and last layer with weights. A weight
    that several layers share counts once.
    """
    every = _weights(model)
    left_out = set(list(every)[:1] if not first else []) | set(list(every)[-1:] if not last else [])
    whole = sum(weight.numel() for weight in model.parameters()) or 1
    sets = _sets(every, linear=linear)
    for kinds, names in sets:
        chosen = {name: every[name] for name in names if name not in left_out}
        share = min(1.0, sum(weight.size for weight in chosen.values()) / whole)
        if share >= LEAST_SHARE or (kinds, names) == sets[-1]:
            weights = {name: weight.parameter for name, weight in chosen.items() if weight.parameter is not None}
            reasons = {name: weight.computed for name, weight in chosen.items() if weight.computed}
            return Prunable(weights=weights, kinds=kinds, share=share, computed=reasons)
    raise AssertionError


def choose_for_pruner(pruner: object, model: nn.Module) -> Prunable:
    """Return the weights that a pruner may prune, by its options `linear`, `first` and `last`, or their defaults."""
    return choose_prunable(
        model,
        linear=getattr(pruner, "linear", None),
        first=getattr(pruner, "first", True),
        last=getattr(pruner, "last", True),
    )


def describe_weights(model: nn.Module, names: Iterable[str]) -> tuple[str, float]:
    """Return the kinds of layers whose weights these are, and their share of all parameters, in [0, 1].

    >>> describe_weights(nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.Flatten(), nn.Linear(1, 26)), ["0.weight"])
    ('convolutions', 0.14754098360655737)
    """
    every, parameters = _weights(model), dict(model.named_parameters())
    chosen = [name for name in names if name in parameters]
    known = [every[name].is_convolution for name in chosen if name in every]
    found = {"convolutions": any(known), "linear layers": not all(known), "other layers": len(known) < len(chosen)}
    whole = sum(weight.numel() for weight in parameters.values()) or 1
    kinds = " and ".join(kind for kind, there in found.items() if there)
    return kinds, sum(parameters[name].numel() for name in chosen) / whole


def _sets(every: dict[str, _Weight], *, linear: bool | None) -> list[tuple[str, list[str]]]:
    """Return the sets of names to choose from, the smallest first."""
    convolutions = [name for name, weight in every.items() if weight.is_convolution]
    if linear is False:
        return [("convolutions", convolutions)]
    both = "convolutions and linear layers" if convolutions else "linear layers"
    if linear:
        return [(both, list(every))]
    ending = [name for name, weight in every.items() if not weight.is_convolution][-1:]
    return [
        ("convolutions", convolutions),
        (f"{both}, without the last", [name for name in every if name not in ending]),
        (both, list(every)),
    ]


def _weights(model: nn.Module) -> dict[str, _Weight]:
    """Return the weights of convolutions, linear layers and attention by name; computed ones by the layer's name."""
    parameters = dict(model.named_parameters())
    found = {}
    for path, module in model.named_modules():
        for name in _names(module):
            full = f"{path}.{name}" if path else name
            parameter, computed = parameters.get(full), multiplied.computed(module, name)
            if parameter is not None or (computed and name not in dict(module.named_parameters(recurse=False))):
                found[full] = _Weight(
                    parameter=parameter,
                    size=multiplied.size(module) if parameter is None else parameter.numel(),
                    is_convolution=isinstance(module, CONVOLUTIONS),
                    computed=computed,
                )
    return found


def _names(module: nn.Module) -> Iterable[str]:
    """Return the names of a module's own prunable weights."""
    if isinstance(module, nn.MultiheadAttention):
        return ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
    return ("weight",) if isinstance(module, (*CONVOLUTIONS, nn.Linear)) else ()
