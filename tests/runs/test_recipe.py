"""Recipes, their canonical text and ids."""

from __future__ import annotations

import pytest

from prunescope.api.errors import InputError
from prunescope.runs.recipe import Recipe, parse

GOLDEN = (
    '{"arguments":{"density":0.1,"seed":3},"inputs":["train-0123456789abcdef@40"],"options":{"scope":"global"},'
    '"plugin":"magnitude","step":"prune","version":1}'
)


def example() -> Recipe:
    """Return a recipe with every field set."""
    return Recipe(
        step="prune",
        plugin="magnitude",
        options={"scope": "global"},
        arguments={"seed": 3, "density": 0.1},
        inputs=("train-0123456789abcdef@40",),
    )


def test_canonical_text_and_id_never_change() -> None:
    assert example().canonical() == GOLDEN
    assert example().id == "prune-1310d20e6221b6fb"


def test_parse_is_the_inverse_of_canonical() -> None:
    assert parse(GOLDEN) == example()
    assert parse(GOLDEN).id == example().id


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step": "prune"}', GOLDEN.replace("prune", "guess")])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_no_value_outside_json_enters_an_id() -> None:
    with pytest.raises(ValueError, match="JSON"):
        _ = Recipe(step="train", arguments={"lr": float("nan")}).id
