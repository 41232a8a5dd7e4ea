"""`prunescope quickstart`: the whole way once, on real data that needs no download."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import StoreError
from prunescope.cli.options import parameters, questions
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.report.common.console import say
from prunescope.studies.diagnosis.question import DiagnosisQuestion
from prunescope.studies.steps.training import TrainingQuestion

if TYPE_CHECKING:
    from prunescope.report.common.finding import Finding

MODEL, WIDTH, DATA = "preresnet8", 0.5, "digits"

QUICKSTART_DENSITIES = (0.05, 0.1, 0.4)

QUICKSTART_TRAINING = {"epochs": 60, "batch_size": 32, "weight_decay": 0.005}


def quickstart(
    *,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all files.")] = Path("prunescope-quickstart"),
    device: parameters.Device = TrainingQuestion.device,
) -> Output:
    """Train and diagnose a small network on real data. Handwritten digits, three densities, and a report."""
    _make_folder(folder)
    checkpoint, report, study = folder / "ckpt.pt", folder / "report.html", folder / "study"
    _train(checkpoint, study=study, device=device)
    found = _diagnose(checkpoint, report=report, study=study, device=device)
    say("")
    say(f"the network     {checkpoint}")
    say(f"the report      {report} (opens in any browser)")
    say(f"every result    {study / 'runs'}, listed by: prunescope results list --study {shlex.quote(str(study))}")
    say("next: the same for a network of yours: prunescope diagnose last.pth.tar --data FOLDER --report report.html")
    return Output(text=str(getattr(found, "run", "")))


def _train(checkpoint: Path, *, study: Path, device: str) -> None:
    from prunescope.report.steps.training import find_training

    options = [
        word for name, value in QUICKSTART_TRAINING.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}")
    ]
    halfway = max(1, int(QUICKSTART_TRAINING["epochs"]) // 2)  # also the last one before the learning rate first falls
    _announce("train", "sgd", "--model", MODEL, "--model-option", f"width={WIDTH:g}", "--data", DATA, *options,
              "--snapshots", str(halfway), "--output", str(checkpoint), "--study", str(study))  # fmt: skip
    question = TrainingQuestion(
        MODEL,
        DATA,
        model_options={"width": WIDTH},
        trainer_options=QUICKSTART_TRAINING,
        snapshots=(halfway,),
        study=study,
        device=device,
    )
    found = find_training(question, questions.open_session(question))
    showing.say_lines(found.lines())
    showing.save_weights(found, checkpoint)


def _diagnose(checkpoint: Path, *, report: Path, study: Path, device: str) -> Finding:
    from prunescope.report.diagnosis.finding import find_diagnosis

    _announce("diagnose", str(checkpoint), "--density", ",".join(f"{density:g}" for density in QUICKSTART_DENSITIES),
              "--report", str(report), "--study", str(study))  # fmt: skip
    question = DiagnosisQuestion([str(checkpoint)], densities=QUICKSTART_DENSITIES, study=study, device=device)
    found = find_diagnosis(question, questions.open_session(question))
    console.show(found.printed())
    say(f"report: {found.report(report)}")
    return found


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder {folder}: {error.strerror}", fix="name another: --folder DIR"
        ) from error


def _announce(*words: str) -> None:
    say(f"\n$ prunescope {shlex.join(words)}")
