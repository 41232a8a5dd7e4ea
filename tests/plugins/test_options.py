"""Dataclass fields as typed options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from prunescope.api import Option
from prunescope.api.errors import PluginError, UsageError
from prunescope.plugins import options


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Every kind of option."""

    size: Annotated[int, Option("how many", minimum=1)]
    rate: Annotated[float, Option("how fast", minimum=0, maximum=1)] = 0.5
    name: str = "x"
    flag: Annotated[bool, Option("yes or no")] = False
    mode: Annotated[Literal["layer", "global"], Option("which")] = "layer"
    drops: Annotated[tuple[float, ...], Option("when")] = (0.5, 0.75)
    limit: Annotated[int | None, Option("at most", minimum=1)] = None


def test_fields_carry_name_kind_bounds_and_default() -> None:
    by_name = {field.name: field for field in options.fields(Sample)}
    assert list(by_name) == ["size", "rate", "name", "flag", "mode", "drops", "limit"]
    assert by_name["size"].required
    assert (by_name["rate"].kind, by_name["rate"].option.maximum) == (float, 1)
    assert by_name["mode"].choices == ("layer", "global")
    assert by_name["drops"].many
    assert by_name["limit"].optional
    assert by_name["drops"].flag == "--drops"


def test_build_parses_text_as_flags_and_values_as_toml_alike() -> None:
    text = options.build_plugin(
        Sample, {"size": "3", "rate": "1e-1", "flag": "true", "drops": "0.25,0.5", "limit": "none", "mode": "global"}
    )
    typed = options.build_plugin(
        Sample, {"size": 3, "rate": 0.1, "flag": True, "drops": [0.25, 0.5], "limit": None, "mode": "global"}
    )
    assert text == typed == Sample(size=3, rate=0.1, flag=True, drops=(0.25, 0.5), mode="global")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "--size"),
        ({"size": 0}, "--size got 0"),
        ({"size": 1.5}, "--size got 1.5"),
        ({"size": "many"}, "--size got 'many'"),
        ({"size": float("inf")}, "--size got inf"),
        ({"size": 1, "rate": 10**400}, "--rate got 1000"),
        ({"size": True}, "--size got True"),
        ({"size": 1, "rate": 1.01}, "--rate got 1.01"),
        ({"size": 1, "rate": float("nan")}, "--rate got nan"),
        ({"size": 1, "flag": "maybe"}, "--flag got 'maybe'"),
        ({"size": 1, "mode": "both"}, "--mode got 'both'"),
        ({"size": 1, "name": 3}, "--name got 3"),
        ({"size": 1, "drops": 0.5}, "--drops got 0.5"),
        ({"size": 1, "rate": None}, "--rate cannot be empty"),
        ({"size": 1, "rho": 2}, "no option 'rho'"),
    ],
)
def test_a_wrong_value_names_the_option_and_what_it_wants(values: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named.replace("(", r"\(")) as caught:
        options.build_plugin(Sample, values)
    assert caught.value.fix


def test_only_options_that_differ_from_their_default_enter_a_recipe() -> None:
    sample = Sample(size=2, rate=0.5, drops=(0.5,), flag=False)
    assert options.non_default(sample) == {"drops": [0.5], "size": 2}
    assert options.all_options(sample)["drops"] == [0.5]
    assert options.build_plugin(Sample, options.all_options(sample)) == sample


def test_a_class_that_is_no_dataclass_is_refused() -> None:
    with pytest.raises(PluginError, match="not a dataclass"):
        options.fields(int)


def test_a_field_no_flag_can_carry_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong:
        table: dict[str, int]

    with pytest.raises(PluginError, match="'table'"):
        options.fields(Wrong)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("size", "a whole number, at least 1"),
        ("rate", "a number, at least 0, at most 1"),
        ("mode", "layer or global"),
        ("drops", "comma-separated: a number"),
        ("flag", "true or false"),
    ],
)
def test_wanted_says_what_a_field_takes(name: str, words: str) -> None:
    assert options.wanted({field.name: field for field in options.fields(Sample)}[name]) == words
