"""A question is made of the options of its names; what is not given keeps the question's default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prunescope.cli.options.questions import build_question
from prunescope.runs.place import STUDY, Place


@dataclass(frozen=True, kw_only=True)
class Question(Place):
    density: float = 0.1
    probes: tuple[str, ...] = ("errors",)
    trainer_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Request:
    density: float = 0.2
    trainer_option: list[str] | None = None
    trust: list[str] | None = None
    json: bool = False


def test_fields_take_the_options_of_their_names():
    asked = build_question(Question, Request(trainer_option=["batch-size=8"]))
    assert (asked.density, asked.trainer_options) == (0.2, {"batch_size": "8"})


def test_what_is_not_given_keeps_the_default():
    asked = build_question(Question, Request(), probes=None)
    assert (asked.probes, asked.trust, asked.folder) == (("errors",), (), STUDY)
