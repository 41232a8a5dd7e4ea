from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from tiny_training import equal_states, state_of, tiny_data, tiny_net

from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.plugins import options, publications
from prunescope.plugins.testing import check_trainer
from prunescope.training.trainers.cyclic import Cyclic
from prunescope.training.trainers.sam import Sam
from prunescope.training.trainers.sgd import Sgd
from prunescope.training.trainers.sgd_options import SgdOptions
from prunescope.training.trainers.timm import Timm

TRAINERS = [Sgd, Sam, Timm, Cyclic]


def short(trainer, **changed):
    length = {"epochs": 8, "cycles": 2} if trainer is Cyclic else {"epochs": 4}
    settings = {**length, "batch_size": 8, "learning_rate": 0.05, "schedule": "multistep", **changed}
    return trainer(**settings)


def trained(trainer, *, seed: int = 0, mask=None):
    model = tiny_net()
    return state_of(model), list(trainer.fit(model, tiny_data(), mask=mask, seed=seed)), state_of(model)


def test_the_defaults_are_the_papers_recipe_at_half_its_epochs():
    defaults = dataclasses.asdict(Sgd())
    assert defaults == {
        "epochs": 80,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "batch_size": 64,
        "schedule": "multistep",
        "drops": (0.5, 0.75),
        "drop_factor": 0.1,
        "warmup_epochs": 0.0,
        "nesterov": False,
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "augment": True,
        "start_step": 0,
        "stop_step": None,
        "ema": 0.0,
        "precision": "float32",
        "compiling": "auto",
        "accumulate": 1,
    }
    assert dataclasses.asdict(Sam()) == {**defaults, "rho": 0.05, "adaptive": False}
    assert dataclasses.asdict(Cyclic()) == {**defaults, "schedule": "cosine", "cycles": 4, "factor": 2.0}


@pytest.mark.parametrize(
    ("trainer", "own"), [(Sgd, set()), (Sam, {"rho", "adaptive"}), (Cyclic, {"schedule", "cycles", "factor"})]
)
def test_the_options_of_sgd_stand_in_one_class_and_come_first_in_its_order(trainer, own):
    names = [field.name for field in options.fields(trainer)]
    assert set(trainer.__annotations__) == own
    assert names[:19] == list(SgdOptions.__annotations__)
    assert len(names) == 19 + len(own - {"schedule"})


def test_an_option_enters_an_id_where_it_differs_from_the_default_of_its_own_trainer():
    assert options.non_default(Cyclic()) == {}
    assert options.non_default(Cyclic(schedule="multistep", factor=1.0)) == {"factor": 1.0, "schedule": "multistep"}
    assert options.non_default(Sgd(schedule="cosine")) == {"schedule": "cosine"}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_option_has_help_and_can_be_typed(trainer):
    fields = options.fields(trainer)
    assert all(field.option.help for field in fields)
    built = options.build_plugin(
        trainer, {"epochs": "8", "drops": "0.3,0.6", "schedule": "constant", "augment": "false"}
    )
    assert built == trainer(epochs=8, drops=(0.3, 0.6), schedule="constant", augment=False)


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1},
        {"drops": "80,120"},
        {"schedule": "step"},
        {"label_smoothing": 1.5},
        {"momentum": 2},
    ],
)
def test_values_out_of_bounds_are_refused(bad):
    with pytest.raises(UsageError):
        options.build_plugin(Sgd, bad)


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("schedule", ["multistep", "cosine", "constant"])
def test_masks_hold_and_epochs_are_counted(trainer, schedule):
    model = tiny_net()
    weights = {name: weight.detach().abs() for name, weight in model.named_parameters() if weight.dim() == 4}
    mask = masks.keep_largest(weights, 0.3, scope="layer")
    chosen = short(trainer, schedule=schedule, weight_decay=0.05, warmup_epochs=1.0)
    for number, epoch in enumerate(chosen.fit(model, tiny_data(), mask=mask, seed=0), start=1):
        masks.audit(model, mask)
        assert (epoch.number, epoch.of) == (number, chosen.epochs)
    assert number == chosen.epochs


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_seed_repeats_a_run_to_the_bit(trainer):
    _, told, after = trained(short(trainer))
    _, told_again, again = trained(short(trainer))
    assert told == told_again
    assert equal_states(after, again)
    assert not equal_states(after, trained(short(trainer), seed=1)[2])


CHANGES = {
    "learning_rate": 0.02,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "batch_size": 5,
    "schedule": "cosine",
    "drops": (0.25,),
    "drop_factor": 0.5,
    "warmup_epochs": 1.0,
    "nesterov": True,
    "label_smoothing": 0.1,
    "mixup": 0.5,
    "augment": False,
    "epochs": 5,
    "rho": 0.2,
    "adaptive": True,
    "optimizer": "nadamw",
    "start_step": 2,
    "stop_step": 5,
    "ema": 0.5,
    "scheduler": "tanh",
    "cycles": 3,
    "factor": 1.5,
    "accumulate": 3,
}


def test_no_option_is_forgotten():
    names = {field.name for trainer in TRAINERS for field in dataclasses.fields(trainer)}
    assert names - set(CHANGES) == {"precision", "compiling"}, "these are in test_training_acceleration"


@pytest.mark.parametrize(
    ("trainer", "option"),
    [(trainer, field.name) for trainer in TRAINERS for field in dataclasses.fields(trainer) if field.name in CHANGES],
)
def test_every_option_reaches_the_training(trainer, option):
    # AdamW has no momentum to set
    start = short(trainer, **({"optimizer": "momentum"} if (trainer, option) == (Timm, "momentum") else {}))
    plain = trained(start)[2]
    changed = trained(dataclasses.replace(start, **{option: CHANGES[option]}))[2]
    assert not equal_states(plain, changed)


def test_sam_is_not_sgd():
    before, _, after = trained(short(Sam))
    assert not equal_states(after, trained(short(Sgd))[2])
    assert equal_states(trained(short(Sam, rho=0.0))[2], trained(short(Sgd))[2])
    assert not equal_states(before, after)


def test_a_frozen_model_is_refused_before_the_first_epoch():
    with pytest.raises(UsageError, match="no trainable parameters"):
        Sgd().fit(tiny_net().requires_grad_(False), tiny_data(), seed=0)  # noqa: FBT003


def test_passes_count_both_of_sams():
    assert Sgd(epochs=3).passes(train=100) == 900
    assert Sam(epochs=3).passes(train=100) == 1800


def test_passes_count_the_steps_that_are_taken():
    trainer = Sgd(epochs=4, batch_size=25, start_step=6)
    assert trainer.passes(train=100) == 3 * 100 * 4 * 10 / 16
    assert dataclasses.replace(trainer, stop_step=8).passes(train=100) == 3 * 100 * 4 * 2 / 16
    assert dataclasses.replace(trainer, stop_step=6).passes(train=100) == 0


@pytest.mark.parametrize("module", ["prunescope.training.trainers.timm", "prunescope.pruning.pruners"])
def test_plugins_load_without_torch(module):
    program = f"import sys, {module}; sys.exit(bool({{'torch', 'timm', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb", "lion", "lookahead_adamw", "rmsproptf", "adafactor"])
@pytest.mark.filterwarnings("default")
def test_masks_hold_under_every_kind_of_optimiser(name):
    model = tiny_net()
    weights = {name: weight.detach().abs() for name, weight in model.named_parameters() if weight.dim() == 4}
    mask = masks.keep_largest(weights, 0.3, scope="layer")
    before = state_of(model)
    for _ in short(Timm, optimizer=name, learning_rate=0.01).fit(model, tiny_data(), mask=mask, seed=0):
        masks.audit(model, mask)
    assert not equal_states(before, state_of(model))


def test_timms_adamw_spares_norms_and_biases_from_weight_decay():
    model, other = tiny_net(), tiny_net()
    trainer = short(Timm, weight_decay=0.5, epochs=1, batch_size=64)
    list(trainer.fit(model, tiny_data(), seed=0))
    list(dataclasses.replace(trainer, weight_decay=0.0).fit(other, tiny_data(), seed=0))
    same = {name for name, value in state_of(model).items() if value.equal(state_of(other)[name])}
    decayed = {name for name in state_of(model) if name not in same}
    assert decayed == {"0.weight", "3.weight", "7.weight"}


@pytest.mark.parametrize("name", ["adamx", "", "lbfgs_of_my_own"])
def test_an_unknown_optimiser_is_refused(name):
    with pytest.raises(UsageError, match=f"timm cannot make the optimiser '{name}'"):
        Timm(optimizer=name).fit(tiny_net(), tiny_data(), seed=0)


@pytest.mark.parametrize(
    "trainer",
    [
        Sgd(epochs=6, batch_size=32),
        Sgd(epochs=6, batch_size=32, schedule="cosine", nesterov=True, mixup=0.2, label_smoothing=0.1, augment=False),
        Sam(epochs=6, batch_size=32),
        Sam(epochs=6, batch_size=32, rho=0.5, adaptive=True),
        Sgd(epochs=6, batch_size=32, ema=0.5),
        Timm(epochs=6, batch_size=32, learning_rate=0.01),
        Timm(epochs=6, batch_size=32, learning_rate=0.01, scheduler="tanh", ema=0.5),
        Cyclic(epochs=6, batch_size=32, cycles=2),
    ],
)
def test_trainers_are_what_the_core_expects(trainer):
    check_trainer(trainer)


def test_the_rate_begins_anew_after_each_cycle():
    trainer = Cyclic(epochs=8, cycles=3, batch_size=8, schedule="multistep", learning_rate=0.1)
    assert trainer.stages() == (2, 4, 8)
    told = [epoch.learning_rate for epoch in trainer.fit(tiny_net(), tiny_data(), seed=0)]
    assert told == pytest.approx([0.1, 0.01, 0.1, 0.01, 0.1, 0.1, 0.01, 0.001])


def test_a_cyclic_run_of_one_cycle_is_sgd():
    options = {"epochs": 4, "batch_size": 8, "learning_rate": 0.05, "schedule": "cosine"}
    assert equal_states(trained(Cyclic(cycles=1, **options))[2], trained(Sgd(**options))[2])


def test_the_first_cycle_is_the_run_of_its_length():
    options = {"batch_size": 8, "learning_rate": 0.05}
    model = tiny_net()
    seen = [state_of(model) for _ in Cyclic(epochs=8, cycles=3, **options).fit(model, tiny_data(), seed=0)]
    assert equal_states(seen[1], trained(Sgd(epochs=2, schedule="cosine", **options))[2])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_cites_its_method(trainer):
    assert publications.publications_of(trainer)


def test_gradients_in_parts_are_taken_of_one_network_at_a_time():
    trainer, data = short(Sgd, accumulate=2), tiny_data()
    assert trainer.together(tiny_net(), data) == 1 < short(Sgd).together(tiny_net(), data)
    with pytest.raises(UsageError, match="accumulate is 2"):
        list(trainer.fit_together([tiny_net(), tiny_net()], data, masks=[None, None], seeds=[0, 1]))
