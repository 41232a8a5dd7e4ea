"""Counts in sentences: no f-string writes a plural behind a number, so that none says "1 epochs"."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from prunescope.api.knobs import KNOBS
from prunescope.api.wording import count_text, verb_text

ROOT = Path(__file__).parents[1]

THINGS = re.compile(
    r"batches|bytes|cells|channels|checkpoints|classes|epochs|examples|files|images|labels|layers|networks|numbers|"
    r"outputs|pairs|parameters|passes|places|refusals|replicas|rows|runs|samples|seeds|shards|steps|studies|tensors|"
    r"values|votes|weights|workers"
)

NO_NUMBERS = re.compile(
    r"^([A-Z_]+|name|who|key|mine|side|library|mean|.*(words|text|name|shown|note|missing|density)\b.*|percent\(.*|.*!r)$"
)
"""Expressions in which no number stands, as a rule, or a constant that is larger than one."""


def plurals(path):
    """Yield "expression things" where a plural follows a value of an f-string."""
    for text in ast.walk(ast.parse(path.read_text())):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in zip(text.values, text.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and value.conversion == -1 and isinstance(after, ast.Constant):
                thing = re.match(r" (?:\w+ )?(\w+)(?![\w=])", str(after.value))
                shown = ast.unparse(value.value)
                if thing and THINGS.fullmatch(thing[1]) and not NO_NUMBERS.match(shown):
                    yield f"{{{shown}}}{thing[0]}"


@pytest.mark.parametrize("folder", ["prunescope", "zoo"])
def test_every_count_agrees_with_its_noun(folder):
    files = [
        path for path in (ROOT / folder).rglob("*.py") if not {"tests", ".venv", ".nox", "build"} & set(path.parts)
    ]
    assert len(files) > 4
    found = {str(path.relative_to(ROOT)): list(plurals(path)) for path in files}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_a_plural_is_found(tmp_path):
    (tmp_path / "one.py").write_text("f\"{n} epochs, {count_text(n, 'epoch')}, {n:,} prunable weights, {n} of them\"")
    assert list(plurals(tmp_path / "one.py")) == ["{n} epochs", "{n} prunable weights"]


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 entries"), (1, "1 entry"), (1.0, "1 entry"), (12345, "12,345 entries")]
)
def test_counts(number, written):
    assert count_text(number, "entry") == written


def test_verbs():
    assert [verb_text(number, verb) for number in (1, 3) for verb in ("are", "have", "lie")] == [
        "is", "has", "lies", "are", "have", "lie"]  # fmt: skip


def test_one_epoch_as_a_knob():
    epochs = KNOBS["epochs"]
    assert [epochs.at("1"), epochs.below("1"), epochs.above("1"), epochs.at("11")] == [
        "1 epoch", "fewer than 1 epoch", "more than 1 epoch", "11 epochs"]  # fmt: skip
