"""What a model computes for the first n examples of a split: its outputs, or those of a layer."""

from __future__ import annotations

import difflib
from collections import Counter
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.landscape.evaluate import logits
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.api import Split


def output_logits(model: nn.Module, split: Split, *, images: int, batch_size: int) -> Tensor:
    """Return the outputs (n, ...) for the first n = min(images, len(split)) examples, in eval mode and fixed order.

    Raises UsageError when `images` or the split is empty.
    """
    limit = -(-images // batch_size)
    with guarded([model]):
        found = [output for output, _ in logits(model, split, batch_size=batch_size, limit=limit)]
    if not found or images < 1:
        raise UsageError(
            f"no features of {count_text(images, 'image')} out of {len(split)}", fix="give one image or more"
        )
    return torch.cat(found)[:images]


def layer_features(model: nn.Module, layer: str, split: Split, *, images: int, batch_size: int) -> Tensor:
    """Return the outputs (n, features) of the module named `layer` for the first n images; see `layers_features`."""
    return layers_features(model, [layer], split, images=images, batch_size=batch_size)[layer]


def layers_features(
    model: nn.Module, layers: Sequence[str], split: Split, *, images: int, batch_size: int
) -> dict[str, Tensor]:
    """Return the outputs (n, features) of several layers for the first n images, in one pass; see `layer_batches`."""
    rows = _Rows(min(images, len(split)))
    with guarded([model]), _watched(model, layers, rows.put):
        for _, labels in logits(model, split, batch_size=batch_size, limit=-(-images // batch_size)):
            rows.go_on(len(labels))
    return {layer: rows.of(layer) for layer in layers}


class _Rows:
    """The outputs of layers, copied once, each to its place among those of all images, as float32."""

    def __init__(self, images: int) -> None:
        self.images, self.start = images, 0
        self.places: dict[str, list[Tensor]] = {}
        """What every call of a layer within a pass gives."""
        self.calls: Counter[str] = Counter()

    def put(self, layer: str, output: Tensor) -> None:
        """Keep what a call of a layer gives for the present batch."""
        places, call = self.places.setdefault(layer, []), self.calls[layer]
        if call == len(places):
            places.append(torch.empty(self.images, *output.shape[1:], dtype=torch.float32, device=output.device))
        places[call][self.start : self.start + len(output)].copy_(output[: self.images - self.start])
        self.calls[layer] += 1

    def go_on(self, count: int) -> None:
        """Turn to the next batch, after one of `count` images."""
        self.calls.clear()
        self.start += count

    def of(self, layer: str) -> Tensor:
        """Return the features of a layer (n, features), and forget them."""
        places = self.places.pop(layer, None)
        if places is None:
            raise _never_called(layer)
        flat = [place[: self.start].flatten(1) for place in places]
        return torch.cat(flat, dim=1) if len(flat) > 1 else flat[0]


@contextmanager
def _watched(model: nn.Module, layers: Sequence[str], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Show the output of every call of the modules named in `layers`, before an in-place activation can change it."""

    def keep(layer: str, _module: nn.Module, _inputs: object, output: object) -> None:
        if not isinstance(output, torch.Tensor):
            raise UsageError(f"layer {layer!r} returns {type(output).__name__}, not a tensor", fix="name another layer")
        see(layer, output.detach())

    named = [(layer, model.get_submodule(match_layers(model, [layer])[0])) for layer in layers]
    handles = [module.register_forward_hook(partial(keep, layer)) for layer, module in named]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def layer_batches(
    model: nn.Module, layers: Sequence[str], split: Split, *, images: int, batch_size: int
) -> Iterator[dict[str, Tensor]]:
    """Yield the outputs of each module named in `layers`, flattened to (batch, features), as float32, batch by batch.

    A module that is called several times per pass gives the outputs of all its calls side by side. They are taken by
    forward hooks, copied before an in-place activation can change them. The batches stop after `images` images.

    Raises UsageError when there is no such module, when it is never called, or when its output is no tensor.
    """
    calls: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    limit, left = -(-images // batch_size), images

    def keep(layer: str, output: Tensor) -> None:
        calls[layer].append(output.flatten(1).float().clone())

    with guarded([model]), _watched(model, layers, keep):
        for _ in logits(model, split, batch_size=batch_size, limit=limit):
            yield {layer: _taken(layer, found, left) for layer, found in calls.items()}
            left -= batch_size


def _taken(layer: str, calls: list[Tensor], count: int) -> Tensor:
    """Return the outputs of all calls side by side, of at most `count` images, and forget them."""
    if not calls:
        raise _never_called(layer)
    found = torch.cat(calls, dim=1) if len(calls) > 1 else calls[0]
    calls.clear()
    return found[:count]


def _never_called(layer: str) -> UsageError:
    return UsageError(f"layer {layer!r} is never called", fix="name another layer")


def layer_sizes(model: nn.Module, layers: Sequence[str], split: Split) -> dict[str, int]:
    """Return the number of features of each layer, from one image."""
    found = next(layer_batches(model, layers, split, images=1, batch_size=1), None)
    if found is None:
        raise UsageError("there is no image for a layer's features", fix="give a split with at least one image")
    return {layer: features.shape[1] for layer, features in found.items()}


def match_layers(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Return the names of the modules of `model` that match any of `patterns`, in model order.

    A pattern with `*`, `?` or `[` is every module without children that it matches: `*` is every layer.

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
            raise UsageError(f"no layer of the model matches {pattern!r}", fix=f"the nearest names: {', '.join(near)}")
        chosen.update(found)
    return [name for name in modules if name in chosen]
