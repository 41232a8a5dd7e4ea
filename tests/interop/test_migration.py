"""What the pages on migration and on accuracy after pruning show of prunescope, run as shown, on small data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from wanted import wanted

import prunescope

wanted("onnxruntime")
wanted("onnxscript")
wanted("prunescope_structured")

PAGES = Path(__file__).parents[2] / "docs/migration"
DATA = "patches:images=64,test_images=40"
SMALL = {
    "--model preresnet20": "--model preresnet8 --model-option width=0.25 --trainer-option epochs=3",
    "torch/cifar10": DATA,
    "path/to/images": DATA,
    "digits": DATA,
    "model.pt ": "model.pt --model preresnet8 ",
    "--levels 4": "--levels 1",
    "--epochs 10 --replicas 3": "--epochs 1 --replicas 2",
    "--replicas 2\n": "--replicas 2 --epochs 1\n",
    "--within 1pt": "--within 1pt --least 0.5 --tries 1 --retrain-epochs 1 --replicas 2",
    "--latency 5ms": "--latency 5ms --least 0.1 --tries 1 --retrain-epochs 1 --replicas 2",
}
"""What is shown -> what runs here."""


def blocks(page, language):
    """Return the blocks of code on a page that are marked as a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    return [code for marked, code in found if marked == language]


def shown(page):
    """Return the commands of prunescope on a page, without installations, made small."""
    found = [block for block in blocks(page, "") if re.search(r"^(\w+=\$\()?prunescope ", block, re.MULTILINE)]
    commands = "".join(found)
    for long, short in SMALL.items():
        commands = commands.replace(long, short)
    return "".join(line for line in commands.splitlines(keepends=True) if not line.startswith("pip install"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a checkpoint, and prunescope as a program."""
    made = tmp_path_factory.mktemp("migration")
    dense = prunescope.train(
        "preresnet8", DATA, model_options={"width": 0.25}, trainer_options={"epochs": 1}, study=made / "made"
    )
    torch.save(dense.network().state_dict(), made / "model.pt")
    program = made / "bin/prunescope"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m prunescope "$@"\n')
    program.chmod(0o755)
    return made


@pytest.mark.parametrize("page", ["open-lth.md", "sparseml.md", "torch-pruning.md", "../after-pruning.md"])
def test_the_commands_of_a_page_run(page, folder):
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
    words = ["bash", "-euo", "pipefail", "-c", shown(page)]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^error:", done.stderr, re.MULTILINE)


def test_torch_pruning_removes_the_channels_that_its_page_says():
    (code,) = blocks("torch-pruning.md", "python")
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 3))
    names = {"model": model, "example_inputs": torch.randn(1, 3, 8, 8)}
    exec(code, names)  # noqa: S102 - the page's own code
    assert [layer.weight.shape[:2] for layer in (model[0], model[2])] == [(4, 3), (2, 4)]
