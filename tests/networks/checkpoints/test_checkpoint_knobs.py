"""What training programs save beside the weights, in the words of prunescope's trainers."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch

from prunescope.networks.checkpoints import neighbours, transforms
from prunescope.networks.checkpoints.knobs import arguments, read_training

TIMM = {"lr_base": 0.1, "lr_base_size": 256, "batch_size": 64, "opt": "sgd", "epochs": 90}


def options(settings, **beside):
    return read_training(settings, beside).options


@pytest.mark.parametrize("key", ["args", "hyper_parameters", "config"])
@pytest.mark.parametrize("kind", [dict, lambda values: argparse.Namespace(**values)])
def test_settings_are_found_under_their_usual_names(key, kind):
    assert arguments({"epoch": 1, key: kind({"lr": 0.1})}) == {"lr": 0.1}


def test_without_settings_nothing_is_known():
    assert arguments({"epoch": 1, "args": "a string"}) == {}
    training = read_training({}, {})
    assert (training.options, training.knobs, training.notes) == ({}, {}, ())


@pytest.mark.parametrize(
    ("settings", "rate", "batch"),
    [
        (TIMM | {"lr": 0.5}, 0.5, 64),
        (TIMM | {"lr": None}, 0.1 * 64 / 256, 64),
        (TIMM | {"lr": None, "world_size": 8, "grad_accum_steps": 2}, 0.1 * 1024 / 256, 1024),
        (TIMM | {"lr": None, "opt": "adamw"}, 0.1 * 0.5, 64),
        (TIMM | {"lr": None, "opt": "adamw", "lr_base_scale": "linear"}, 0.1 * 64 / 256, 64),
        ({"learning_rate": 0.02, "train_batch_size": 8}, 0.02, 8),
    ],
)
def test_learning_rate_and_batch_as_the_optimiser_saw_them(settings, rate, batch):
    got = options(settings)
    assert got["learning_rate"] == pytest.approx(rate)
    assert got["batch_size"] == batch


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sched": "cosine"}, {"schedule": "cosine"}),
        ({"sched": ""}, {"schedule": "constant"}),
        ({"sched": "step", "decay_epochs": 30, "decay_rate": 0.1},
         {"schedule": "multistep", "drop_factor": 0.1, "drops": [0.333333, 0.666667]}),
        ({"sched": "multistep", "decay_milestones": [60, 30, 270], "decay_epochs": 7, "decay_rate": 0.2},
         {"schedule": "multistep", "drop_factor": 0.2, "drops": [0.333333, 0.666667]}),
        ({"scheduler": "MultiStepLR", "milestones": [45], "gamma": 0.5},
         {"schedule": "multistep", "drop_factor": 0.5, "drops": [0.5]}),
        ({"scheduler": "StepLR", "step_size": 45}, {"schedule": "multistep", "drops": [0.5]}),
        ({"sched": "step"}, {"schedule": "multistep"}),
        ({"lr_scheduler": {"name": "cosine"}}, {}),
    ],
)  # fmt: skip
def test_schedules(settings, expected):
    got = options({"epochs": 90, **settings})
    assert {name: got[name] for name in got if name in {"schedule", "drop_factor", "drops"}} == expected


def test_a_schedule_we_do_not_have_is_said():
    training = read_training({"sched": "plateau", "epochs": 3}, {})
    assert "schedule" not in training.options
    assert any("'plateau'" in note for note in training.notes)


@pytest.mark.parametrize(
    ("beside", "done"),
    [
        ({"epoch": 9}, 10),
        ({"epoch": np.int64(9)}, 10),
        ({"epoch": torch.tensor(9)}, 10),
        ({"epoch": 9, "arch": "x", "args": 0, "version": 2}, 10),
        ({"epoch": 9, "arch": "x", "args": 0, "version": 1}, 9),
        ({"epoch": 20, "pytorch-lightning_version": "2.4"}, 20),
        ({"epoch": -1}, 20),
        ({"epoch": "nine"}, 20),
        ({}, 20),
        ({"loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 7}}}}, "epoch": 7}, 7),
    ],
)
def test_the_epochs_the_weights_have_seen_count(beside, done):
    training = read_training({"epochs": 20}, beside)
    assert training.options["epochs"] == done
    assert bool(training.notes) == (done != 20)


def test_a_cool_down_makes_more_epochs_than_planned():
    training = read_training({"epochs": 20, "cooldown_epochs": 5, "sched": "step", "decay_epochs": 10}, {"epoch": 24})
    assert training.options["epochs"] == 25
    assert training.options["drops"] == [0.4, 0.8]
    assert "cool-down" in training.notes[0]


def test_the_optimisers_state_fills_gaps():
    model = torch.nn.Linear(2, 2)
    groups = [{"params": [model.weight], "weight_decay": 5e-4}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.4, momentum=0.8)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.param_groups[0]["lr"] = 0.004
    state = optimizer.state_dict()
    assert options({}, optimizer=state) == {"learning_rate": 0.4, "momentum": 0.8, "weight_decay": 5e-4}
    assert options({"lr": 0.1}, optimizer_states=[state])["learning_rate"] == 0.1
    assert options({}, optimizer={"param_groups": []}) == options({}, optimizer=None) == {}


@pytest.mark.parametrize(("kind", "optimizer"), [(torch.optim.AdamW, "adamw"), (torch.optim.Adam, "adam")])
def test_the_optimisers_state_shows_adam(kind, optimizer):
    state = kind([torch.nn.Parameter(torch.zeros(1))], lr=3e-4, weight_decay=0.02).state_dict()
    wanted = {"learning_rate": 3e-4, "weight_decay": 0.02, "optimizer": optimizer}
    assert options({}, optimizer_states=[state]) == wanted
    assert options({"lr": 0.1, "opt": "lamb"}, optimizer_states=[state])["learning_rate"] == 0.1
    assert options({"lr": 0.1, "opt": "lamb"}, optimizer_states=[state])["optimizer"] == "lamb"
    state["param_groups"][0].pop("decoupled_weight_decay")
    assert options({}, optimizer_states=[state])["optimizer"] == "adamw"  # a decay of 0.02, before torch 2.7


def test_knobs_are_the_temperature_like_part():
    training = read_training({"lr": 0.1, "rho": 0.2, "batch_size": 32, "epochs": 4, "wd": 1e-4, "momentum": 0.9}, {})
    assert training.knobs == {
        "learning_rate": 0.1,
        "rho": 0.2,
        "batch_size": 32,
        "epochs": 4,
        "weight_decay": 1e-4,
    }


def test_timms_sgd_is_nesterovs():
    assert options(TIMM)["nesterov"] is True
    assert options(TIMM | {"opt": "momentum"})["nesterov"] is False
    assert "nesterov" not in options(TIMM | {"opt": "adamw"})
    assert "nesterov" not in options({"opt": "sgd"})


def test_a_summary_without_the_epoch_shows_the_last(tmp_path):
    assert neighbours.summary_notes(tmp_path, 3) == ()
    (tmp_path / "summary.csv").write_text("epoch,train_loss,eval_top1\n0,2.0,10\n1,1.0,50\n")
    assert neighbours.summary_notes(tmp_path, 9)[0].endswith("after epoch 2: train_loss 1, eval_top1 50")
    (tmp_path / "summary.csv").write_text("")
    assert neighbours.summary_notes(tmp_path, 9) == ()


def test_arguments_that_are_no_mapping_are_nothing(tmp_path):
    (tmp_path / "args.yaml").write_text("- a\n- b\n")
    assert neighbours.read_arguments(tmp_path) == {}


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"input_size": [3, 64, 96]}, (64, 96)),
        ({"img_size": 48}, (48, 48)),
        ({"img_size": [32, 40]}, (32, 40)),
        ({"img_size": None}, None),
        ({}, None),
    ],
)
def test_image_sizes(settings, size):
    assert transforms.image_size(settings) == size


def test_transforms_and_normalisation():
    data = transforms.read_data({"mean": (0.5, 0.4), "std": [0.2, 0.1], "crop_pct": 0.9, "dataset": "x"}, timm_name="")
    assert data.pop("origins") == dict.fromkeys(data, "args")
    assert data == {"mean": [0.5, 0.4], "std": [0.2, 0.1], "crop_pct": 0.9, "dataset": "x"}
    assert transforms.normalization(data) == ((0.5, 0.4), (0.2, 0.1))
    assert transforms.read_data({"mean": "auto"}, timm_name="") is None
    assert transforms.normalization(None) is None
    assert transforms.normalization({"mean": [0.5], "std": [0.1, 0.2]}) is None
    assert transforms.read_data({}, timm_name="resnet18")["mean"] == [0.485, 0.456, 0.406]


def test_torchvisions_references_are_understood_wholly():
    """The batch of all processes; steps that torch's SequentialLR counts from the end of the warm-up."""
    args = {"lr": 0.5, "batch_size": 32, "world_size": 8, "epochs": 90, "opt": "sgd", "lr_scheduler": "steplr",
            "lr_step_size": 30, "lr_gamma": 0.1, "lr_warmup_epochs": 5}  # fmt: skip
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 0.5)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=5)
    steps = torch.optim.lr_scheduler.StepLR(optimizer, 30, 0.1)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, steps], [5])
    rates = []
    for _ in range(90):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    fell = [epoch for epoch in range(1, 90) if rates[epoch] < rates[epoch - 1]]
    got = options(args, epoch=89, lr_scheduler=schedule.state_dict())
    assert (got["batch_size"], got["epochs"], got["warmup_epochs"], got["drop_factor"]) == (256, 90, 5, 0.1)
    assert [round(90 * drop) for drop in got["drops"]] == fell == [35, 65]
    assert options({**args, "lr_warmup_epochs": 0}, epoch=89)["drops"] == [0.333333, 0.666667]


def test_pytorchs_examples_count_their_epochs():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30, 0.1)
    for _ in range(90):
        optimizer.step()
        scheduler.step()
    file = {"epoch": 90, "arch": "resnet50", "best_acc1": 70.0, "optimizer": optimizer.state_dict()}
    got = options({}, **file, scheduler=scheduler.state_dict())
    assert (got["epochs"], got["schedule"], got["drop_factor"]) == (90, "multistep", 0.1)
    assert got["drops"] == [0.333333, 0.666667]
    assert options({}, **file)["epochs"] == 90
    assert options({}, epoch=90, best_prec1=91.6)["epochs"] == 90  # its copies, pytorch_resnet_cifar10 for example
    assert options({}, epoch=89, acc=91.6)["epochs"] == 90
    assert options({}, epoch=89, scheduler=scheduler.state_dict())["epochs"] == 90


def test_a_scheduler_that_was_called_at_every_batch_says_nothing_of_epochs():
    state = {"step_size": 3000, "gamma": 0.1, "last_epoch": 9000}
    got = options({"epochs": 10}, epoch=9, scheduler=state)
    assert got["epochs"] == 10
    assert "schedule" not in got


def test_arguments_inside_arguments_count():
    inside = {"lr": 0.2, "batch_size": 16, "image_size": 48}
    found = arguments({"hyper_parameters": {"cfg": {"config": inside, "batch_size": 32}, "max_epochs": 4}})
    assert {name: found[name] for name in ("lr", "batch_size", "image_size", "max_epochs")} == {
        "lr": 0.2,
        "batch_size": 32,
        "image_size": 48,
        "max_epochs": 4,
    }
