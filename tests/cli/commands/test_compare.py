"""compare on a tiny network: one command gives table, page and JSON, and goes on where it stopped."""

from __future__ import annotations

import json
import shutil

import pytest

TINY = (
    *("--data", "patches:images=120,test_images=60", "--model", "preresnet8", "--model-option", "width=0.25"),
    *("--epochs", 2, "--retrain-epochs", 1, "--seeds", 2, "--densities", "0.5,0.1", "--workers", 1),
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, invoke):
    """Return the folder of a finished comparison and what the command said."""
    folder = tmp_path_factory.mktemp("compare") / "study"
    result = invoke("compare", "magnitude", "lamp", *TINY, "--study", folder)
    assert result.exit_code == 0, result.stderr
    return folder, result


def test_one_command_gives_the_page_the_table_and_json(compared):
    folder, result = compared
    assert result.stdout.strip() == str(folder / "comparison.html")
    assert "<svg" in (folder / "comparison.html").read_text()
    lines = [line.split() for line in result.stderr.splitlines()]
    assert ["dense", "dense"] in [line[:2] for line in lines]
    assert {("random", "50"), ("magnitude", "10"), ("lamp", "10")} <= {tuple(line[:2]) for line in lines}
    assert json.loads((folder / "comparison.json").read_text())["missing"] == []


def test_the_same_command_computes_nothing_again_and_prints_the_same_numbers(compared, invoke):
    folder, _ = compared
    runs = sorted((path.name, path.stat().st_mtime_ns) for path in (folder / "runs").iterdir())
    before = json.loads((folder / "comparison.json").read_text())
    result = invoke("compare", "magnitude", "lamp", *TINY, "--study", folder, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == before
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (folder / "runs").iterdir()) == runs


def test_numbers_are_those_of_the_models(compared, invoke):
    """Half the convolutions' weights of this network are kept: compression and counts agree with the runs."""
    folder, _ = compared
    values = json.loads((folder / "comparison.json").read_text())
    lamp = {one["density"]: one for one in values["pruners"]["lamp"]}
    uniform = {one["density"]: one for one in values["pruners"]["magnitude"]}
    assert lamp[0.1]["compression"]["mean"] == pytest.approx(uniform[0.1]["compression"]["mean"])
    assert lamp[0.1]["speedup"]["mean"] < uniform[0.1]["speedup"]["mean"]
    assert 1.5 < uniform[0.5]["compression"]["mean"] < 2
    assert [one["seed"] for one in lamp[0.5]["seeds"]] == [0, 1]
    assert values["dense"]["compression"]["mean"] == 1
    listed = invoke("results", "list", "--study", folder, "--json")
    assert listed.exit_code == 0


def test_another_pruner_takes_the_dense_runs_that_are_there(compared, invoke):
    folder, _ = compared
    result = invoke("compare", "snip", *TINY, "--study", folder, "--dry-run", "--json")
    assert json.loads(result.stdout)["dry_run"]["steps"] == 2 * 2 * (1 + 1 + 2)


def test_a_density_that_a_pruner_refuses_leaves_a_gap_and_a_reason(compared, invoke, tmp_path):
    folder, page = tmp_path / "study", tmp_path / "gap.html"
    shutil.copytree(compared[0], folder)
    result = invoke("compare", "n-of-m", *TINY, "--study", folder, "--report", page)
    assert result.exit_code == 4
    assert "no N:4 keeps a density of 0.1" in result.stderr
    assert result.stdout.strip() == str(page)
    text = page.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "n-of-m at 10 %" in text
    assert "n-of-m at 50 %" not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("magnitude", "magnitude"), "named twice"),
        (("magnitud",), "did you mean 'magnitude'"),
        (("magnitude:scope=all",), "scope"),
        (("magnitude", "--densities", "5"), "between 0 and 1"),
        (("magnitude", "--report", "page.txt"), ".html"),
        (("magnitude:scope=global,allocation=erk",), "allocation erk"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(words, told, tmp_path, invoke):
    result = invoke("compare", *TINY, *words, "--study", tmp_path / "study")
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "study" / "runs").exists()


def test_a_damaged_reading_is_named_and_the_rest_is_compared(compared, invoke, tmp_path):
    folder = shutil.copytree(compared[0], tmp_path / "study")
    path = min((folder / "runs").glob("probe-*.h5"))
    path.write_bytes(path.read_bytes()[:-9])
    result = invoke("compare", "magnitude", "lamp", *TINY, "--study", folder)
    assert (result.exit_code, path.name in result.stderr) == (2, True), result.stderr
    assert "lamp" in result.stderr
