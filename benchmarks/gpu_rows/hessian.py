"""The Hessian's trace on a GPU: to a standard error of 1 %, and to an equal standard error, against PyHessian."""

from __future__ import annotations

import statistics
import warnings
from typing import TYPE_CHECKING

import timm
import torch
from gpu_rows import plainly
from gpu_rows.row import GpuRow

from prunescope.data.datasets import Patches
from prunescope.landscape.exact_trace import exact_trace
from prunescope.landscape.hessian import weights
from prunescope.landscape.hutchinson import rademacher, trace
from prunescope.landscape.operator import operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_rows.row import Scale
    from torch import Tensor, nn

    from prunescope.landscape.estimate import Estimate

ROUNDS = 2

WANTED = 0.01
"""Standard error / trace that the peer draws for where prunescope's is exact."""

FAR = 6
"""Standard errors between two estimates of one trace that are no accident."""


def rows(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by a name of it."""
    return {"hessian-resnet18": lambda: _traces(scale)}


def _traces(scale: Scale) -> list[GpuRow]:
    """Time the exact trace, and the estimate by random vectors, against PyHessian's way."""
    batches, model = _trained(scale)
    at, draw = weights(model), torch.Generator().manual_seed(7)
    multiply = operator(model, at, batches)
    vectors = [rademacher(at.size, generator=draw, device=scale.device) for _ in range(scale.of(32, 4))]
    shared = [float(vector @ multiply(vector)) for vector in vectors]
    draws, plain = scale.of(2, 1), []
    name, theirs_of = _peer(scale, model, batches)
    theirs_of(1)
    theirs = [scale.clock(lambda: plain.extend(theirs_of(draws))) / draws for _ in range(ROUNDS)]
    exact_trace(model, batches[:1])  # libraries are loaded
    exact: list[Estimate] = []
    mine = [scale.clock(lambda: exact.append(exact_trace(model, batches).estimate)) for _ in theirs]
    drawn: list[Estimate] = []
    size = {"vectors": scale.of(16, 2), "sketch": scale.of(8, 1)}

    def draw_ours() -> None:
        drawn.append(trace(model, batches, generator=torch.Generator().manual_seed(1), **size).estimate)

    with_vectors = scale.clock(draw_ours)  # once: an earlier run has measured it
    value, single = exact[-1].value, statistics.variance(shared)
    checked = _check(scale, value, drawn, {"its products": shared, "the peer": plain})
    variance = statistics.fmean(one.stderr**2 for one in drawn)
    needed = single / (WANTED * value) ** 2
    workload = f"Hessian trace, ResNet-18 on 32x32, {len(batches)} batches of {len(batches[0][1])}"
    return [
        GpuRow(
            workload=f"{workload}, exact",
            against=f"{name}, to a standard error of {WANTED:.0%}",
            ratios=tuple(slow * needed / fast for slow, fast in zip(theirs, mine, strict=True)),
            seconds=tuple(mine),
            checked=checked,
            least=10,
            aim=50,
            note=f"the peer takes {statistics.fmean(theirs):.3g} s for one draw and needs {needed:.0f}",
        ),
        GpuRow(
            workload=f"{workload}, {size['vectors']} vectors and a sketch of {size['sketch']} for each batch",
            against=f"{name}, to an equal standard error",
            ratios=(statistics.fmean(theirs) * single / (with_vectors * variance),),
            seconds=(with_vectors,),
            checked=checked,
            note="seconds x variance",
        ),
    ]


def _trained(scale: Scale) -> tuple[list[tuple[Tensor, Tensor]], nn.Module]:
    """Return batches of images that can be learned, and a network that has learned them."""
    size, count = scale.of(64, 4), scale.of(16, 2)
    pixels = scale.of(32, 8)
    data = Patches(size=pixels, images=size * count, test_images=8).load()
    split = data.train.to(scale.device)
    batches = [(images.contiguous(), labels) for images, labels in split.batches(size)]
    torch.manual_seed(0)
    model = timm.create_model("preresnet8" if scale.tiny else "resnet18", num_classes=10).to(scale.device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    for _ in range(scale.of(15, 1)):
        for images, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    optimizer.zero_grad()
    return batches, model.eval()


def _peer(
    scale: Scale, model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]
) -> tuple[str, Callable[[int], list[float]]]:
    """Return PyHessian where it is installed, else the same arithmetic."""
    try:
        from pyhessian import hessian
    except ImportError:
        return "PyHessian's loop", lambda draws: plainly.hessian_draws(model, batches, draws=draws)
    warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")

    def draws(count: int) -> list[float]:
        cuda = scale.device.type == "cuda"
        found: list[float] = hessian(model, torch.nn.CrossEntropyLoss(), dataloader=batches, cuda=cuda).trace(
            maxIter=count, tol=-1.0
        )
        model.zero_grad(set_to_none=True)
        return [float(one) for one in found]

    return "PyHessian", draws


def _check(scale: Scale, value: float, drawn: Sequence[Estimate], draws: dict[str, Sequence[float]]) -> str:
    """Compare the exact trace with what random vectors give: beyond 6 standard errors is no accident."""
    single = statistics.stdev(draws["its products"])
    far = {f"{one.value} ± {one.stderr}": abs(one.value - value) / one.stderr for one in drawn}
    far |= {
        f"{name}: {statistics.fmean(found)}": abs(statistics.fmean(found) - value) / (single / len(found) ** 0.5)
        for name, found in draws.items()
    }
    for words, errors in far.items():
        if not scale.tiny and not errors < FAR:
            raise SystemExit(f"{words}, not {value}")
    found, peer = drawn[-1], statistics.fmean(draws["the peer"])
    return f"{value:.6g}; with vectors {found.value:.4g} ± {found.stderr:.2g}; draws of the peer {peer:.4g}"
