"""What a model computes for the first n images of a split: softmax outputs, logits, or the outputs of a layer."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import torch

from prunescope.errors import UsageError
from prunescope.landscape.evaluate import logits
from prunescope.landscape.guard import double, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Split


def output_logits(model: nn.Module, split: Split, *, images: int, batch_size: int) -> Tensor:
    """Return the logits (n, classes) of the first n = min(images, len(split)) images, in eval mode and fixed order.

    Raises UsageError when `images` or the split is empty.
    """
    limit = -(-images // batch_size)
    with guarded([model]):
        found = [output for output, _ in logits(model, split, batch_size=batch_size, limit=limit)]
    if not found or images < 1:
        raise UsageError(f"no features of {images} images out of {len(split)}", fix="ask for one image or more")
    return torch.cat(found)[:images]


def softmax(outputs: Tensor) -> Tensor:
    """Return the class probabilities in float64.

    >>> softmax(torch.tensor([[0.0, 0.0]]))
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    return double(outputs).softmax(1)


def layer_features(model: nn.Module, layer: str, split: Split, *, images: int, batch_size: int) -> Tensor:
    """Return the outputs (n, features) of the module named `layer` for the first n images, flattened, as float32.

    A module that is called several times per pass gives the outputs of all its calls side by side. They are taken by a
    forward hook, copied before an in-place activation can change them.

    Raises UsageError when there is no such module, when it is never called, or when its output is no tensor.
    """
    calls: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        if not isinstance(output, torch.Tensor):
            raise UsageError(f"layer {layer!r} returns {type(output).__name__}, not a tensor", fix="name another layer")
        calls.append(output.detach().flatten(1).float().clone())

    rows, limit = [], -(-images // batch_size)
    handle = model.get_submodule(match_layers(model, [layer])[0]).register_forward_hook(keep)
    try:
        with guarded([model]):
            for _ in logits(model, split, batch_size=batch_size, limit=limit):
                if not calls:
                    raise UsageError(f"layer {layer!r} is never called", fix="name another layer")
                rows.append(torch.cat(calls, dim=1))
                calls.clear()
    finally:
        handle.remove()
    return torch.cat(rows)[:images]


def match_layers(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Return the names of the modules of `model` that match any of `patterns`, in model order.

    A pattern with `*`, `?` or `[` stands for all modules without children that it matches: `*` is every layer.

    Raises UsageError, with the nearest names, for a pattern that matches nothing.

    >>> from torch import nn
    >>> match_layers(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU())), ["*"])
    ['0', '1.0']
    """
    modules = {name: module for name, module in model.named_modules() if name}
    leaves = [name for name, module in modules.items() if not any(module.children())]
    chosen: set[str] = set()
    for pattern in patterns:
        wild = any(sign in pattern for sign in "*?[")
        found = [name for name in leaves if fnmatchcase(name, pattern)] if wild else [pattern] * (pattern in modules)
        if not found:
            near = difflib.get_close_matches(pattern, modules, n=3, cutoff=0.0)
            raise UsageError(
                f"no layer of the model is called {pattern!r}", fix=f"the nearest names: {', '.join(near)}"
            )
        chosen.update(found)
    return [name for name in modules if name in chosen]
