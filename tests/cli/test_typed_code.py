"""Code that a person types: remembered for that study folder, on that machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import Trust, resolve

NETS = """
from torch import nn
def small(num_classes, in_chans, image_size):
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.ReLU(), *ends)
def images():
    import numpy as np
    draw = np.random.default_rng(0)
    return [draw.integers(0, 255, (40, 1, 8, 8), dtype=np.uint8), np.arange(40) % 4] * 2
"""

STUDY = """
model = { name = "nets_of_mine:small" }
data = { name = "nets_of_mine:images" }
train = { plugin = "sgd", epochs = 1 }
prune = { plugin = "magnitude" }
retrain = { plugin = "sgd", epochs = 1 }
probes = [{ plugin = "errors" }]
axes = { epochs = [1], density = [0.5] }
seeds = { replicas = 1 }
"""

TRAIN = ("train", "sgd", "--model", "nets_of_mine:small", "--data", "nets_of_mine:images", "--epochs", 1)


@pytest.fixture
def own_code(tmp_path, monkeypatch, invoke):
    """Stand in a folder with code of one's own, and return the program."""
    (tmp_path / "nets_of_mine.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield invoke
    sys.modules.pop("nets_of_mine", None)


def test_what_was_typed_goes_on_working_in_that_study(own_code):
    trained = own_code(*TRAIN, "--study", "mine", "--output", "mine.pt")
    assert trained.exit_code == 0, trained.stderr
    again = own_code("prune", "magnitude", trained.stdout.strip(), "--density", 0.5, "--study", "mine")
    assert again.exit_code == 0, again.stderr
    assert not [path for path in Path("mine").rglob("*") if "trust" in path.name]


def test_another_study_asks_again(own_code):
    own_code(*TRAIN, "--study", "mine", "--output", "mine.pt")
    words = ("probe", "errors", "mine.pt", "--study", "other")
    refused = own_code(*words)
    assert refused.exit_code == 2
    assert "fix: if you trust it, --trust nets_of_mine:small" in refused.stderr
    half = own_code(*words, "--trust", "nets_of_mine:small")
    assert "names code: 'nets_of_mine:images'" in half.stderr
    allowed = own_code(*words, "--trust", "nets_of_mine:images")  # the other one is remembered
    assert allowed.exit_code == 0, allowed.stderr


def test_a_study_that_was_moved_here_brings_no_trust(own_code, tmp_path, monkeypatch):
    trained = own_code(*TRAIN, "--study", "mine").stdout.strip()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    refused = own_code("prune", "magnitude", trained, "--density", 0.5, "--study", "mine")
    assert "names code" in refused.stderr


def test_workers_get_the_trust_of_the_sweep(own_code):
    Path("own.toml").write_text(STUDY)
    assert own_code("sweep", "own.toml").exit_code == 2
    names = ("--trust", "nets_of_mine:small", "--trust", "nets_of_mine:images")
    swept = own_code("sweep", "own.toml", "--workers", 2, *names)
    assert swept.exit_code == 0, swept.stderr
    assert own_code("report", "own").exit_code == 0


def test_the_working_directory_is_searched_for_typed_code_alone(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("import sys\nsearched = list(sys.path)\ndef f(): return searched\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert resolve("only_here:f")()[-1] == str(tmp_path)
    assert sys.path == before
    with pytest.raises(UsageError, match="cannot import 'not_here:f'"):
        resolve("not_here:f")
    assert sys.path == before
    with pytest.raises(UsageError, match=r"cannot import 'only_here.py:f'") as caught:
        resolve("only_here.py:f")
    assert caught.value.fix.startswith('write "only_here:f", ')


def test_trust_is_of_whole_names():
    trust = Trust(frozenset({"nets:small"}))
    with pytest.raises(InputError, match="names code: 'nets:large'"):
        trust.check("nets:large", source="a file")
    with pytest.raises(InputError, match=r"names code: '\\x1b\[31m:f'"):
        trust.check("\x1b[31m:f", source="a file")


def test_paths_through_a_network_of_ones_own_are_searched_at_the_size_of_its_data(own_code):
    ends = "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4))\n"
    Path("nets_of_mine.py").write_text(f"{NETS}def of_one_size():\n{ends}")
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4))
    torch.save(network.state_dict(), "plain.pt")
    named = ("--model", "nets_of_mine:of_one_size", "--data", "nets_of_mine:images")
    found = own_code("prune", "magnitude", "plain.pt", *named, "--density", 0.5, "--explain")
    assert "effective density: n/a" not in found.stderr
    assert "kept weights on a path" in found.stderr
