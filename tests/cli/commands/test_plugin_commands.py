from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from prunescope.api import Option, Probe
from prunescope.api.errors import PluginError
from prunescope.cli.commands import plugin_commands
from prunescope.cli.terminal.command import Output, command
from prunescope.plugins import options, registry


@dataclass(frozen=True, kw_only=True)
class Many(Probe):
    """One option of every kind."""

    needed: Annotated[int, Option("must be given", minimum=1)]
    flag: Annotated[bool, Option("a switch")] = True
    whole: Annotated[int, Option("a whole number", minimum=1, maximum=9)] = 3
    real: Annotated[float, Option("a number", minimum=0)] = 0.5
    text: Annotated[str, Option("a text")] = "here"
    choice: Annotated[Literal["one", "two"], Option("a choice")] = "one"
    several: Annotated[tuple[float, ...], Option("numbers")] = (0.5, 0.75)
    perhaps: Annotated[int | None, Option("a number or none", minimum=1)] = None

    replicas = 1

    def measure(self, replicas, data, *, seed):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Clashing(Many):
    density: Annotated[float, Option("taken")] = 1.0


def own(probe: plugin_commands.Chosen, *, density: Annotated[float, typer.Option(help="own option")] = 0.1) -> Output:
    """Show what came in."""
    return Output(text=f"{options.build_plugin(Many, probe.options)} {density}")


@pytest.fixture
def run(monkeypatch):
    """Run the command that is made of `own` and the plugin Many; the options it builds come back."""
    built = []

    def build(plugin, values):
        built.append(made(plugin, values))
        return built[-1]

    made = options.build_plugin
    monkeypatch.setattr(options, "build_plugin", build)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(command(plugin_commands.bind(own, "probes", "many", Many)))

    def invoke(*words):
        result = CliRunner().invoke(app, list(words))
        return result, built[-1] if built else None

    return invoke


def test_defaults_are_the_plugins(run):
    result, plugin = run("--needed", "1")
    assert result.exit_code == 0, result.output
    assert plugin == Many(needed=1)


def test_every_kind_arrives_as_its_type(run):
    _, plugin = run(
        *("--needed", "2", "--no-flag", "--whole", "9", "--real", "1e-3", "--text", "there"),
        *("--choice", "two", "--several", "0.1,0.2", "--perhaps", "4"),
    )
    assert plugin == Many(
        needed=2, flag=False, whole=9, real=1e-3, text="there", choice="two", several=(0.1, 0.2), perhaps=4
    )


def test_none_is_a_value(run):
    assert run("--needed", "1", "--perhaps", "none")[1].perhaps is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--needed"),
        (["--needed", "0"], "--needed got '0'\nfix: it requires a whole number, at least 1"),
        (
            ["--needed", "1", "--whole", "10"],
            "--whole got '10'\nfix: it requires a whole number, at least 1, at most 9",
        ),
        (["--needed", "1", "--whole", "1.5"], "--whole got '1.5'"),
        (["--needed", "1", "--choice", "three"], "it requires one or two"),
        (["--needed", "1", "--several", "a,b"], "comma-separated: a number"),
        (["--needed", "1", "--perhaps", "0"], "at least 1"),
        (["--needed", "1", "--real", "nan"], "--real got 'nan'"),
    ],
)
def test_bad_values_exit_with_2(run, words, says):
    result, _ = run(*words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_help_shows_defaults_bounds_and_choices(run):
    text = " ".join(run("--help")[0].stdout.split())
    for shown in (
        "--flag / --no-flag",
        "A whole number (at least 1, at most 9) [default: 3]",
        "[one|two]",
        "default: 0.5,0.75",
        "default: none",
        "required",
    ):
        assert shown in text, shown


def test_an_option_of_the_commands_name_is_refused():
    with pytest.raises(PluginError, match="option 'density', which the command has too"):
        plugin_commands.bind(own, "probes", "clashing", Clashing)


def test_a_plugin_that_cannot_be_used_is_listed_and_tells_why(monkeypatch):
    broken = registry.Plugin(
        group="probes", name="broken", distribution="acme", version="2", module="nowhere_at_all", attribute="X"
    )
    monkeypatch.setattr(registry, "find_plugins", lambda _group: (broken,))
    monkeypatch.setattr(registry, "get", lambda _group, _name: broken)
    app = plugin_commands.group_app("probes", own, filled=True)
    listed = CliRunner().invoke(app, ["--help"])
    assert "cannot be used" in listed.stdout
    result = CliRunner().invoke(app, ["broken", "some", "--words"])
    assert result.exit_code == 2
    assert "acme" in result.stderr
    assert "fix: " in result.stderr


def test_completion_offers_the_choices():
    (choice,) = [field for field in registry.options.fields(Many) if field.name == "choice"]
    assert plugin_commands._completion(choice)("t") == ["two"]


def test_plugins_are_loaded_only_for_the_command_that_is_named(monkeypatch):
    monkeypatch.setattr(registry, "find_plugins", lambda _group: pytest.fail("looked for plugins"))
    assert plugin_commands.group_app("probes", own, filled=False).registered_commands == []
