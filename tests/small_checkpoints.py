"""A small network with statistics of its own, and whether a file of it loads to the same weights."""

from __future__ import annotations

from collections import OrderedDict

import timm
import timm.models
import timm.utils
import torch

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.networks import checkpoints

CLASSES = 5


def small(seed=0, **options):
    torch.manual_seed(seed)
    model = timm.create_model("preresnet8", num_classes=CLASSES, in_chans=1, width=0.25, **options)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    return model


def assert_loads(path, model, /, **choices):
    got = checkpoints.load_checkpoint(path, **choices)
    assert list(got.state) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(got.state[name], tensor), name
    assert got.spec.num_classes == CLASSES
    loaded = checkpoints.to_model(got).eval()
    x = torch.randn(2, got.spec.in_chans, *got.spec.image_size)
    assert torch.equal(loaded(x), model.eval()(x))
    assert len(got.sha256) == 64
    return got


def said(got, text):
    return any(text in note for note in got.notes)


def lightning(model, *, prefix="model.", extra=None, **hyper_parameters):
    """Return what Trainer.save_checkpoint of Lightning 2 writes, by hand to keep Lightning out of the tests."""
    state = {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}
    return {
        "epoch": 11,
        "global_step": 1200,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict(state | (extra or {})),
        "loops": {"fit_loop": {"epoch_progress": {"current": {"ready": 12, "completed": 11, "processed": 12}}}},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters,
    }
