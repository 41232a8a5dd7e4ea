from __future__ import annotations

import pytest

from prunescope.api.errors import UsageError
from prunescope.studies.diagnosis.retraining import Asked, probe_values, probes, retraining

SGD = {
    "optimizer": "sgd",
    "epochs": 80,
    "learning_rate": 0.05,
    "momentum": 0.8,
    "weight_decay": 5e-3,
    "batch_size": 32,
    "schedule": "multistep",
    "drops": [0.4, 0.8],
    "nesterov": True,
}


def test_the_dense_recipe_is_compressed_to_a_fifth():
    found = retraining(SGD, Asked())
    trainer = found.trainer.instance
    assert found.trainer.plugin.name == "sgd"
    assert (trainer.epochs, trainer.learning_rate, trainer.momentum) == (16, 0.05, 0.8)
    assert (trainer.weight_decay, trainer.batch_size, trainer.drops, trainer.nesterov) == (5e-3, 32, (0.4, 0.8), True)
    assert found.notes == ()


def test_warm_up_shrinks_with_the_epochs():
    assert retraining(SGD | {"warmup_epochs": 10}, Asked()).trainer.instance.warmup_epochs == pytest.approx(2)
    asked = Asked(epochs=40)
    assert retraining(SGD | {"warmup_epochs": 10}, asked).trainer.instance.warmup_epochs == pytest.approx(5)


def test_what_the_user_asks_wins():
    asked = Asked(trainer="sam", options={"learning_rate": "0.2", "rho": "0.1"}, epochs=3)
    trainer = retraining(SGD | {"optimizer": "sam", "rho": 0.5}, asked).trainer.instance
    assert (trainer.epochs, trainer.learning_rate, trainer.rho) == (3, 0.2, 0.1)


def test_the_trainer_is_the_one_the_checkpoint_names():
    found = retraining(SGD | {"optimizer": "sam", "rho": 0.3}, Asked())
    assert found.trainer.plugin.name == "sam"
    assert found.trainer.instance.rho == 0.3


def test_what_is_unknown_falls_to_defaults_and_is_said():
    found = retraining({}, Asked())
    assert found.trainer.instance.learning_rate == 0.1
    assert found.trainer.instance.epochs == 16
    assert any("learning_rate 0.1" in note for note in found.notes)
    assert any("dense epochs are unknown" in note for note in found.notes)


def test_a_foreign_optimizer_keeps_its_settings_to_itself():
    found = retraining(
        {"optimizer": "adamw", "learning_rate": 1e-3, "batch_size": 32, "epochs": 10}, Asked(trainer="sgd")
    )
    assert found.trainer.instance.learning_rate == 0.1
    assert found.trainer.instance.batch_size == 32
    assert any("trained with adamw" in note for note in found.notes)


def test_a_setting_the_trainer_cannot_take_is_left_out():
    found = retraining(SGD | {"schedule": "tanh"}, Asked())
    assert found.trainer.instance.schedule == "multistep"
    assert any("schedule" in note for note in found.notes)


def test_at_least_one_epoch():
    assert retraining(SGD | {"epochs": 2}, Asked()).trainer.instance.epochs == 1


def test_options_reach_their_probe():
    values = probe_values({"lmc.batch_size": "128"}, ["lmc", "cka"])
    (lmc, errors) = probes(["lmc", "errors", "lmc"], values)
    assert lmc.instance.batch_size == 128
    assert errors.plugin.name == "errors"


@pytest.mark.parametrize("key", ["batch_size", "hessian.iterations"])
def test_an_option_of_no_probe_is_refused(key):
    with pytest.raises(UsageError, match="names no probe of this diagnosis"):
        probe_values({key: "1"}, ["lmc"])


@pytest.mark.parametrize(("optimizer", "named"), [("adamw", False), ("lamb", False), ("rmsprop", True), ("sgdp", True)])
def test_a_momentum_is_assumed_of_optimisers_that_have_one(optimizer, named):
    notes = retraining({"optimizer": optimizer, "epochs": 4, "batch_size": 8}, Asked()).notes
    assert ("momentum 0.9" in " ".join(notes)) == named
