"""Every command that reads a study, with every kind of damage: it names what it needed, and its exit code is 2."""

from __future__ import annotations

import shutil

import pytest
from small_sweep import sweep_small_study


@pytest.fixture(scope="module")
def swept(tmp_path_factory, invoke):
    """Return a small study that is finished."""
    return sweep_small_study(tmp_path_factory.mktemp("table"), invoke)


@pytest.fixture
def study(swept, tmp_path):
    """Return a copy of the study, to be damaged."""
    return shutil.copytree(swept, tmp_path / "study")


def truncate(paths):
    for path in paths:
        path.write_bytes(path.read_bytes()[:-100])
    return [path.name for path in paths]


def one_probe(study):
    return truncate(sorted((study / "runs").glob("probe-*.h5"))[-1:])


def every_probe(study):
    return truncate(sorted((study / "runs").glob("probe-*.h5")))


def every_result(study):
    return truncate(sorted((study / "runs").glob("*.h5")))


def study_file(study):
    (study / "study.toml").write_bytes(b"[model\n")
    return ["study.toml"]


def no_text(study):
    (study / "study.toml").write_bytes(b"\xff\xfe[model]\n")
    return ["study.toml"]


def folder_in_its_place(study):
    (study / "study.toml").unlink()
    (study / "study.toml").mkdir()
    return ["study.toml"]


def file_in_place_of_the_runs(study):
    shutil.rmtree(study / "runs")
    (study / "runs").write_text("")
    return ["runs"]


RESULTS = (one_probe, every_probe, every_result)

BESIDE = (study_file, no_text, folder_in_its_place)

COMMANDS = {
    "report": ("report", "STUDY"),
    "report --json": ("report", "STUDY", "--json"),
    "report --csv": ("report", "STUDY", "--csv"),
    "calibrate": ("calibrate", "STUDY", "--output", "OUT.json"),
    "sweep": ("sweep", "STUDY"),
    "sweep --list": ("sweep", "STUDY", "--list"),
    "sweep --dry-run": ("sweep", "STUDY", "--dry-run"),
    "results list": ("results", "list", "STUDY"),
    "results list --json": ("results", "list", "STUDY", "--json"),
    "results export json": ("results", "export", "STUDY", "OUT.json"),
    "results export csv": ("results", "export", "STUDY", "OUT.csv"),
    "results export h5": ("results", "export", "STUDY", "OUT.h5"),
    "results check": ("results", "check", "STUDY"),
}
"""Those that read every result, and the file of the study."""

OF_RESULTS = {
    "diff, before": ("diff", "STUDY", "WHOLE"),
    "diff, after": ("diff", "WHOLE", "STUDY"),
    "cite": ("cite", "STUDY"),
}
"""Those that read every result, and nothing beside them."""

OF_A_COLUMN = {"advise": ("advise", "STUDY", "--density", "0.5")}
"""Those that read the results of one density, and the file of the study."""


def said(words, study, swept, invoke):
    places = {"STUDY": study, "WHOLE": swept}
    result = invoke(*(places.get(word, word.replace("OUT", str(study.parent / "out"))) for word in words))
    assert result.exit_code == 2, (words, result.exit_code, result.stderr)
    return result.stderr + result.stdout


@pytest.mark.parametrize("damage", [*RESULTS, *BESIDE, file_in_place_of_the_runs], ids=lambda damage: damage.__name__)
def test_every_command_names_what_is_damaged(damage, study, swept, invoke):
    commands = COMMANDS | (OF_RESULTS if damage in RESULTS else {})
    names = damage(study)
    for command, words in (commands | OF_A_COLUMN).items():
        text = said(words, study, swept, invoke)
        assert [name for name in names if name not in text and not (command == "advise" and "train" in name)] == [], (
            command
        )


@pytest.mark.parametrize("text", ["{", "[]", '{"patches": 5}', '{"patches": [{"options": {}}]}', "[" * 100_000])
def test_a_damaged_table_of_places_is_named_and_written_again(text, study, swept, invoke):
    (study / "places.json").write_text(text)
    for words in (("results", "check", "STUDY"), ("results", "list", "STUDY")):
        assert "places.json" in said(words, study, swept, invoke)
    (study / "places.json").unlink()
    assert invoke("results", "check", study).exit_code == 0
