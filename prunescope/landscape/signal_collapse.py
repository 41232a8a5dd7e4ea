"""Signal collapse: how much less the outputs of a pruned network's layers vary than those of the dense one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from prunescope.landscape.guard import double, guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from prunescope.api import Split

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


@dataclass
class _Moments:
    """Sums over examples and positions, by channel."""

    n: int = 0
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, output: Tensor, *, axis: int) -> None:
        """Take in the output of one call."""
        rows = double(output).movedim(axis, -1).flatten(0, -2)
        self.n += len(rows)
        self.total = self.total + rows.sum(0)
        self.squares = self.squares + rows.square().sum(0)

    def variance(self) -> float:
        """Return the mean over channels of the variance."""
        mean = torch.as_tensor(self.total) / self.n
        return float((torch.as_tensor(self.squares) / self.n - mean.square()).clamp(min=0).mean())


def variance_ratios(
    pruned: nn.Module,
    dense: nn.Module,
    split: Split,
    *,
    layers: Sequence[str],
    batch_size: int,
    limit: int | None = None,
) -> dict[str, float]:
    """Return, by layer, the variance of the pruned network's outputs over that of the dense network's.

    Formula: mean over channels of Var over examples and positions of a layer's output, before its normalisation; pruned
    / dense, both in eval mode. Source: Saikumar and Varghese 2025, "Signal Collapse in One-Shot Pruning", where the
    variance falls from layer to layer and re-estimated BatchNorm statistics bring it back.
    Unit: 1; 1 is no change, 0 a layer whose output is the same for all examples. NaN: where the dense layer's outputs
    do not vary. Layers that are not called, or are no convolution or linear layer, are left out.
    """
    found = [
        layer_variances(model, split, layers=layers, batch_size=batch_size, limit=limit) for model in (pruned, dense)
    ]
    return {
        name: variance / found[1][name] if found[1][name] > 0 else float("nan")
        for name, variance in found[0].items()
        if name in found[1]
    }


def layer_variances(
    model: nn.Module, split: Split, *, layers: Sequence[str], batch_size: int, limit: int | None = None
) -> dict[str, float]:
    """Return, by layer, the mean over channels of the variance of its output over examples and positions.

    >>> from prunescope.plugins.testing import toy_data
    >>> layer_variances(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), toy_data().test, layers=["0"], batch_size=64)
    {}
    """
    seen = {name: _Moments() for name in layers}
    with guarded([model]), _watching(model, seen):
        for inputs, _ in split.batches(batch_size, limit=limit):
            with torch.inference_mode():
                model(inputs)
    return {name: moments.variance() for name, moments in seen.items() if moments.n}


@contextmanager
def _watching(model: nn.Module, seen: dict[str, _Moments]) -> Iterator[None]:
    """Add the outputs of some layers to their moments inside the block."""
    modules = dict(model.named_modules())
    hooks = [
        modules[name].register_forward_hook(partial(_add, moments))
        for name, moments in seen.items()
        if isinstance(modules.get(name), LAYERS)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _add(moments: _Moments, layer: nn.Module, _inputs: object, output: Tensor) -> None:
    moments.add(output, axis=-1 if isinstance(layer, nn.Linear) else 1)
