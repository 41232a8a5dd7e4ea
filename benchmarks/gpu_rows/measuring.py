"""Measurements on a GPU: linear mode connectivity, errors, and CKA of all layers."""

from __future__ import annotations

import copy
import statistics
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import timm
import torch
from gpu_rows import plainly
from gpu_rows.row import GpuRow

from prunescope.api import Data, Replica
from prunescope.data.memory import InMemorySplit
from prunescope.landscape.connectivity import lines
from prunescope.landscape.evaluate import outcomes
from prunescope.landscape.features import layer_sizes, match_layers
from prunescope.landscape.flops import layer_flops
from prunescope.landscape.probes.cka import Cka
from prunescope.networks import models

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_rows.row import Scale
    from torch import nn

REPLICAS, POINTS = 3, 11
ROUNDS = 3


def rows(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by a name of it."""
    return {
        "lmc-preresnet20": lambda: _connectivity(
            scale,
            "preresnet8" if scale.tiny else "preresnet20",
            size=scale.of(32, 8),
            images=20_000,
            batch=scale.of(128, 8),
            goal=(2, 3),
        ),
        "lmc-preresnet8-and-errors": lambda: [
            *_connectivity(scale, "preresnet8", size=8, images=2_000, batch=scale.of(32, 8), goal=(5, 12), width=0.5),
            _errors(scale),
        ],
        "cka-resnet50": lambda: [_similarity(scale)],
    }


def random_split(scale: Scale, *, images: int, size: int, classes: int = 10) -> InMemorySplit:
    """Return random images with random labels, on the device."""
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, size, size), dtype=torch.uint8, generator=draw)
    labels = torch.randint(classes, (images,), generator=draw)
    split = InMemorySplit(
        images=pixels.contiguous(memory_format=torch.channels_last), labels=labels, mean=(0.5,) * 3, std=(0.25,) * 3
    )
    return split.to(scale.device)


def networks(scale: Scale, name: str, *, size: int, width: float = 1.0, count: int = REPLICAS) -> list[nn.Module]:
    """Return small networks with random weights, on the device, in eval mode."""
    options = {} if width == 1 else {"width": width}
    spec = models.ModelSpec(name=name, num_classes=10, in_chans=3, image_size=(size, size), options=options)
    return [models.create(spec, seed=seed).to(scale.device).eval() for seed in range(count)]


def _connectivity(
    scale: Scale, name: str, *, size: int, images: int, batch: int, goal: tuple[float, float], width: float = 1.0
) -> list[GpuRow]:
    """Time all lines between replicas; two points of the plain variant stand for the 33 that it evaluates."""
    replicas = networks(scale, name, size=size, width=width)
    checked = _check_connectivity(scale, replicas, size=size, batch=batch)
    split = random_split(scale, images=scale.of(images, 3 * batch), size=size)
    along = scale.of(POINTS, 3)
    points = comb(REPLICAS, 2) * along
    work = networks(scale, name, size=size, width=width, count=1)[0]

    def ours() -> object:
        return list(lines(replicas, split, points=along, batch_size=batch))

    def plain() -> object:
        return [plainly.point(work, *replicas[:2], split, t=t, batch_size=batch) for t in (0.3, 0.6)]

    mine = [scale.clock(ours) for _ in range(2 if size > 8 else ROUNDS)]
    theirs = {}
    for tf32 in (True, False):
        with plainly.exactly(tf32=tf32):
            plain()
            theirs[tf32] = [scale.clock(plain) / 2 * points] * len(mine)
    one = sum(
        layer.dense for layer in layer_flops(replicas[0], torch.zeros(1, 3, size, size, device=scale.device)).values()
    )
    operations = 2 * one * len(split) * (REPLICAS + comb(REPLICAS, 2) * (along - 2))
    title = (
        f"LMC, {name}{'' if width == 1 else f' (width {width})'} on {size}x{size}, {REPLICAS} replicas, {along} points"
    )
    common = {
        "workload": f"{title}, {len(split):,} images, batches of {batch}",
        "seconds": tuple(mine),
        "checked": checked,
        "share": operations / min(mine) / scale.limits.float32,
        "limit": "float32 products",
    }
    return [
        GpuRow(
            against="plain, TF32 in its convolutions (torch's default)",
            ratios=_ratios(theirs[True], mine),
            least=goal[0],
            aim=goal[1],
            note="two points of the plain variant timed",
            **common,
        ),
        GpuRow(against="plain, float32 throughout", ratios=_ratios(theirs[False], mine), **common),
    ]


def _check_connectivity(scale: Scale, replicas: Sequence[nn.Module], *, size: int, batch: int) -> str:
    """Compare every point of the lines with the plain variant, on a few batches of which the last is short."""
    split = random_split(scale, images=scale.of(7, 2) * batch + batch // 2, size=size)
    found = list(lines(replicas, split, points=3, batch_size=batch))
    work = copy.deepcopy(replicas[0])
    worst, points = 0.0, 0
    for line, pair in zip(found, combinations(replicas, 2), strict=True):
        for place, mine in enumerate(line.train):
            with plainly.exactly():
                loss, wrong = plainly.point(work, *pair, split, t=place / 2, batch_size=batch)
            worst = max(worst, abs(float(mine.loss.double().mean()) / loss - 1))
            # One image whose two largest logits are equal to rounding may fall on either side.
            assert abs(float(mine.error.double().mean()) - wrong) * len(split) <= 1, (place, wrong)  # noqa: S101
            points += 1
    assert worst < 1e-5, worst  # noqa: S101 - the benchmark's own check
    return f"errors of {points} points, losses to {worst:.0e}"


def _errors(scale: Scale) -> GpuRow:
    """Time the evaluation of one network."""
    size, batch = scale.of(32, 8), scale.of(256, 16)
    model = networks(scale, "preresnet8" if scale.tiny else "preresnet20", size=size, count=1)[0]
    split = random_split(scale, images=scale.of(20_000, 300), size=size)
    found = outcomes(model, split, batch_size=batch)
    with plainly.exactly():
        loss, wrong = plainly.evaluate(model, split, batch_size=batch)
    error = abs(float(found.loss.double().mean()) / loss - 1)
    assert error < 1e-5, error  # noqa: S101 - the benchmark's own check
    assert abs(float(found.error.double().mean()) - wrong) * len(split) <= 1  # noqa: S101
    with plainly.exactly(tf32=True):
        mine, theirs = _in_turn(
            scale,
            lambda: outcomes(model, split, batch_size=batch),
            lambda: plainly.evaluate(model, split, batch_size=batch),
        )
    return GpuRow(
        workload=f"errors of preresnet20 on {size}x{size}, {len(split):,} images, batches of {batch}",
        against="plain, TF32 in its convolutions (torch's default)",
        ratios=_ratios(theirs, mine),
        seconds=tuple(mine),
        checked=f"error, loss to {error:.0e}",
    )


def _similarity(scale: Scale) -> GpuRow:
    """Time CKA of all layers of two replicas; a few layers of the plain variant stand for all."""
    images, size = scale.of(2_000, 9), scale.of(224, 32)
    name = "resnet10t" if scale.tiny else "resnet50"
    torch.manual_seed(0)
    pair = [timm.create_model(name, num_classes=10).to(scale.device).eval() for _ in range(2)]
    split = random_split(scale, images=images, size=size)
    layers = match_layers(pair[0], ["*"])
    some = layers[5 :: -(-len(layers) // scale.of(6, 2))]
    data = Data(
        name="random",
        train=split,
        test=split,
        num_classes=10,
        in_chans=3,
        image_size=(size, size),
        fingerprint="random",
    )
    probe, replicas = Cka(layers=("*",), images=images), [Replica(model=model) for model in pair]
    Cka(layers=(layers[-1],), images=min(images, 256)).measure(replicas, data, seed=0)  # libraries are loaded
    found: dict[str, object] = {}
    mine = scale.clock(lambda: found.update(probe.measure(replicas, data, seed=0)))
    seconds, worst = [], 0.0
    with plainly.exactly():
        plainly.layer_cka(*pair, some[-1], split, images=min(images, 256), batch_size=256)
        for layer in some:
            wanted: list[float] = []

            def plain(layer: str = layer, wanted: list[float] = wanted) -> None:
                wanted.append(plainly.layer_cka(*pair, layer, split, images=images, batch_size=256))

            seconds.append(scale.clock(plain))
            worst = max(worst, abs(float(found[f"layer.{layer}"].value[0]) - wanted[0]))
    assert worst < 1e-6, worst  # noqa: S101 - the benchmark's own check
    features = sum(layer_sizes(pair[0], layers, split).values())
    return GpuRow(
        workload=f"CKA of all {len(layers)} layers of {name} on {size}x{size}, two replicas, n = {images:,}",
        against="plain: a pass for each layer, Gram matrices in float64",
        ratios=(statistics.fmean(seconds) * len(layers) / mine,),
        seconds=(mine,),
        checked=f"{len(some)} layers to {worst:.0e}",
        share=2 * features * images**2 / mine / scale.limits.float64,
        limit="float64 products",
        least=3,
        aim=6,
        note=f"{len(some)} layers of the plain variant timed, and the time of all taken from their mean",
    )


def _in_turn(scale: Scale, *variants: Callable[[], object]) -> list[list[float]]:
    """Time variants in turn, after a round that is not counted."""
    seconds: list[list[float]] = [[] for _ in variants]
    for number in range(ROUNDS + 1):
        for kept, run in zip(seconds, variants, strict=True):
            took = scale.clock(run)
            if number:
                kept.append(took)
    return seconds


def _ratios(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, ...]:
    return tuple(one / other for one, other in zip(slow, fast, strict=True))
