"""Files as they should be, from which the mutants are made."""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from prunescope.api import Reading
from prunescope.networks import checkpoints
from prunescope.networks.spec import ModelSpec
from prunescope.regimes import packs
from prunescope.runs.files import hdf5, runfile
from prunescope.runs.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = 10

DATA = "patches:images=60,test_images=40"
"""What the networks are diagnosed with."""


@cache
def network() -> torch.nn.Module:
    """Return a small network of prunescope's own."""
    import timm

    import prunescope.networks.zoo  # noqa: F401 - registers it with timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: torch.nn.Module = timm.create_model("preresnet8", num_classes=CLASSES, width=0.25)
    return made


def weights() -> dict[str, object]:
    """Return what a training program saves, which is read as it is."""
    settings = argparse.Namespace(
        model="preresnet8", model_kwargs={"width": 0.25}, num_classes=CLASSES, lr=0.1, epochs=9, batch_size=8,
        opt="sgd", sched="step", decay_epochs=3, mean=[0.5, 0.5, 0.5], std=[0.2, 0.2, 0.2], input_size=[3, 8, 8],
    )  # fmt: skip
    return {"state_dict": network().state_dict(), "args": settings, "epoch": 8, "arch": "preresnet8", "version": 2}


def saved(*, new: bool) -> bytes:
    """Return a checkpoint in one of the two layouts of torch.save."""
    file = io.BytesIO()
    torch.save(weights(), file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def bare() -> bytes:
    """Return the weights alone, as timm's training saves them: the settings lie in args.yaml beside the file."""
    file = io.BytesIO()
    torch.save({"state_dict": network().state_dict(), "epoch": 8, "arch": "preresnet8"}, file)
    return file.getvalue()


def with_pickle(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a checkpoint whose pickle is changed; it is packed again, as the change would fail its checksum alone."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(made, "w") as file:
        for name in archive.namelist():
            content = archive.read(name)
            file.writestr(name, change(content) if name.endswith("data.pkl") else content)
    return made.getvalue()


def safetensors() -> bytes:
    """Return the weights of a run, as prunescope writes them."""
    spec = ModelSpec(name="preresnet8", num_classes=CLASSES, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    made = checkpoints.Checkpoint(spec=spec, state=network().state_dict())
    return b"".join(map(bytes, checkpoints.to_safetensors(made)))


def foreign_safetensors() -> bytes:
    """Return the same tensors without prunescope's own text beside them."""
    from safetensors.torch import save

    return bytes(save({name: tensor.contiguous() for name, tensor in network().state_dict().items()}))


RECIPE = Recipe(step="probe", plugin="lmc", arguments={"seed": 0})


def result() -> bytes:
    """Return a result file."""
    readings = {"lmc": {"lmc": Reading(0.5, unit="1", n=3)}}
    run = runfile.Run(recipe=RECIPE, created="", wall_seconds=1.0, device="", versions={}, readings=readings)
    return runfile.run_bytes(run)


STATE = "train-0"
"""Whose training is under way."""


def state() -> bytes:
    """Return the state of a training under way."""
    from safetensors.torch import save

    tree = {"dict": [["epoch", 3], ["optimizer", {"list": [{"tensor": "0"}, 0.1, None]}]]}
    data = bytes(hdf5.BLOCK) + save({"0": torch.zeros(3)}, metadata={"tree": json.dumps(tree)})
    return hdf5.block(data, name=STATE) + data[hdf5.BLOCK :]


def arrays() -> bytes:
    """Return images and labels."""
    file = io.BytesIO()
    images = np.zeros((40, 3, 8, 8), dtype=np.uint8)
    np.savez_compressed(file, x=images, y=np.arange(40) % CLASSES)
    return file.getvalue()


STUDY = b"""[model]\nname = "preresnet8"\nwidth = 0.25\n[data]\nname = "patches"\nimages = 60\ntest_images = 40
[train]\nplugin = "sgd"\nepochs = 3
[prune]\nplugin = "magnitude"\n[retrain]\nplugin = "sgd"\nepochs = 1\n[[probes]]\nplugin = "errors"
[axes]\nepochs = [1, 3]\ndensity = [0.2, 0.5]\n[seeds]\ndense = [0]\nreplicas = 2\n"""

SETTINGS = b"lr: 0.1\nepochs: 3\nmodel: preresnet8\nmodel_kwargs: {width: 0.25}\nmean: [0.5, 0.5, 0.5]\n"

SUMMARY = b"epoch,train_loss,eval_top1\n0,2.0,30.0\n1,1.5,44.0\n2,1.25,52.5\n"

PREPROCESSOR = b"""{"do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2],
"size": {"height": 8, "width": 8}, "resample": 3, "crop_pct": 0.875}"""

CONFIG = b"""{"architecture": "preresnet8", "num_classes": 10, "model_args": {"width": 0.25}, "pretrained_cfg":
{"input_size": [3, 8, 8], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "interpolation": "bicubic"}}"""

INDEX = b"""{"metadata": {"total_size": 100}, "weight_map": {"conv.weight": "part-1.safetensors",
"bn.weight": "part-1.safetensors"}}"""

CLASS_MAP = b"""{"cat": 0, "dog": 1, "cow": 2}"""

TABLE = b"epochs,density,lmc\n1,0.5,-0.1\n3,0.5,0.0\n"

PLACES = b"""{"timm 0123": [{"options": {"root": "/nowhere/a", "workers": 2}, "from_study": {"root": "../a"}}]}"""

DIAGNOSIS = b"""{"schema_version": 1, "readings": [{"density": 0.5, "probe": "lmc", "name": "lmc", "value": -0.1,
"axes": []}], "verdicts": [{"density": 0.5, "regime": "I", "advice": "raise"}], "dense_votes": []}"""


def pack() -> bytes:
    """Return a pack of rules."""
    text = {
        "kind": packs.KIND, "schema_version": 1, "rule": "three-regime", "options": {}, "knobs": {"epochs": [1, 9]},
        "models": ["a"], "data": ["b"], "fit": {"n": 3},
    }  # fmt: skip
    return json.dumps(text).encode()
