from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from prunescope.api import Outcome
from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.plugins import registry
from prunescope.runs import session as sessions
from prunescope.runs.place import AskedPlace, Place, StudyPlace
from prunescope.runs.recipe import Recipe
from prunescope.runs.session import Session, open_session, raise_failure
from prunescope.runs.store import Store


@dataclass
class Notes:
    """Keeps what a session reports."""

    lines: list = field(default_factory=list)

    def note(self, text):
        self.lines.append(text)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def session(tmp_path, notes):
    return Session(store=Store(tmp_path), device="cpu", executor=sessions.this_process(), watcher=notes)


def test_a_place_says_where_its_steps_run(tmp_path):
    assert open_session(Place(study=tmp_path, device="cpu", workers=3)).executor.instance.slots() == 3
    assert open_session(StudyPlace(study=tmp_path, device="cpu")).executor.instance.slots() == 1
    assert open_session(StudyPlace(study=tmp_path)).device == "auto"
    assert open_session(AskedPlace()).device == "cpu"


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        open_session(StudyPlace(study=tmp_path / "file"))
    with pytest.raises(UsageError, match="the device 'abacus' cannot be used"):
        open_session(StudyPlace(study=tmp_path, device="abacus"))
    with pytest.raises(UsageError, match="computes nothing"):
        open_session(StudyPlace(study=tmp_path, device="meta"))
    with pytest.raises(UsageError, match="no executor 'abacus'"):
        open_session(Place(study=tmp_path, executor="abacus"))


def test_code_that_a_person_names_is_trusted(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Asked(StudyPlace):
        model: str = "mine:net"
        data: str = "theirs:images"

    trust = open_session(Asked(study=tmp_path, trust=("others:net",))).store.trust
    assert {"mine:net", "theirs:images", "others:net"} <= trust.names
    assert open_session(StudyPlace(study=tmp_path)).store.trust == trust


def test_options_that_name_code_count_where_a_person_typed_them(tmp_path, monkeypatch):
    @dataclass(frozen=True, kw_only=True)
    class Asked(StudyPlace):
        trainer: str = "sgd"
        trainer_options: dict = field(default_factory=lambda: {"epochs": 1})

    made = []

    def make(group, name, options, **named):
        made.append((group, name, options, named))
        return SimpleNamespace(code=("mine:loss",), instance=SimpleNamespace(remote=False))

    monkeypatch.setattr(registry, "make", make)
    assert "mine:loss" in open_session(Asked(study=tmp_path)).store.trust.names
    assert made[0] == ("trainers", "sgd", {"epochs": 1}, {"trust": None})


def test_a_finished_step_is_reported_and_not_performed(session, notes, monkeypatch):
    recipe = Recipe(step="prune", plugin="magnitude", arguments={"density": 0.1, "seed": 0})
    monkeypatch.setattr(Store, "has", lambda _store, run_id: run_id == recipe.id)
    assert session.perform(recipe) == recipe.id
    assert notes.lines == ["prune magnitude, density 0.1: already finished"]


def test_of_several_failures_the_one_that_somebody_can_mend_is_raised(session, notes):
    recipes = [Recipe(step="train", plugin="sgd", arguments={"seed": seed}) for seed in range(4)]
    outcomes = [
        Outcome(id=recipes[0].id, error="KeyError: 3"),
        Outcome(id=recipes[1].id, error="diverged\nlower the learning rate"),
        Outcome(id=recipes[2].id, error="needs another", skipped=True),
        Outcome(id=recipes[3].id),
    ]
    with pytest.raises(PrunescopeError, match="train sgd, seed 1: diverged") as raised:
        raise_failure(outcomes, recipes, session)
    assert raised.value.fix == "lower the learning rate"
    assert notes.lines[0].startswith("failed: 2 of 4 steps; 1 is finished")
    assert notes.lines[1:] == ["failed too: train sgd, seed 0: KeyError: 3"]
    raise_failure(outcomes[3:], recipes, session)
