"""Independent slow implementations of what `prunescope.landscape` measures: plain loops, written from the formulas.

They share no code with the package, so that agreement means something.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def interpolated(first: nn.Module, second: nn.Module, t: float) -> nn.Module:
    """A new model with parameters (1 − t) first + t second."""
    model = copy.deepcopy(first)
    state, a, b = model.state_dict(), first.state_dict(), second.state_dict()
    for name, _ in model.named_parameters():
        state[name] = (1 - t) * a[name] + t * b[name]
    model.load_state_dict(state)
    return model


def with_new_statistics(model: nn.Module, split, batch_size: int) -> nn.Module:
    """The mean over images of the statistics of their batches, everything else in eval mode."""
    model.eval()
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    found, images_seen = [], 0
    for norm in norms:
        norm.momentum = 1.0  # the statistics of the last batch alone
        norm.train()
    with torch.no_grad():
        for images, _ in split.batches(batch_size):
            if len(images) > 1:
                model(images)
                found.append(
                    [(len(images) * n.running_mean.double(), len(images) * n.running_var.double()) for n in norms]
                )
                images_seen += len(images)
        for place, norm in enumerate(norms):
            norm.running_mean.copy_(sum(batch[place][0] for batch in found) / images_seen)
            norm.running_var.copy_(sum(batch[place][1] for batch in found) / images_seen)
    return model.eval()


def evaluated(model: nn.Module, split, batch_size: int) -> dict[str, float]:
    """Loss and errors, one image after the other."""
    model.eval()
    loss, wrong, wrong5, n = 0.0, 0, 0, 0
    with torch.no_grad():
        for images, labels in split.batches(batch_size):
            for row, label in zip(model(images), labels.tolist(), strict=True):
                loss += functional.cross_entropy(row[None], torch.tensor([label])).item()
                order = sorted(range(len(row)), key=lambda c: (-row[c].item(), c))
                wrong += order[0] != label
                wrong5 += label not in order[:5]
                n += 1
    return {"loss": loss / n, "error": wrong / n, "error_top5": wrong5 / n}


def path(first, second, *, train, test, points: int = 11, batch_size: int) -> dict[str, list[float]]:
    """Errors and losses on both splits at every t."""
    found: dict[str, list[float]] = {"train_error": [], "train_loss": [], "test_error": [], "test_loss": []}
    for step in range(points):
        model = with_new_statistics(interpolated(first, second, step / (points - 1)), train, batch_size)
        for side, split in (("train", train), ("test", test)):
            values = evaluated(model, split, batch_size)
            found[f"{side}_error"].append(values["error"])
            found[f"{side}_loss"].append(values["loss"])
    return found


def lmc(values: list[float]) -> tuple[float, float, float]:
    """(LMC, barrier, t*) of a path: t* between the ends, ties to the barrier, then to the middle, then both."""
    middle, steps = 0.5 * (values[0] + values[-1]), len(values) - 1
    best, stars = None, []
    for step in range(1, steps):
        key = (round(abs(middle - values[step]), 9), round(values[step], 9), -abs(step - 0.5 * steps))
        if best is None or key > best:
            best, stars = key, [step]
        elif key == best:
            stars.append(step)
    return middle - values[stars[0]], max(values) - middle, sum(stars) / len(stars) / steps


def cka(x: np.ndarray, y: np.ndarray, *, debiased: bool) -> float:
    """CKA by explicit Gram matrices."""
    x, y = (np.asarray(a, dtype=np.float64).reshape(len(a), -1) for a in (x, y))
    hsic = _song if debiased else _gretton
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return hsic(k, l) / math.sqrt(hsic(k, k) * hsic(l, l))


def _gretton(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return float(np.trace((h @ k @ h) @ (h @ l @ h))) / (n - 1) ** 2


def _song(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    n = len(k)
    k, l, ones = k.copy(), l.copy(), np.ones(n)  # noqa: E741
    np.fill_diagonal(k, 0.0)
    np.fill_diagonal(l, 0.0)
    both = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    return float(np.trace(k @ l) + both - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))


def jensen_shannon(p: list[float], q: list[float]) -> float:
    """½ KL(p | m) + ½ KL(q | m), m the mean of p and q."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        m = (a + b) / 2
        total += (a * math.log(a / m) if a > 0 else 0.0) / 2 + (b * math.log(b / m) if b > 0 else 0.0) / 2
    return total


def hessian(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, kept: torch.Tensor | None = None
) -> np.ndarray:
    """Hessian of the mean cross-entropy, row by row by double differentiation; rows and columns `kept` alone."""
    model = copy.deepcopy(model).eval()
    parameters = list(model.parameters())
    loss = functional.cross_entropy(model(images), labels)
    gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, parameters, create_graph=True)])
    rows = []
    for entry in gradient:
        row = torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True)
        row = [torch.zeros_like(p) if r is None else r for r, p in zip(row, parameters, strict=True)]
        rows.append(torch.cat([r.reshape(-1) for r in row]))
    matrix = torch.stack(rows).detach().numpy().astype(np.float64)
    return matrix if kept is None else matrix[np.ix_(kept.numpy(), kept.numpy())]
