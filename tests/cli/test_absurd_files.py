"""Files and names of absurd sizes end a command with exit code 2 and two lines, never with a bug of the program."""

from __future__ import annotations

import json
import os

import pytest

from prunescope.cli.terminal import command

DEEP_KEY = ".".join(["a"] * 100_000) + " = 1"

STUDY = """[model]\nname = "preresnet8"\n[data]\nname = "patches"\nimages = 60\n[train]\nplugin = "sgd"\nepochs = 2
[prune]\nplugin = "magnitude"\n[retrain]\nplugin = "sgd"\nepochs = 1\n[[probes]]\nplugin = "errors"
[axes]\nepochs = [1, 2]\ndensity = [0.5]\n[seeds]\nreplicas = 2\n"""

STUDIES = {
    "a deep key": DEEP_KEY,
    "a deep table": f"[{'.'.join(['a'] * 100_000)}]",
    "a deep key in a table": f"x = {{ {DEEP_KEY} }}",
    "deep arrays": "x = " + "[" * 100_000,
    "a long number": "x = " + "1" * 100_000,
    "a large file": "#" * (2 << 20),
    "a grid without end": STUDY.replace("[0.5]", str([number / 40_000 for number in range(1, 40_000)])),
    "no number": "[model]\nwidth = nan",
    "more than 64 bits": f"[train]\nepochs = {1 << 63}",
    "a number without end": f"[seeds]\ndense = [0x{'f' * 100_000}]",
}


@pytest.mark.parametrize("what", STUDIES)
def test_a_study(what, tmp_path, invoke):
    (tmp_path / "study.toml").write_text(STUDIES[what])
    result = invoke("sweep", tmp_path / "study.toml", "--dry-run")
    assert result.exit_code == 2, result.stderr
    assert "study.toml" in result.stderr


@pytest.mark.parametrize("found", [[], {"knobs": []}, {"knobs": {"epochs": 5}}, {"options": 5}, {"others": []}])
def test_a_pack(found, tmp_path, invoke):
    whole = {"kind": "prunescope.rules", "schema_version": 1, "rule": "three-regime", "options": {}, "knobs": {},
             "models": [], "data": [], "fit": {}}  # fmt: skip
    (tmp_path / "pack.json").write_text(json.dumps(whole | found if isinstance(found, dict) else found))
    result = invoke("diagnose", tmp_path / "none.pt", "--rules", tmp_path / "pack.json", "--study", tmp_path)
    assert result.exit_code == 2, result.stderr


@pytest.mark.parametrize(("values", "densities", "times"), [(501, 1, 1), (60, 60, 1), (1, 1, 20_001)])
def test_a_table_of_more_than_can_be_judged_in_seconds(values, densities, times, tmp_path, invoke):
    cells = [f"{value},{number / (densities + 1)},0.5" for value in range(values) for number in range(1, densities + 1)]
    (tmp_path / "table.csv").write_text("\n".join(["epochs,density,lmc", *cells * times]))
    result = invoke("report", tmp_path / "table.csv", "--json")
    assert result.exit_code == 2, result.stderr
    assert "table.csv has" in result.stderr


def test_a_table_of_many_columns_and_short_lines(tmp_path, invoke):
    header = ",".join(["epochs", "density", "lmc", *(f"c{number}" for number in range(200_000))])
    (tmp_path / "table.csv").write_text(f"{header}\n" + "1,0.5,0\n" * 10_000)
    result = invoke("report", tmp_path / "table.csv")
    assert result.exit_code == 2, result.stderr
    assert "10,001 lines of 200,003 columns" in result.stderr


def test_a_table_with_a_long_field(tmp_path, invoke):
    (tmp_path / "table.csv").write_text(f"epochs,density,lmc\n1,0.5,{'1' * 200_000}\n")
    result = invoke("report", tmp_path / "table.csv")
    assert result.exit_code == 2, result.stderr
    assert "table.csv" in result.stderr


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", f"{LONG}.pt"), ("sweep", f"{LONG}.toml"), ("report", f"{LONG}.csv"),
        ("results", "list", "--study", LONG), ("report", LONG), ("diagnose", "a.pt", "--study", LONG),
        ("diagnose", "a.pt", "--rules", f"{LONG}.json"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_long_name(words, tmp_path, invoke, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2, result.stderr


@pytest.mark.parametrize("words", [("results", "check"), ("results", "list"), ("report",), ("sweep",)])
def test_a_study_whose_link_leads_to_itself(words, tmp_path, invoke):
    (tmp_path / "study").symlink_to("study")
    result = invoke(*words, tmp_path / "study")
    assert result.exit_code == 2, result.stderr
    assert str(tmp_path / "study") in result.stderr


@pytest.mark.parametrize("suffix", ["csv", "json", "h5"])
def test_an_export_to_where_nothing_can_be_written(suffix, study, tmp_path, invoke):
    (tmp_path / "file").touch()
    result = invoke("results", "export", tmp_path / "file" / f"out.{suffix}", "--study", study[0])
    assert result.exit_code == 2, result.stderr
    (tmp_path / f"out.{suffix}").mkdir()
    result = invoke("results", "export", tmp_path / f"out.{suffix}", "--study", study[0])
    assert result.exit_code == 2, result.stderr


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "out of memory"),
        (MemoryError(), "out of memory"),
        (PermissionError(13, os.strerror(13), "/a/place"), "cannot use '/a/place': Permission denied"),
    ],
)
def test_what_the_machine_lacks_is_no_bug(error, told, capsys):
    def fail():
        raise error

    output = command._attempt(fail, {}, debug=False)
    assert output.exit_code == 2
    assert told in capsys.readouterr().err
