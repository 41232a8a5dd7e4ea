"""Every function of the package answers as its command: the same runs, the same JSON."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

import prunescope
from prunescope.cli import build
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DATA = "patches:images=64,test_images=40"

SMALL = ("--model", "preresnet8", "--model-option", "width=0.25", "--data", DATA)

SMALL_TOO = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": DATA}

SHORT = ("--trainer-option", "epochs=2", "--trainer-option", "batch_size=32", "--seeds", 1, "--levels", 1)

SHORT_TOO = {"trainer_options": {"epochs": 2, "batch_size": 32}, "seeds": 1, "levels": 1}


@dataclass(frozen=True, kw_only=True)
class Door:
    """A question, as words of the command and as arguments of the function."""

    words: tuple[object, ...]
    given: Mapping[str, Any]


DOORS = {
    "compare": Door(
        words=("magnitude", *SMALL, "--epochs", 2, "--retrain-epochs", 1, "--seeds", 1, "--densities", "0.5"),
        given={**SMALL_TOO, "pruners": ["magnitude"], "epochs": 2, "retrain_epochs": 1, "seeds": 1, "densities": [0.5]},
    ),
    "lottery": Door(
        words=(*SMALL, *SHORT, "--density", 0.3, "--method", "rate", "--control", "none"),
        given={**SMALL_TOO, **SHORT_TOO, "density": 0.3, "methods": ["rate"], "controls": ()},
    ),
    "instability": Door(
        words=(*SMALL, *SHORT, "--steps", "0,1ep"),
        given={**SMALL_TOO, **SHORT_TOO, "steps": [0, "1ep"]},
    ),
}
"""By the name that command and function share."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doors") / "study"


def command(*words: object) -> str:
    """Run the program in this process and return what it prints on stdout."""
    result = CliRunner().invoke(build(words), [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit | typer.Exit), result.exception
    assert result.exit_code in (0, 4), result.stderr
    return result.stdout


@pytest.mark.parametrize("name", DOORS)
def test_a_function_answers_as_its_command(name, folder, capfd):
    door = DOORS[name]
    printed = command(name, *door.words, "--workers", 1, "--study", folder, "--json")
    finished = Store(folder).ids()
    capfd.readouterr()
    found = getattr(prunescope, name)(**door.given, workers=1, study=folder)
    assert json.loads(found.to_json()) == json.loads(printed)
    assert Store(folder).ids() == finished
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", DOORS)
def test_what_it_returns_shows_itself(name, folder):
    found = getattr(prunescope, name)(**DOORS[name].given, workers=1, study=folder)
    assert len(str(found).splitlines()) > 2
    assert str(found).splitlines()[0].split()[0] in found._repr_html_()
    rows = found.rows()
    assert {"density", "reading", "value", "unit"} <= set(rows[0])
    assert all(row["run"] in Store(folder).ids() for row in rows)


@pytest.mark.parametrize("name", DOORS)
def test_every_argument_is_documented(name):
    function = getattr(prunescope, name)
    helped = dict(line.strip().split(": ", 1) for line in function.__doc__.partition("Args:")[2].strip().splitlines())
    assert all(helped[parameter] for parameter in inspect.signature(function).parameters)
