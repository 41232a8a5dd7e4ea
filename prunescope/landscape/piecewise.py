"""Networks that are piecewise linear in every weight: which functions keep them so, and where the weights enter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves

from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import nn

PIECEWISE = frozenset(
    {
        *(torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, torch.sub, Tensor.sub, Tensor.__sub__),
        *(functional.relu, torch.relu, Tensor.relu, functional.relu6, functional.hardtanh, functional.leaky_relu),
        *(functional.max_pool2d, functional.avg_pool2d, functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d),
        *(torch.flatten, Tensor.flatten, Tensor.view, Tensor.reshape, Tensor.squeeze, Tensor.unsqueeze),
        *(Tensor.permute, Tensor.transpose, Tensor.contiguous, Tensor.mean, Tensor.sum, torch.mean, torch.sum),
        *(functional.pad, torch.cat, Tensor.__getitem__),
    }
)
"""Functions that are piecewise linear in all their tensors together: kinks between linear pieces."""

IN_PLACE: dict[Callable[..., Any], Callable[..., Any]] = {Tensor.add_: torch.add}
"""Functions that overwrite what the derivative is taken at, and what stands in for them."""

ROUNDING = 1e-4
"""Share of the largest number by which the order of sums changes a result."""


class NotPiecewiseLinear(Exception):  # noqa: N818 - an answer, not a fault
    """The network, or its loss, is not known to be piecewise linear in every weight."""


@dataclass(frozen=True)
class Layer:
    """One use of weights: a convolution, a linear layer, or a normalisation by fixed statistics."""

    kind: str
    """"conv2d", "linear" or "batch_norm"."""
    arguments: Mapping[str, Any]
    """Of the function, by name; `input` without its graph."""
    output: Tensor
    """With its graph."""


class _Watch(TorchFunctionMode):
    """Follows what depends on the weights through every function of torch, and stops at the first unknown one.

    A tensor depends on the weights where it requires a gradient. One that does and that no function seen here returned,
    from a compiled part or an autograd function of its own, is unknown too.
    """

    def __init__(self, leaves: Iterable[Tensor]) -> None:
        super().__init__()
        self.unused = {id(leaf) for leaf in leaves}
        self.layers: list[Layer] = []
        self.known: dict[int, Tensor] = {}  # by id, which is unique as long as they are kept

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> object:
        """Call `function` where it keeps the network piecewise linear; raise NotPiecewiseLinear where it is unknown."""
        del types
        named = dict(named or {})
        if function in LAYERS:
            return self._layer(function, arguments, named)
        if function is functional.dropout and not _bound(_DROPOUT, arguments, named)["training"]:
            return _bound(_DROPOUT, arguments, named)["input"]
        arguments = _not_in_place(function, arguments, named)
        found = IN_PLACE.get(function, function)(*arguments, **named)
        dependent = _dependent(found)
        writes = found is None and _dependent([arguments, named])
        if (dependent or writes) and function not in PIECEWISE:
            raise NotPiecewiseLinear(f"{resolve_name(function) or function} is not known to be piecewise linear")
        if dependent:
            self.require_known([arguments, named])
            self.known |= {id(one): one for one in dependent}
        return found

    def require_known(self, given: object) -> None:
        """Raise NotPiecewiseLinear where a tensor depends on the weights in an unknown way."""
        for one in _dependent(given):
            if id(one) not in self.known:
                raise NotPiecewiseLinear(f"what depends on the weights here is not known: {tuple(one.shape)}")

    def _layer(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
        kind, names = LAYERS[function]
        given = _bound(names, arguments, named)
        fixed = given.get("running_mean") is not None and not given["training"]
        if kind == "batch_norm" and not fixed:
            raise NotPiecewiseLinear("batch_norm by the statistics of the batch is not linear")
        for name, tensor in given.items():
            if name != "input" and isinstance(tensor, Tensor) and tensor.requires_grad:
                if id(tensor) not in self.unused:
                    raise NotPiecewiseLinear(f"a weight of {kind} is used twice, or is itself computed")
                self.unused.remove(id(tensor))
        self.require_known(given["input"])
        output: Tensor = function(**given)
        self.known[id(output)] = output
        self.layers.append(Layer(kind, given | {"input": given["input"].detach()}, output))
        return output


_CONV = {"input": None, "weight": None, "bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_LINEAR = {"input": None, "weight": None, "bias": None}
_NORM = {"input": None, "running_mean": None, "running_var": None, "weight": None, "bias": None}
_DROPOUT = {"input": None, "p": 0.5, "training": True, "inplace": False}
LAYERS: dict[Callable[..., Any], tuple[str, dict[str, Any]]] = {
    functional.conv2d: ("conv2d", _CONV),
    functional.linear: ("linear", _LINEAR),
    functional.batch_norm: ("batch_norm", _NORM | {"training": False, "momentum": 0.1, "eps": 1e-5}),
}
"""Functions in which weights enter, linearly: kind, and arguments with their defaults."""


def _bound(names: Mapping[str, Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, the defaults included."""
    return {**names, **dict(zip(names, arguments, strict=False)), **named}


def _not_in_place(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return the arguments without the wish to overwrite the first: its derivative is asked for."""
    place = {functional.relu: 1, functional.relu6: 1, functional.leaky_relu: 2, functional.hardtanh: 3}.get(function)
    if place is not None and "inplace" in named:
        named["inplace"] = False
    return arguments if place is None else arguments[:place] + (False,) * (len(arguments) > place)


def _dependent(found: object) -> list[Tensor]:
    """Return the tensors in `found` that depend on the weights."""
    return [one for one in tree_leaves(found) if isinstance(one, Tensor) and one.requires_grad]


def piecewise_layers(
    model: nn.Module, leaves: Mapping[str, Tensor], images: Tensor, *, check: bool = True
) -> tuple[Tensor, list[Layer]]:
    """Return the outputs in eval mode, with their graph, and the layers in which the weights enter.

    leaves: the parameters by name, all of which require a gradient. check: whether the first image is computed once
    more, alone: every layer must have it in its first row and make the same of it, and so must the network as it is,
    where functions overwrite their arguments, which here they do not.

    Raises NotPiecewiseLinear where a function on the way is not known to be piecewise linear in every weight, or images
    are not computed each by itself, in rows of their own.

    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))
    >>> _, layers = piecewise_layers(model, dict(model.named_parameters()), torch.ones(1, 3))
    >>> [layer.kind for layer in layers]
    ['linear', 'linear']
    >>> model[1] = torch.nn.Tanh()
    >>> piecewise_layers(model, dict(model.named_parameters()), torch.ones(1, 3))
    Traceback (most recent call last):
    prunescope.landscape.piecewise.NotPiecewiseLinear: torch.tanh is not known to be piecewise linear
    """
    outputs, layers = _watched(model, leaves, images)
    if check:
        alone, others = _watched(model, leaves, images[:1])
        with guarded([model]), torch.no_grad():
            plain = functional_call(model, dict(leaves), (images[:1],))
        _require_equal(plain, alone, "the network reads what it has overwritten")
        _require_equal(alone, outputs[:1], "images are not computed each by itself")
        for layer, other in zip(layers, others, strict=True):
            _require_equal(other.output, layer.output[:1], "images are not computed each by itself")
    return outputs, layers


def _watched(model: nn.Module, leaves: Mapping[str, Tensor], images: Tensor) -> tuple[Tensor, list[Layer]]:
    with guarded([model]), torch.enable_grad(), _Watch(leaves.values()) as watch:
        outputs = functional_call(model, dict(leaves), (images,))
    watch.require_known(outputs)
    if not isinstance(outputs, Tensor) or not outputs.requires_grad:
        raise NotPiecewiseLinear("the network returns no tensor that depends on its weights")
    if any(len(layer.output) != len(images) for layer in watch.layers):
        raise NotPiecewiseLinear("a layer has other rows than images")
    return outputs, watch.layers


def _require_equal(found: Tensor, wanted: Tensor, why: str) -> None:
    """Raise NotPiecewiseLinear where two results differ by more than rounding."""
    if found.shape != wanted.shape or not bool((found - wanted).abs().max() <= ROUNDING * wanted.abs().max()):
        raise NotPiecewiseLinear(why)
