"""Completion at the shell's prompt, through the protocol that Typer's bash script speaks."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("prunescope diag", {"diagnose"}),
        ("prunescope probe lm", {"lmc"}),
        ("prunescope train sgd --schedule c", {"cosine", "constant"}),
        ("prunescope probe lmc --poi", {"--points"}),
    ],
)
def test_completion(words, offered):
    code = "import sys; sys.argv = ['prunescope']; from prunescope.cli import main; main()"
    environment = {
        "_PRUNESCOPE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert set(ended.stdout.split()) == offered, ended.stderr
