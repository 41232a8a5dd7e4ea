"""Whether to group models, and how many at a time: what is fastest, known from sizes alone.

A stop-watch would choose otherwise on a busy machine, and with the choice the last bits of a result would change from
one run to the next. The rule here looks at the model, the shape of a batch and the kind of device only. Its constants
were measured: on AVX512 cores (`nox -s bench`) a tiny network gains until the features of all K models in one layer
outgrow the cache, and nothing more after a dozen. A GPU has no such cache, and each of its kernels costs some
microseconds however little it does: there K models cost little more than one until their kernels are long, and what
ends K is memory (benchmarks/bench_gpu.py).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from prunescope.api.room import scaled_bytes
from prunescope.networks.grouped.grouping import supports

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_GROUPED = 12
"""Models at a time beyond which nothing is gained."""

MOST_TRAINED = 6
"""The same for training, which keeps the features of every layer: what twelve gain over six is not worth the memory,
and more groups keep more processes busy."""

MOST_TRAINED_ON_GPU = 64
"""The same on a GPU: PreResNet-8 of half the width gains 2.1 times from 12 to 48 models (H200)."""

TRAINED_BYTES = 1 << 32
"""What training may keep on a GPU, for all models together."""

KEPT = 1.5
"""What training keeps of an image, over the outputs of all layers: gradients, and what functions keep."""

FEATURE_BYTES = 1 << 21
"""What the largest features of all models together may occupy."""

PIECE_BYTES = 1 << 21
"""What the features of a piece of a batch may occupy in one layer."""

DEVICE_BYTES = 1 << 28
"""The same where there is no such cache."""

BUSY_BYTES = 1 << 29
"""The largest features of all images that keep a GPU busy by themselves: it then gains nothing from groups."""

WEIGHTS = 1 << 20
"""Parameters of a network that is tiny."""


def group_size(model: nn.Module, batch: tuple[int, ...], *, copies: int, supported: bool | None = None) -> int:
    """Return how many of `copies` models to run at a time on batches of shape (images, channels, height, width).

    1: one by one, because the model cannot be grouped, is not tiny, or its features fill the cache alone. Otherwise the
    copies are divided evenly into as few groups as possible. One image is sent through a copy of the model in eval
    mode to see its features. supported: whether it can be grouped, where that is known.
    """
    if copies < 2 or not tiny(model) or not (supports(model) if supported is None else supported):
        return 1
    return _evenly(copies, _fitting(model, batch, most=MOST_GROUPED))


def training_group(model: nn.Module, batch: tuple[int, ...], *, device: str = "cpu") -> int:
    """Return how many models like `model` to train at a time on batches of this shape, the number of examples first.

    1: one by one, because the model or its inputs cannot be grouped in train mode (active dropout; sequences), it is
    not tiny, or its features fill the cache, or a GPU's memory, alone. device: its kind, "cpu" or "cuda"; others are
    taken as a CPU.
    """
    if not takes(batch) or not tiny(model) or not supports(copy.deepcopy(model).train()):
        return 1
    if device != "cuda":
        return _fitting(model, batch, most=MOST_TRAINED)
    kept = KEPT * batch[0] * sum(layer_bytes(model, batch[1:]))
    return max(1, min(MOST_TRAINED_ON_GPU, int(TRAINED_BYTES / max(1.0, kept))))


def _fitting(model: nn.Module, batch: tuple[int, ...], *, most: int) -> int:
    return max(1, min(most, FEATURE_BYTES // max(1, batch[0] * feature_bytes(model, batch[1:]))))


def points_at_once(model: nn.Module, image: tuple[int, ...], *, images: int, batch: int, copies: int) -> int:
    """Return how many of `copies` models that can be grouped to evaluate at a time on so many images.

    batch: in which BatchNorm is re-estimated. On a CPU that of `group_size`; where batches go through the layers side
    by side, so many that their features keep the device busy.
    """
    if not by_launches(next(model.parameters()).device):
        return group_size(model, (min(batch, images), *image), copies=copies, supported=True)
    return _evenly(copies, min(MOST_GROUPED, scaled_bytes(BUSY_BYTES) // max(1, images * feature_bytes(model, image))))


def _evenly(copies: int, most: int) -> int:
    """Divide the copies evenly into as few groups as possible.

    >>> _evenly(30, 12), _evenly(30, 0)
    (10, 1)
    """
    return -(-copies // -(-copies // max(1, most)))


def piece_size(model: nn.Module, image: tuple[int, ...], *, copies: int) -> int:
    """Return how many images to send through the layers of `copies` models at a time, where the number does not matter.

    So many that the largest features of one layer stay in the cache; on other devices than the CPU a few hundred times
    as many, since there calls cost more than memory.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    room = scaled_bytes(PIECE_BYTES if on_cpu else DEVICE_BYTES)
    return max(1, room // (copies * max(1, feature_bytes(model, image))))


def takes(batch: tuple[int, ...]) -> bool:
    """Whether grouped layers take inputs of this shape: images (batch, channels, height, width) or rows (batch, n).

    >>> takes((8, 3, 32, 32)), takes((8, 20)), takes((8, 16, 20))
    (True, True, False)
    """
    return len(batch) in (2, 4)


def by_launches(device: torch.device) -> bool:
    """Whether the time of a small step on a device is that of launching it: on all but CPUs.

    There, many batches go through the layers at once, in NCHW, and nothing is copied to the host before the end.
    """
    return device.type != "cpu"


def tiny(model: nn.Module) -> bool:
    """Whether a network is small enough for grouping to be worth a look."""
    return sum(parameter.numel() for parameter in model.parameters()) <= WEIGHTS


def feature_bytes(model: nn.Module, image: tuple[int, ...]) -> int:
    """Return the size of the largest output of any layer for one image, in bytes.

    >>> feature_bytes(torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU()), (1, 8, 8)) == 6 * 6 * 6 * 4
    True
    """
    return max((size for _, size in _outputs(model, image)), default=0)


def layer_bytes(model: nn.Module, image: tuple[int, ...]) -> list[int]:
    """Return the size of the output of every layer that consists of no others, for one image, in bytes.

    >>> layer_bytes(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 5)), (1, 3, 3))
    [36, 20]
    """
    return [size for layer, size in _outputs(model, image) if next(layer.children(), None) is None]


def _outputs(model: nn.Module, image: tuple[int, ...]) -> list[tuple[nn.Module, int]]:
    """Return the size in bytes of what each layer returns for one image, in the order of the calls."""
    work = copy.deepcopy(model).eval()
    found: list[tuple[nn.Module, int]] = []

    def see(layer: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        del inputs
        if isinstance(output, torch.Tensor):
            found.append((layer, output.numel() * output.element_size()))

    for layer in work.modules():
        layer.register_forward_hook(see)
    weight = next(work.parameters())
    with torch.inference_mode():
        work(torch.zeros((1, *image), dtype=weight.dtype, device=weight.device))
    return found
