from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from prunescope.api.errors import EvidenceError, InputError, MismatchError
from prunescope.cli.terminal.command import ExitCode, Output, command


@pytest.fixture
def run():
    """Run a function as a command."""

    def invoke(function, *words):
        app = typer.Typer(rich_markup_mode=None)
        app.command()(command(function))
        return CliRunner().invoke(app, list(words))

    return invoke


@pytest.fixture
def listening():
    """Listen to Ctrl-C as a program of its own does, even where whoever runs the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def raising(error):
    def fail() -> Output:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("broken file", fix="correct it"), 2),
        (MismatchError("broken file", fix="correct it"), 3),
        (EvidenceError("broken file", fix="correct it"), 4),
    ],
)
def test_an_error_is_two_lines_and_its_code(run, error, code):
    result = run(raising(error))
    assert result.exit_code == code
    assert result.stderr == "error: broken file\nfix: correct it\n"
    assert result.stdout == ""


def test_debug_adds_the_traceback(run):
    result = run(raising(InputError("broken file", fix="correct it")), "--debug")
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback")
    assert result.stderr.endswith("error: broken file\nfix: correct it\n")


@pytest.mark.usefixtures("listening")
def test_ctrl_c_that_a_loading_module_turned_into_another_error_is_still_ctrl_c(run):
    def loading() -> Output:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        raise ImportError("multiarray failed to import")

    result = run(loading)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # Python is about to end
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


class Dying:
    """Presses Ctrl-C in its finalizer, out of which Python lets no exception."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_during_a_finalizer_is_still_ctrl_c(run, capsys):
    def dropping() -> Output:
        Dying()
        time.sleep(5)
        return Output(text="finished")

    hook = sys.unraisablehook
    result = run(dropping)
    assert sys.unraisablehook is hook
    assert result.exit_code == 130
    assert "finished" not in result.stdout
    assert "Exception ignored" not in capsys.readouterr().err


@pytest.mark.usefixtures("listening")
def test_ctrl_c_that_a_library_swallowed_is_pressed_again(run):
    def loading() -> Output:
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        time.sleep(5)
        return Output(text="finished")

    result = run(loading)
    assert result.exit_code == 130
    assert "finished" not in result.stdout


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("how", ["finally", "generator"])
def test_what_cleans_up_is_not_interrupted_again(run, how):
    cleaned = []

    def steps():
        try:
            yield
        finally:
            time.sleep(0.7)
            cleaned.append("generator")

    def interrupted() -> Output:
        if how == "generator":
            for _ in steps():
                signal.raise_signal(signal.SIGINT)
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            time.sleep(0.7)
            cleaned.append("finally")
        return Output()

    assert run(interrupted).exit_code == 130
    assert cleaned == [how]


def test_an_unforeseen_exception_is_told_as_a_bug(run):
    result = run(raising(ZeroDivisionError("by zero")))
    assert result.exit_code == ExitCode.BUG
    assert "this is a bug" in result.stderr
    assert "ZeroDivisionError: by zero" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_out_of_memory_is_no_bug(run):
    result = run(raising(MemoryError()))
    assert result.exit_code == 2
    assert "out of memory" in result.stderr


def test_an_interruption_says_what_is_kept(run):
    def interrupted(*, study: Path = Path("here")) -> Output:
        raise KeyboardInterrupt(study)

    result = run(interrupted)
    assert result.exit_code == 130
    assert "kept in here" in result.stderr
    assert "the same command resumes" in result.stderr


def test_output_goes_to_stdout_with_its_code(run):
    result = run(lambda: Output(text="train-0123", exit_code=ExitCode.FAILED_ON))
    assert result.stdout == "train-0123\n"
    assert result.exit_code == 1


def test_what_libraries_print_goes_to_stderr(capfd):
    def chatty() -> Output:
        print("from Python")  # noqa: T201 - as a library might
        sys.stdout.flush()
        os.write(1, b"from C\n")
        return Output(text="result")

    with pytest.raises(typer.Exit):
        command(chatty)(debug=False)
    captured = capfd.readouterr()
    assert captured.out == "result\n"
    assert "from Python" in captured.err
    assert "from C" in captured.err
