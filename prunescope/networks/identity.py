"""What a network of one's own computes, and the code it is made of, as digests: a name says neither.

The first digest is of its outputs on fixed inputs, at fixed weights. The second is of what outputs do not show: the
source of its function and classes, and its fresh weights.
"""

from __future__ import annotations

import copy
import hashlib
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prunescope.api.source_text import class_text, function_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DIGITS = 12

SEED = 20_231

SIDES = (64, 32, 28, 8, 16, 96, 128, 224, 299)
"""Sides of square images to try, in pixels, where those of the data are not known or are large."""

UNKNOWN = "0" * DIGITS
"""In place of the digest of outputs that cannot be computed on the CPU, or that differ from call to call."""


def digest_behaviour(model: nn.Module, shape: tuple[int, ...]) -> str:
    """Return a digest of what a network computes in eval and in train mode, whatever its weights; UNKNOWN if nothing.

    shape: of one input, such as (channels, height, width). Weights are replaced in a copy by fixed numbers, computing
    is in float64 on the CPU, and outputs are rounded to five digits, so that every machine returns one digest.
    """
    with torch.random.fork_rng():
        for dtype, digits in ((torch.float64, 5), (torch.float32, 2)):
            for inputs in fixed_inputs(shape, dtype):
                found = [_outputs(_with_fixed_weights(model, dtype), inputs, digits) for _ in range(2)]
                if found[0]:
                    return _digest(found[0]) if found[0] == found[1] else UNKNOWN
    return UNKNOWN


def digest_source(model: nn.Module, factory: Callable[..., object] | None = None) -> str:
    """Return a digest of the source of a network's function and classes, of its layers and of its fresh weights."""
    own = [] if factory is None else [function_text(factory)]
    weights = [f"{value.double().mean():.4g} {value.double().std(correction=0):.4g}" for value in model.parameters()]
    return _digest([*own, *layer_sources(model), repr(model), *weights])


def layer_sources(model: nn.Module) -> list[str]:
    """Return names and sources of the classes of a network's layers, sorted: another `forward` is another network."""
    return sorted({class_text(type(part)) for part in model.modules()})


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


# ---- what it computes ---------------------------------------------------------------------------------------------


def fixed_inputs(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[Tensor]:
    """Yield batches of two inputs, the likeliest first: numbers, then token ids 0 and 1."""
    shapes = [shape]
    if len(shape) == 3:
        sides = [(shape[0], side, side) for side in SIDES]
        shapes = [shape, *sides] if max(shape[1:]) <= SIDES[0] else [sides[0], shape, *sides[1:]]
    for each in dict.fromkeys(shapes):
        yield torch.randn(2, *each, generator=_generator(), dtype=dtype)
    yield torch.randint(0, 2, (2, *shape), generator=_generator())


def _with_fixed_weights(model: nn.Module, dtype: torch.dtype) -> nn.Module | None:
    """Return a copy whose weights are fixed numbers and whose norms have seen nothing; None where it has no copy."""
    try:
        work = copy.deepcopy(model).cpu().to(dtype)
    except Exception:  # noqa: BLE001 - whatever a foreign __deepcopy__ raises; `networks.usable` names it
        return None
    generator = _generator()
    for value in work.parameters():
        drawn = torch.randn(value.shape, generator=generator, dtype=dtype)
        fan_in = max(1, value[0].numel()) if value.dim() > 1 else 0
        value.data = drawn / fan_in**0.5 if fan_in else 1 + 0.1 * drawn
    for part in work.modules():
        if isinstance(part, nn.modules.batchnorm._NormBase):  # noqa: SLF001 - the base of every norm with running statistics
            part.reset_running_stats()
    return work


def _outputs(model: nn.Module | None, inputs: Tensor, digits: int) -> list[str]:
    """Return the outputs in eval and in train mode as text; [] where the network does not take such inputs."""
    if model is None:
        return []
    try:
        return [*_called(model.eval(), inputs, digits), *_called(model.train(), inputs, digits)]
    except Exception:  # noqa: BLE001 - whatever a foreign forward raises: inputs of another shape are next
        return []


def _called(model: nn.Module, inputs: Tensor, digits: int) -> list[str]:
    torch.default_generator.manual_seed(SEED)
    with torch.no_grad():
        return [_rounded(tensor, digits) for tensor in _tensors(model(inputs.clone()))]


def _rounded(tensor: Tensor, digits: int) -> str:
    values = tensor.double().flatten()
    scale = float(values.abs().max()) if values.numel() else 0.0
    if not 0 < scale < float("inf"):
        return f"{tuple(tensor.shape)} {scale}"
    whole = (values / scale * 10**digits).round().long().tolist()
    return f"{tuple(tensor.shape)} {scale:.{digits - 1}e} {whole}"


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(_tensors, value.values()))
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_tensors, value))


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
