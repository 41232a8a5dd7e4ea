"""Class folders get the labels of the network's training."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8 with timm
from prunescope.api.errors import MismatchError
from prunescope.data import sources
from prunescope.plugins import registry
from prunescope.runs.opening import open_data, open_network
from prunescope.runs.place import Loading
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.runs.watching import Silent

NAMES = ("C-130", "C-47", "DC-10", "DC-3")
"""As text; timm exchanges the first two, and the last two."""

NATURAL = ("C-47", "C-130", "DC-3", "DC-10")


class Noted(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


@pytest.fixture
def session(tmp_path):
    executor = registry.make("executors", "local", {"workers": 1})
    return Session(store=Store(tmp_path / "study"), device="cpu", executor=executor, watcher=Noted())


@pytest.fixture
def folder(tmp_path):
    """Classes told apart by their grey level, 15 images each."""
    for split in ("train", "val"):
        for level, name in enumerate(NAMES):
            (tmp_path / "data" / split / name / "deep").mkdir(parents=True)
            for i in range(15):
                pixels = np.full((8, 8, 3), 60 * level + i, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / "deep" / f"{i}.png")
    return tmp_path / "data"


def state(classes=4):
    return timm.create_model("preresnet8", num_classes=classes, width=0.25).state_dict()


def order(path, data, session):
    """Return the options that say the labels, and what they are."""
    source = open_data(str(data), [open_network(str(path), session)], session)
    names = sources.source_inventory(source)["train"].classes
    return {name: value for name, value in source.options.items() if name.startswith("class")}, names


def arguments(**more):
    return argparse.Namespace(model="preresnet8", model_kwargs={"width": 0.25}, num_classes=4, lr_base=0.1, **more)


def test_a_bare_state_dict_has_torchvisions_order(tmp_path, folder, session):
    torch.save(state(), tmp_path / "preresnet8.pt")
    assert order(tmp_path / "preresnet8.pt", folder, session) == ({"class_order": "text"}, NAMES)
    assert any("in timm's, C-130, C-47, DC-10, DC-3 have other labels" in line for line in session.watcher.lines)


def test_a_file_of_timm_has_timms_order_and_its_innermost_folders(tmp_path, folder, session):
    torch.save({"arch": "preresnet8", "state_dict": state(1), "args": arguments(), "epoch": 1}, tmp_path / "a.pth.tar")
    assert order(tmp_path / "a.pth.tar", folder, session) == ({"class_level": "leaf"}, ("deep",))
    torch.save({"arch": "preresnet8", "state_dict": state(), "args": arguments(), "epoch": 1}, tmp_path / "b.pth.tar")
    for path in list(folder.rglob("*.png")):
        path.rename(path.parent.parent / path.name)
    assert order(tmp_path / "b.pth.tar", folder, session) == ({}, NATURAL)


@pytest.mark.parametrize(
    ("classes", "options"),
    [
        ({name: label for label, name in enumerate(NATURAL)}, {}),
        ({name: label for label, name in enumerate(NAMES)}, {"class_order": "text"}),
        ({name: label for label, name in enumerate(NAMES[::-1])}, {"classes": list(NAMES[::-1])}),
    ],
)
def test_the_checkpoints_own_classes_count(tmp_path, folder, session, classes, options):
    torch.save({"model": state(), "class_to_idx": classes}, tmp_path / "preresnet8.pt")
    assert order(tmp_path / "preresnet8.pt", folder, session) == (options, tuple(classes))


def test_classes_that_are_not_the_folders_are_named_and_not_used(tmp_path, folder, session):
    torch.save({"model": state(), "classes": ["a", "b", "c", "d"]}, tmp_path / "preresnet8.pt")
    assert order(tmp_path / "preresnet8.pt", folder, session)[0] == {"class_order": "text"}
    assert any("do not name 'C-130': not used" in line for line in session.watcher.lines)


def test_what_a_person_gives_goes_before(tmp_path, folder, session):
    torch.save(state(), tmp_path / "preresnet8.pt")
    assert order(tmp_path / "preresnet8.pt", f"{folder}:class_order=natural", session) == ({}, NATURAL)


@pytest.mark.parametrize("outputs", [3, 7])
def test_other_outputs_than_classes_are_refused_unless_mapped(tmp_path, folder, session, outputs):
    torch.save(state(outputs), tmp_path / "preresnet8.pt")
    with pytest.raises(MismatchError):
        order(tmp_path / "preresnet8.pt", folder, session)
    listed = [*NAMES[:3], "x", "y", "z", "v"][:outputs]
    (tmp_path / "classes.json").write_text(json.dumps(listed))
    found = order(tmp_path / "preresnet8.pt", f"{folder}:classes={tmp_path / 'classes.json'}", session)
    assert found[1] == tuple(listed)


def test_the_inventory_is_kept_with_the_datas_fingerprint(tmp_path, folder, session):
    torch.save(state(), tmp_path / "preresnet8.pt")
    source = open_data(str(folder), [open_network(str(tmp_path / "preresnet8.pt"), session)], session)
    kept = json.loads((session.store.study / "data" / f"{source.fingerprint}.json").read_text())
    assert kept["train"]["classes"] == list(NAMES)
    assert kept["test"]["counts"] == [15] * 4


CODE = """
import torch
from torch import nn
class Levels(nn.Module):  # predicts the class of a grey level
    def __init__(self, num_classes=4, in_chans=3):
        super().__init__()
        self.mean, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(3, num_classes)
    def forward(self, x):
        return self.head(self.mean(x).flatten(1))
"""


@pytest.fixture
def exact(tmp_path, monkeypatch, session):
    """Return a function that opens the data with a network that is right on every image of torchvision's order."""
    (tmp_path / "levels_for_tests.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    levels = torch.tensor([(60 * level + 7) / 255 for level in range(4)])
    levels = (levels - 0.5) / 0.25
    weights = {"head.weight": (2 * levels / 3)[:, None].repeat(1, 3), "head.bias": -(levels**2)}
    torch.save(weights, tmp_path / "net.pt")
    trusted = Session(
        store=Store(session.store.study, trust=session.store.trust.also(["levels_for_tests:Levels"])),
        device="cpu",
        executor=session.executor,
        watcher=session.watcher,
    )

    def run(data):
        loading = Loading(model="levels_for_tests:Levels")
        return open_data(data, [open_network(str(tmp_path / "net.pt"), trusted, loading=loading)], trusted)

    return run


def test_predictions_that_are_an_exchange_of_the_labels_are_named(folder, session, exact):
    exact(f"{folder}:mean=0.5,std=0.25")
    assert not any("exchange" in line for line in session.watcher.lines)
    exact(f"{folder}:mean=0.5,std=0.25,class_order=natural")
    line = next(line for line in session.watcher.lines if "exchange" in line)
    assert "0 % of 60 training images are right, and 100 % would be" in line
    assert "C-47 as C-130" in line


def test_labels_outside_the_outputs_of_ones_own_network_are_refused(folder, exact):
    (folder / "train" / "A" / "deep").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "train" / "A" / "deep" / "0.png")
    with pytest.raises(MismatchError, match=r"has 4 outputs; the labels of .* go up to 4"):
        exact(f"{folder}:mean=0.5,std=0.25")
