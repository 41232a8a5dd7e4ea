"""One test call of a network on its own data: what it returns, and which fast ways of running it agree with it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.wording import count_text
from prunescope.networks.grouped.choice import takes, tiny
from prunescope.networks.grouped.grouping import Grouped, supports
from prunescope.networks.layout import plain, run_plainly
from prunescope.networks.outputs import TheOutputs, main_output, refuse_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE = 1e-3
"""How far outputs of two ways of running a network may lie apart, as a share of the largest output."""

_TRIED: dict[str, Usable] = {}


@dataclass(frozen=True, kw_only=True)
class Usable:
    """What the test call of a network showed."""

    plain: bool
    """It fails or differs in channels_last."""
    several: bool
    """It returns more than one tensor, or maps of one place, in eval or in train mode."""
    alone: bool
    """Copies of it grouped fail or differ."""


class Alone:
    """A hook that does nothing: a network that has hooks is not grouped."""

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Leave the inputs as they are."""


def make_usable(model: nn.Module, inputs: Tensor, *, classes: int | None, who: str, key: str) -> None:
    """Let a network in plain layout return one tensor, in the ways of running it that agree with the plain one.

    inputs: a few examples, at least two. classes: how many classes the labels have; None where there are none. key: the
    test call is made once in a process for each of these.

    Raises:
        UsageError: the call fails, with the name of the layer; no tensor of outputs; probabilities in place of logits;
            fewer outputs than classes; other outputs at each call; a network that cannot be copied.
    """
    if key not in _TRIED:
        _TRIED[key] = try_network(model, inputs, classes=classes, who=who)
    found = _TRIED[key]
    if found.several:
        model.register_forward_hook(TheOutputs())
    if found.alone:
        model.register_forward_pre_hook(Alone())
    if found.plain:
        run_plainly(model)


def try_network(model: nn.Module, inputs: Tensor, *, classes: int | None, who: str) -> Usable:
    """Call copies of a network in every way it may be run, and compare; see `make_usable`."""
    work = _copied(model, who).eval()
    inputs = plain(inputs)
    raw = _called(work, inputs, who)
    outputs = main_output(raw, who=who)
    if classes is not None:
        _check_classes(outputs, classes, who)
        refuse_probabilities(outputs, who=who)
    with torch.random.fork_rng():
        _refuse_random(work, inputs, outputs, who)
        training = _called(_copied(model, who).train(), inputs, who)
    several = any(main_output(one, who=who) is not one for one in (raw, training))
    fast = {"memory_format": torch.channels_last}
    volumes = any(weight.dim() == 5 for weight in model.parameters())  # for these there is no channels_last
    plainly = volumes or (
        inputs.dim() == 4
        and not _agrees(
            outputs,
            lambda: main_output(copy.deepcopy(work).to(**fast)(inputs.contiguous(**fast)), who=who),
        )
    )
    may_group = not several and not plainly and tiny(model) and takes(tuple(inputs.shape)) and supports(work)
    return Usable(plain=plainly, several=several, alone=may_group and not _groups(work, inputs, outputs))


def _refuse_random(model: nn.Module, inputs: Tensor, outputs: Tensor, who: str) -> None:
    """Raise UsageError where a network in eval mode returns something else for the same inputs."""
    if not _agrees(outputs, lambda: main_output(model(inputs), who=who)):
        raise UsageError(
            f"{who} returns something else for the same inputs each time, in eval mode too",
            fix="make its forward random in training only: functional.dropout(x, training=self.training), nn.Dropout",
        )


def _check_classes(outputs: Tensor, classes: int, who: str) -> None:
    if outputs.dim() != 2:
        raise UsageError(
            f"{who} returns {' x '.join(map(str, outputs.shape[1:])) or 'one number'} for each example, "
            "wanted one number for each class",
            fix="average the maps, or give the data an objective that takes them",
        )
    if outputs.shape[1] < classes:
        raise UsageError(
            f"the labels go up to {classes - 1}, and {who} has {count_text(outputs.shape[1], 'output')}: labels "
            f"count from 0",
            fix="number the classes from 0, or give the network an output for each",
        )


def _groups(model: nn.Module, inputs: Tensor, outputs: Tensor) -> bool:
    """Whether the network and another of its kind, grouped, return what they return one by one."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.5)
        wanted = torch.stack([outputs, other(inputs)], 1)
    fast = inputs.contiguous(memory_format=torch.channels_last) if inputs.dim() == 4 else inputs
    return _agrees(wanted, lambda: Grouped([model, other], shared=True).eval()(fast))


def _agrees(wanted: Tensor, call: Callable[[], Tensor]) -> bool:
    try:
        with torch.no_grad():
            found = call()
    except Exception:  # noqa: BLE001 - a way of running that fails is not used, whatever it raises
        return False
    scale = float(wanted.abs().max()) or 1.0
    return found.shape == wanted.shape and bool(torch.allclose(found, wanted, rtol=0, atol=CLOSE * scale))


def _copied(model: nn.Module, who: str) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"{who} cannot be copied: {type(error).__name__}: {str(error).splitlines()[0]}",
            fix="replicas are copies: use torch.nn.utils.parametrizations in place of torch.nn.utils.weight_norm",
        ) from error


def _called(model: nn.Module, inputs: Tensor, who: str) -> object:
    """Call the network; where that fails, name the layer in which it did."""
    inside: list[str] = []
    handles = []
    for name, layer in model.named_modules():
        handles.append(layer.register_forward_pre_hook(partial(_enter, inside, name)))
        handles.append(layer.register_forward_hook(partial(_leave, inside)))
    try:
        with torch.no_grad():
            return model(inputs)
    except PrunescopeError:
        raise
    except Exception as error:
        where = next((f" in layer '{name}'" for name in reversed(inside) if name), "")
        shape = "x".join(map(str, inputs.shape[1:]))
        raise UsageError(
            f"{who} fails{where} on {'images' if inputs.dim() == 4 else 'inputs'} of {shape} "
            f"({inputs.dtype}): {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix="check the sizes, channels and types that it takes; it must return one tensor of outputs",
        ) from error
    finally:
        for handle in handles:
            handle.remove()


def _enter(inside: list[str], name: str, *_: object) -> None:
    inside.append(name)


def _leave(inside: list[str], *_: object) -> None:
    inside.pop()
