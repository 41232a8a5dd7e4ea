"""What Typer itself refuses: two lines like any other error, and no trace of Click."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "error", "fix"),
    [
        (("sweep",), "Missing argument 'STUDY'", "all options: prunescope sweep --help"),
        (("sweep", "--sharp", "x"), "No such option", "all options: prunescope sweep --help"),
        (("diagnose", "x", "--replicas", "many"), "Invalid value for '--replicas'", "prunescope diagnose [OPTIONS]"),
        (("diagnose", "x", "--level", "9"), "'--level'", "prunescope diagnose [OPTIONS]"),
        (("swep",), "No such command 'swep'", "all options: prunescope --help"),
        (("train", "sgd"), "Missing option '--model'", "prunescope train sgd"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_fix(program, words, error, fix):
    result = program(*words)
    assert result.returncode == 2
    assert result.stdout == ""
    first, second = result.stderr.strip().splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("fix: usage: ")
    assert fix in second


def test_a_name_that_is_nearly_right_is_suggested(program):
    assert "--retrain-epochs" in program("diagnose", "x", "--retrain-epoch", "3").stderr.splitlines()[0]


def test_a_second_probe_is_not_taken_for_a_checkpoint(invoke):
    result = invoke("probe", "lmc", "cka", "--data", "patches")
    assert result.exit_code == 2
    assert "one probe is measured at a time, got 'lmc' and 'cka'" in result.stderr
    assert "prunescope probe cka" in result.stderr


def test_help_version_and_no_words_are_as_ever(program):
    assert program("--version").stdout.startswith("prunescope ")
    assert program("--version").returncode == program("sweep", "--help").returncode == 0
    assert "Usage" in program("results", "--help").stdout
    alone = program()
    assert "diagnose" in alone.stdout + alone.stderr
    assert "error:" not in alone.stderr


def test_the_exit_code_of_a_command_is_the_program_s(program, tmp_path):
    assert program("sweep", tmp_path / "none.toml").returncode == 2
    assert program("results", "list", "--study", tmp_path / "none").returncode == 2
