"""Measurements on a device as they are commonly written: what the rows compare with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.data.memory import InMemorySplit

    Batch = tuple[Tensor, Tensor]


@contextmanager
def exactly(*, tf32: bool = False) -> Iterator[None]:
    """Keep TF32 out of convolutions and products, or let it in as torch does for convolutions by default."""
    before = (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def point(
    work: nn.Module, first: nn.Module, second: nn.Module, split: InMemorySplit, *, t: float, batch_size: int
) -> tuple[float, float]:
    """Return loss and error of (1 − t) first + t second, with BatchNorm re-estimated, the mean over images."""
    one, two = first.state_dict(), second.state_dict()
    mixed = {name: (1 - t) * one[name] + t * two[name] for name in one if one[name].is_floating_point()}
    work.load_state_dict(one | mixed)
    norms = [layer for layer in work.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for layer in norms:
        layer.reset_running_stats()
    work.train()
    seen = 0
    with torch.no_grad():
        for images, _ in split.batches(batch_size):
            seen += len(images)
            for layer in norms:
                layer.momentum = len(images) / seen
            work(images)
    return evaluate(work, split, batch_size=batch_size)


def evaluate(model: nn.Module, split: InMemorySplit, *, batch_size: int) -> tuple[float, float]:
    """Return the mean loss and the error, a number fetched for every batch."""
    model.eval()
    total, wrong = 0.0, 0
    with torch.no_grad():
        for images, labels in split.batches(batch_size):
            logits = model(images)
            total += cross_entropy(logits, labels, reduction="sum").item()
            wrong += int((logits.argmax(1) != labels).sum().item())
    return total / len(split), wrong / len(split)


def layer_cka(
    first: nn.Module, second: nn.Module, layer: str, split: InMemorySplit, *, images: int, batch_size: int
) -> float:
    """Return CKA of one layer by centred Gram matrices in float64 (Kornblith et al. 2019)."""
    one, two = (_gram(model, layer, split, images=images, batch_size=batch_size) for model in (first, second))
    return ((one * two).sum() / torch.sqrt((one * one).sum() * (two * two).sum())).item()


def _gram(model: nn.Module, layer: str, split: InMemorySplit, *, images: int, batch_size: int) -> Tensor:
    found: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _m, _i, out: found.append(out.flatten(1).clone()))
    with torch.no_grad():
        for batch, _ in split.batches(batch_size, limit=-(-images // batch_size)):
            model(batch)
    handle.remove()
    features = torch.cat(found)[:images]
    matrix = torch.zeros(len(features), len(features), dtype=torch.float64, device=features.device)
    for columns in features.split(1 << 15, dim=1):  # the float64 copy of all would not fit
        exact = columns.double()
        exact = exact - exact.mean(0)
        matrix += exact @ exact.T
    return matrix


def hessian_draws(model: nn.Module, batches: Sequence[Batch], *, draws: int) -> list[float]:
    """Return vᵀ H v for random signs v as PyHessian computes it: every graph anew, one vector for all batches."""
    parameters = list(model.parameters())
    total = sum(len(labels) for _, labels in batches)
    found = []
    for _ in range(draws):
        signs = [torch.randint_like(weight, high=2) * 2 - 1 for weight in parameters]
        sums = [torch.zeros_like(weight) for weight in parameters]
        for images, labels in batches:
            loss = cross_entropy(model(images), labels)
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            products = torch.autograd.grad(gradients, parameters, grad_outputs=signs)
            sums = [have + more * len(labels) / total for have, more in zip(sums, products, strict=True)]
        found.append(sum((one * other).sum().item() for one, other in zip(sums, signs, strict=True)))
    return found
