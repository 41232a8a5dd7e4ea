from __future__ import annotations

from pathlib import Path

import pytest


def test_it_prints_the_folder_and_what_to_type_next(invoke, tmp_path):
    result = invoke("plugins", "new", "toy", "--rule", "--into", tmp_path)
    assert result.exit_code == 0
    assert Path(result.stdout.strip()) == tmp_path / "prunescope-toy"
    assert "pip install -e ." in result.stderr
    assert "class Toy(RegimeRule)" in (tmp_path / "prunescope-toy/src/prunescope_toy/__init__.py").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["toy"], "no kind of plugin"),
        (["toy", "--probe", "--rule"], "--probe and --rule"),
        (["Toy", "--probe"], "cannot be called"),
        (["lmc", "--probe"], "there is a probe 'lmc' already, of prunescope"),
    ],
    ids=" ".join,
)
def test_wrong_usage_writes_nothing(invoke, tmp_path, words, told):
    result = invoke("plugins", "new", *words, "--into", tmp_path)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not list(tmp_path.iterdir())


def test_it_never_writes_over_a_folder(invoke, tmp_path):
    for code in (0, 2):
        assert invoke("plugins", "new", "toy", "--probe", "--into", tmp_path).exit_code == code


def test_the_list_is_still_what_plugins_alone_prints(invoke):
    assert "magnitude" in invoke("plugins").stdout
    assert "new" in invoke("plugins", "--help").stdout
