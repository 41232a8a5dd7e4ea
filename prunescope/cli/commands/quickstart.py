"""`prunescope quickstart`: the whole way once, on real data that needs no download."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from prunescope.api.errors import StoreError
from prunescope.cli.commands.diagnose import diagnose
from prunescope.cli.commands.request import Request
from prunescope.cli.commands.train import train
from prunescope.cli.options import parameters
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.plugins import registry
from prunescope.report.common.console import say

MODEL, WIDTH, DATA = "preresnet8", "width=0.5", "digits"

DENSITIES = "0.05,0.1,0.4"

TRAINING = {"epochs": "60", "batch_size": "32", "weight_decay": "5e-3"}


def quickstart(
    *,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where everything is written.")] = Path(
        "prunescope-quickstart"
    ),
    device: parameters.Device = "auto",
) -> Output:
    """Train a small network on handwritten digits, diagnose it at three densities, and write a report."""
    _make_folder(folder)
    checkpoint, report, study = folder / "ckpt.pt", folder / "report.html", folder / "study"
    options = [word for name, value in TRAINING.items() for word in (f"--{name.replace('_', '-')}", value)]
    snapshots = str(max(1, int(TRAINING["epochs"]) // 2))  # also the last one before the learning rate first falls
    _announce("train", "sgd", "--model", MODEL, "--model-option", WIDTH, "--data", DATA, *options,
              "--snapshots", snapshots, "--output", str(checkpoint), "--study", str(study))  # fmt: skip
    trainer = registry.make("trainers", "sgd", TRAINING)
    asked = {"model": MODEL, "model_option": [WIDTH], "data": DATA, "snapshots": snapshots}
    train(trainer, **asked, output=checkpoint, study=study, device=device)  # type: ignore[arg-type]
    _announce("diagnose", str(checkpoint), "--density", DENSITIES, "--report", str(report), "--study", str(study))
    made = diagnose(
        Request(checkpoints=[str(checkpoint)], density=DENSITIES, report=report, study=study, device=device)
    )
    say("")
    say(f"the network     {checkpoint}")
    say(f"the report      {report} (opens in any browser)")
    say(f"every result    {study / 'runs'}, listed by: prunescope results list --study {shlex.quote(str(study))}")
    say("next: the same for a network of yours: prunescope diagnose last.pth.tar --data FOLDER --report report.html")
    return Output(text=made.text, exit_code=ExitCode.DONE)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder {folder}: {error.strerror}", fix="name another: --folder DIR"
        ) from error


def _announce(*words: str) -> None:
    say(f"\n$ prunescope {shlex.join(words)}")
