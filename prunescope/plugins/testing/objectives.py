"""Checks an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import Objective
from prunescope.api.wording import count_text
from prunescope.plugins.testing.plugin import require

if TYPE_CHECKING:
    from torch import Tensor


def check_objective(objective: Objective, outputs: Tensor, targets: Tensor) -> None:
    """Check an objective on a batch of four examples or more that differ from each other.

    Each example counts by itself, errors lie in [0, 1], a network has no error on its own predictions, losses have a
    gradient, and what may be left out fits together.

    Raises:
        AssertionError: what is wrong.
    """
    who = type(objective).__name__
    if not isinstance(objective, Objective):
        raise AssertionError(f"{who} is not a prunescope.api.Objective")  # noqa: TRY004 - a check
    require(len(outputs) >= 4, f"{who}: {count_text(len(outputs), 'example')}, wanted 4 or more to compare")
    require(" at 0x" not in objective.identity, f"{who}: its options show no value: make them plain values")
    before = outputs.clone(), targets.clone()
    _check_losses(who, objective, outputs, targets)
    _check_errors(who, objective, outputs, targets)
    _check_representation(who, objective, outputs)
    chance = objective.chance(targets)
    require(chance is None or 0 <= chance <= 1, f"{who}: chance is {chance}, wanted a number in [0, 1]")
    require(objective.smoothed(0.0) == objective, f"{who}: smoothed(0) is another objective")
    same = torch.equal(outputs, before[0]) and torch.equal(targets, before[1])
    require(same, f"{who} changes outputs or targets in place")


def _check_losses(who: str, objective: Objective, outputs: Tensor, targets: Tensor) -> None:
    wide = outputs.detach().clone().requires_grad_()
    losses = objective.losses(wide, targets)
    require(losses.shape == (len(outputs),), f"{who}: losses of shape {tuple(losses.shape)}, wanted {(len(outputs),)}")
    require(bool(losses.isfinite().all()), f"{who}: losses are not finite")
    some = torch.tensor([2, 0])
    alone = objective.losses(outputs[some], targets[some])
    require(torch.allclose(alone, losses[some], atol=1e-5), f"{who}: a loss depends on the other examples of the batch")
    require(losses.requires_grad, f"{who}: losses have no gradient")
    (gradient,) = torch.autograd.grad(losses.sum(), wide)
    require(bool(gradient.any()), f"{who}: the gradient of the losses is zero")
    mean = objective.mean_loss(outputs, targets)
    require(mean.dim() == 0 and torch.allclose(mean, losses.mean(), rtol=1e-4), f"{who}: mean_loss is not the mean")


def _check_errors(who: str, objective: Objective, outputs: Tensor, targets: Tensor) -> None:
    every = objective.all_errors(outputs, targets)
    require(set(every) == set(objective.error_names), f"{who}: all_errors and error_names have other names")
    require("error" in every, f'{who}: all_errors has no "error"')
    for name, errors in every.items():
        require(errors.shape == (len(outputs),), f"{who}: {name} of shape {tuple(errors.shape)}")
        inside = bool(((errors >= 0) & (errors <= 1)).all())
        require(inside, f"{who}: {name} from {float(errors.min()):g} to {float(errors.max()):g}, wanted [0, 1]")
    errors = objective.errors(outputs, targets)
    require(torch.equal(every["error"], errors), f'{who}: errors are not the "error" of all_errors')
    own = objective.errors(outputs, objective.predictions(outputs))
    require(not own.any(), f"{who}: the error of a network on its own predictions is not 0")


def _check_representation(who: str, objective: Objective, outputs: Tensor) -> None:
    rows = objective.representation(outputs)
    fits = rows.dtype == torch.float64 and rows.dim() == 2 and len(rows) == len(outputs)
    require(fits, f"{who}: representation {rows.dtype} of shape {tuple(rows.shape)}, wanted float64 (batch, features)")
    found = objective.distributions(outputs)
    if found is not None:
        sums = found.sum(-1)
        require(torch.allclose(sums, torch.ones_like(sums)), f"{who}: distributions do not add up to 1")
