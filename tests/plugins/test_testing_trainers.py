"""check_trainer fails on each defect of a trainer."""

from __future__ import annotations

import dataclasses
import random

import pytest
import torch
from defects import fails, plugin
from torch.nn.functional import cross_entropy

from prunescope.api import Epoch, Trainer
from prunescope.networks import masks
from prunescope.plugins.testing import check_trainer


def trainer(*, passes=None, **defect):
    def fit(self, model, data, *, mask=None, seed):  # noqa: ARG001
        return train(model, data, mask, seed, **defect)

    return plugin(Trainer, fit=fit, members={"passes": passes} if passes else {})


def train(model, data, mask, seed, *, rate=0.05, hold=True, follow=True, keep_mode=False, reports=lambda epoch: epoch):
    generator = torch.Generator().manual_seed(seed if follow else 0)
    if follow == "chance":
        generator.manual_seed(random.getrandbits(40))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-3)
    held = masks.holder(model, mask if hold is True else None)
    if hold == "invert" and mask:
        next(iter(mask.kept.values())).logical_not_()
        masks.apply(model, mask)
        held = masks.holder(model, mask)
    model.train()
    for number in (1, 2, 3, 4):
        if not keep_mode:
            model.train()
        for images, labels in data.train.epoch(16, generator=generator):
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()
            held()
        yield reports(Epoch(number=number, of=4, learning_rate=rate, train_loss=1.0, train_error=0.5))


def grouped(*, most=3, seeds_of=lambda seeds: seeds, hold=True, count=3):
    """Return a trainer of several models, with a defect or none."""

    def fit_together(self, models, data, *, masks, seeds):  # noqa: ARG001
        fits = [
            train(model, data, mask, seed, hold=hold)
            for model, mask, seed in zip(models, masks, seeds_of(seeds), strict=True)
        ]
        for epochs in zip(*fits, strict=True):
            yield epochs[:count]

    def fit(self, model, data, *, mask=None, seed):  # noqa: ARG001
        return train(model, data, mask, seed)

    members = {"together": lambda *_: most, "fit_together": fit_together}
    return plugin(Trainer, fit=fit, members=members)


def altered(**values):
    return lambda epoch: dataclasses.replace(epoch, **values)


DEFECTIVE_TRAINERS = {
    "masked weights of '0.weight' are not zero": {"hold": False},
    "changes the mask of": {"hold": "invert"},
    "ignores the seed": {"follow": False},
    "is not reproducible": {"follow": "chance"},
    "depends on the model's mode": {"keep_mode": True},
    "does not train": {"rate": 0.0},
    "does not learn": {"rate": 1e-7},
    "yielded the epoch 0 of 4": {"reports": lambda epoch: dataclasses.replace(epoch, number=epoch.number - 1)},
    r"declares \[5\]": {"reports": altered(of=5)},
    "loss is nan": {"reports": altered(train_loss=float("nan"))},
    "learning_rate of epoch 1 is inf": {"reports": altered(learning_rate=float("inf"))},
    "training error of epoch 1 is 50": {"reports": altered(train_error=50.0)},
    "not an Epoch": {"reports": lambda epoch: epoch.number},
    "passes": {"passes": lambda *_, **__: 0.0},
}


def test_a_right_trainer_passes():
    check_trainer(trainer())


def test_a_trainer_need_not_learn():
    check_trainer(trainer(rate=1e-7), learns=False)


@pytest.mark.parametrize("message", DEFECTIVE_TRAINERS)
def test_defects_of_trainers(message):
    fails(check_trainer, trainer(**DEFECTIVE_TRAINERS[message]), message)


DEFECTS_TOGETHER = {
    "together returns 0": {"most": 0},
    "trains model 0 as fit does not": {"seeds_of": lambda seeds: seeds[::-1]},
    "masked weights of '0.weight' are not zero": {"hold": False},
    "not yield a tuple of 3 epochs": {"count": 2},
}


def test_a_right_trainer_of_several_models_passes():
    check_trainer(grouped())


@pytest.mark.parametrize("message", DEFECTS_TOGETHER)
def test_defects_of_training_together(message):
    fails(check_trainer, grouped(**DEFECTS_TOGETHER[message]), message)
