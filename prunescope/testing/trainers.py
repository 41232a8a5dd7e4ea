"""Checks a trainer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope import masks
from prunescope.api import Trainer
from prunescope.checks import check_epoch
from prunescope.testing import state
from prunescope.testing.plugin import accepted, check_plugin, require, seeded, title
from prunescope.testing.toys import toy_data, toy_mask, toy_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask


@dataclass(frozen=True)
class Fit:
    """How a fit of the toy model ended."""

    weights: state.Snapshot
    error: float
    """Top-1 error on the training data in eval mode, fraction in [0, 1]."""


def check_trainer(trainer: Trainer, *, data: Data | None = None, density: float = 0.2, learns: bool = True) -> None:
    """Check a trainer on the toy model, dense and pruned: give it options of a few epochs.

    It yields its epochs in order; masked weights are zero at every yield; the weights follow from the seed, and not
    from what the caller does to the model's mode between epochs; another seed gives others. learns: it must get the
    error on the training data below half of that of guessing.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(trainer, Trainer)
    who, data = title(trainer), data or toy_data()
    passes = trainer.passes(train=1000)
    require(
        math.isfinite(passes) and passes > 0, f"{who}.passes(train=1000) is {passes}, wanted a finite number above 0"
    )
    mask = toy_mask(_model(data), density)
    dense, pruned = _fit(trainer, data, seed=0), _fit(trainer, data, mask=mask, seed=0)
    changed = state.changed(pruned.weights, _fit(trainer, data, mask=mask, seed=0).weights)
    require(not changed, f"{who} is not reproducible: {changed} differs for the same seed")
    require(
        not state.changed(dense.weights, _fit(trainer, data, seed=0, disturb=True).weights),
        f"{who} depends on the model's mode between epochs: call model.train() when an epoch begins",
    )
    other = _fit(trainer, data, mask=mask, seed=1)
    require(
        bool(state.changed(pruned.weights, other.weights)), f"{who} ignores the seed: another gives the same weights"
    )
    guessing = 1 - 1 / data.num_classes
    require(
        not learns or dense.error < guessing / 2,
        f"{who} learns nothing: error {dense.error:.2f} on the training data, guessing has {guessing:.2f}",
    )


def _fit(trainer: Trainer, data: Data, *, seed: int, mask: Mask | None = None, disturb: bool = False) -> Fit:
    who, model, epochs = title(trainer), _model(data), []
    if mask is not None:
        masks.apply(model, mask)
    start, kept, before = _tensors(model), state.of_mask(mask), state.of_data(data)
    with seeded(seed), accepted():
        for epoch in trainer.fit(model, data, mask=mask, seed=seed):
            epochs.append(check_epoch(who, epoch))
            if mask is not None:
                masks.audit(model, mask, who=who)
            if disturb:
                model.eval()
    _check_epochs(who, epochs)
    trained = any(not torch.equal(weight, start[name]) for name, weight in model.named_parameters())  # type: ignore[arg-type]
    require(trained, f"{who} does not train: all weights are as before")
    changed = state.changed(kept, state.of_mask(mask)) or state.changed(before, state.of_data(data))
    require(not changed, f"{who} changes {changed}")
    return Fit(_tensors(model), _error(model, data))


def _check_epochs(who: str, epochs: Sequence[Epoch]) -> None:
    numbers = [epoch.number for epoch in epochs]
    wanted = list(range(1, len(epochs) + 1))
    require(bool(epochs) and numbers == wanted, f"{who} yields the epochs {numbers}, wanted 1, 2, ... without a gap")
    announced = {epoch.of for epoch in epochs}
    require(announced == {len(epochs)}, f"{who} yields {len(epochs)} epochs but announces {sorted(announced)}")
    for epoch in epochs:
        require(
            math.isfinite(epoch.learning_rate) and epoch.learning_rate >= 0,
            f"{who}: the learning rate of epoch {epoch.number} is {epoch.learning_rate}",
        )
        require(
            0 <= epoch.train_error <= 1,
            f"{who}: the training error of epoch {epoch.number} is {epoch.train_error}, wanted a fraction in [0, 1]",
        )


def _model(data: Data) -> nn.Module:
    return toy_model(num_classes=data.num_classes, in_chans=data.in_chans).train()


def _tensors(model: nn.Module) -> state.Snapshot:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _error(model: nn.Module, data: Data) -> float:
    model.eval()
    with torch.inference_mode():
        wrong = sum(int((model(images).argmax(1) != labels).sum()) for images, labels in data.train.batches(64))
    return wrong / len(data.train)
