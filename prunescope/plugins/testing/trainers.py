"""Checks a trainer."""

from __future__ import annotations

import math
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api import Trainer
from prunescope.api.wording import count_text
from prunescope.networks import masks
from prunescope.plugins.checks import check_epoch
from prunescope.plugins.options import fields
from prunescope.plugins.testing import state
from prunescope.plugins.testing.keeper import EndedError, MemoryKeeper
from prunescope.plugins.testing.plugin import accepted_option, check_plugin, require, seeded_check, title
from prunescope.plugins.testing.toys import toy_data, toy_mask, toy_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask


FLOAT32_ROUNDING = 1e-2
"""How far apart training alone and together may be after an epoch, as a share of how far the weights moved."""


@dataclass(frozen=True)
class CheckedFit:
    """How a fit of the toy model ended."""

    weights: state.Snapshot
    error: float
    """Top-1 error on the training data in eval mode, fraction in [0, 1]."""


def check_trainer(trainer: Trainer, *, data: Data | None = None, density: float = 0.2, learns: bool = True) -> None:
    """Check a trainer on the toy model, dense and pruned: give it options of a few epochs.

    It yields its epochs in order; masked weights are zero at every yield; the weights follow from the seed, and not
    from what the caller does to the model's mode between epochs; another seed gives others. Where it trains several
    models together, each comes out of the first epoch as it does alone. Where it saves its state, a training that is
    ended and resumed ends with the same weights. learns: it must get the error on the training
    data below half of that of guessing.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(trainer, Trainer)
    who, data = title(trainer), data or toy_data()
    passes = trainer.passes(train=1000)
    require(
        math.isfinite(passes) and passes > 0, f"{who}.passes(train=1000) is {passes}, wanted a finite number above 0"
    )
    _check_schedule(who, trainer)
    mask = toy_mask(_model(data), density)
    dense, pruned = _fit_checked(trainer, data, seed=0), _fit_checked(trainer, data, mask=mask, seed=0)
    changed = state.changed_names(pruned.weights, _fit_checked(trainer, data, mask=mask, seed=0).weights)
    require(not changed, f"{who} is not reproducible: {changed} differs for the same seed")
    require(
        not state.changed_names(dense.weights, _fit_checked(trainer, data, seed=0, disturb=True).weights),
        f"{who} depends on the model's mode between epochs: call model.train() when an epoch begins",
    )
    other = _fit_checked(trainer, data, mask=mask, seed=1)
    require(
        bool(state.changed_names(pruned.weights, other.weights)),
        f"{who} ignores the seed: another gives the same weights",
    )
    _check_together(trainer, data, mask)
    _check_resumed(trainer, data, mask, pruned.weights)
    guessing = 1 - 1 / data.num_classes
    require(
        not learns or dense.error < guessing / 2,
        f"{who} does not learn: error {dense.error:.2f} on the training data, chance is {guessing:.2f}",
    )


def _check_schedule(who: str, trainer: Trainer) -> None:
    """Check what a trainer returns for its length and of its learning rate."""
    length, drops = trainer.length(), trainer.drop_epochs()
    require(length is None or length >= 1, f"{who}.length() is {length!r}, wanted None or a whole number from 1")
    require(list(drops) == sorted(drops), f"{who}.drop_epochs() is {drops!r}, wanted rising epochs")
    held, known = trainer.held_rate(total=100), {field.name for field in fields(type(trainer))}
    require(set(held) <= known, f"{who}.held_rate() names {sorted(set(held) - known)}, which are not options of it")


def _fit_checked(
    trainer: Trainer, data: Data, *, seed: int, mask: Mask | None = None, disturb: bool = False
) -> CheckedFit:
    who, model, epochs = title(trainer), _model(data), []
    if mask is not None:
        masks.apply(model, mask)
    start, kept, before = _tensors(model), state.of_mask(mask), state.of_data(data)
    with seeded_check(seed), accepted_option():
        for epoch in trainer.fit(model, data, mask=mask, seed=seed):
            epochs.append(check_epoch(who, epoch))
            if mask is not None:
                masks.audit(model, mask, who=who)
            if disturb:
                model.eval()
    _check_epochs(who, epochs)
    trained = any(not torch.equal(weight, start[name]) for name, weight in model.named_parameters())  # type: ignore[arg-type]
    require(trained, f"{who} does not train: all weights are unchanged")
    changed = state.changed_names(kept, state.of_mask(mask)) or state.changed_names(before, state.of_data(data))
    require(not changed, f"{who} changes {changed}")
    return CheckedFit(_tensors(model), _error(model, data))


def _check_together(trainer: Trainer, data: Data, mask: Mask) -> None:
    """Compare the weights after the first epoch with those of training alone: later, rounding has grown."""
    who, most = title(trainer), trainer.together(_model(data), data)
    require(isinstance(most, int) and most >= 1, f"{who}.together returns {most!r}, wanted a whole number from 1")
    if most < 2:
        return
    kept, seeds = [mask, None, mask], [0, 0, 1]
    models = [_model(data) for _ in seeds]
    for model, one in zip(models, kept, strict=True):
        if one is not None:
            masks.apply(model, one)
    start = [_tensors(model) for model in models]
    alone = [deepcopy(model) for model in models]
    for model, one, seed in zip(alone, kept, seeds, strict=True):
        with seeded_check(seed):
            next(iter(trainer.fit(model, data, mask=one, seed=seed)), None)
    with seeded_check(seeds[0]):
        epochs = next(iter(trainer.fit_together(models, data, masks=kept, seeds=seeds)), (None,) * 3)
    require(isinstance(epochs, tuple) and len(epochs) == 3, f"{who}.fit_together does not yield a tuple of 3 epochs")
    with accepted_option():
        for model, one in zip(models, kept, strict=True):
            if one is not None:
                masks.audit(model, one, who=who)
    for number, model in enumerate(models):
        far = _distance(_tensors(model), _tensors(alone[number]))
        moved = _distance(start[number], _tensors(alone[number]))
        require(
            far <= FLOAT32_ROUNDING * moved,
            f"{who}.fit_together trains model {number} as fit does not: {far:.2g} apart after an epoch, which moves "
            f"the weights by {moved:.2g}",
        )


def _check_resumed(trainer: Trainer, data: Data, mask: Mask, wanted: state.Snapshot) -> None:
    """Where a trainer saves its state: compare a training that is ended and resumed with one that is not."""
    if type(trainer).fit_resumable is Trainer.fit_resumable:
        return
    who, keeper = title(trainer), MemoryKeeper()
    _fit_kept(trainer, data, mask, keeper)
    require(
        keeper.saved is not None, f"{who}.fit_resumable never saves its state: ask keeper.is_due() before each step"
    )
    keeper.ends = False
    weights = _fit_kept(trainer, data, mask, keeper)
    changed = state.changed_names(wanted, weights)
    require(not changed, f"{who}.fit_resumable ends with another {changed} where it is ended and resumed")


def _fit_kept(trainer: Trainer, data: Data, mask: Mask, keeper: MemoryKeeper) -> state.Snapshot:
    """Train until the keeper ends it, or the training is finished; return the weights."""
    model = _model(data)
    masks.apply(model, mask)
    with seeded_check(0), suppress(EndedError):
        for _ in trainer.fit_resumable(model, data, mask=mask, seed=0, keeper=keeper):
            pass
    return _tensors(model)


def _distance(first: state.Snapshot, second: state.Snapshot) -> float:
    """Euclidean distance over all tensors."""
    squares = [
        float((one.double() - other.double()).square().sum())
        for one, other in ((value, second[name]) for name, value in first.items())
        if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
    ]
    return math.sqrt(sum(squares))


def _check_epochs(who: str, epochs: Sequence[Epoch]) -> None:
    numbers = [epoch.number for epoch in epochs]
    wanted = list(range(1, len(epochs) + 1))
    require(bool(epochs) and numbers == wanted, f"{who} yields the epochs {numbers}, wanted 1, 2, ... without a gap")
    announced = {epoch.of for epoch in epochs}
    require(
        announced == {len(epochs)}, f"{who} yields {count_text(len(epochs), 'epoch')} but declares {sorted(announced)}"
    )
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
        wrong = sum(float(data.objective.errors(model(x), y).sum()) for x, y in data.train.batches(64))
    return wrong / len(data.train)
