"""lottery and instability on tiny data, with one worker."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from prunescope.runs.store import Store

TINY = (
    *("--model", "preresnet8", "--model-option", "width=0.25", "--data", "patches:images=64,test_images=40"),
    *("--trainer-option", "epochs=2", "--trainer-option", "batch_size=32", "--workers", 1, "--seeds", 2),
)

LOTTERY = ("lottery", *TINY, "--density", 0.25, "--levels", 2, "--rewind", "0,0.5ep", "--method", "weights,gradual")

INSTABILITY = ("instability", *TINY, "--steps", "0,1ep", "--density", 0.25, "--levels", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lottery") / "study"


@pytest.fixture(scope="module")
def told(folder, invoke):
    page, figures = folder.with_name("l.html"), folder.with_name("figures")
    result = invoke(*LOTTERY, "--study", folder, "--json", "--report", page, "--figures", figures)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_every_kind_of_network_is_there_at_every_density(told):
    found = {(row["step"], row["method"], row["control"], row["density"]) for row in told["rows"]}
    controls = {(step, "weights", c, d) for step in (0, 1) for c in (None, "random", "reinit") for d in (0.5, 0.25)}
    assert found == controls | {(step, "gradual", None, d) for step in (0, 1) for d in (0.5, 0.25)}
    assert len(found) == len(told["rows"])
    assert (told["steps"], told["steps_per_epoch"], told["seeds"]) == (4, 2, [0, 1])


def test_the_errors_are_those_of_the_runs_and_say_whether_they_match(told, folder):
    store = Store(folder)
    by_run = {
        run.recipe.inputs[0]: float(run.readings["errors"]["test_error"].value[0])
        for run in map(store.read, store.ids())
        if run.recipe.plugin == "errors"
    }
    edge = told["dense"]["mean"] + told["dense"]["deviation"]
    for row in told["rows"]:
        assert [by_run[run] for run in row["runs"]] == row["test_error"]["values"]
        assert row["matching"] == (sum(row["test_error"]["values"]) / 2 <= edge)


def test_the_pruned_networks_have_the_density_of_their_row(told, folder):
    store = Store(folder)
    for row in told["rows"]:
        densities = {store.read(run).facts["density"] for run in row["runs"]}
        assert all(density == pytest.approx(row["density"], abs=1e-3) for density in densities)


def test_the_report_opens_offline_and_the_pictures_are_there(told, folder):
    page = folder.with_name("l.html").read_text()
    assert f"{len(told['seeds'])} seeds" in page
    assert "<svg" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    names = {path.name for path in folder.with_name("figures").iterdir()}
    assert names == {"lottery.svg", "lottery.png"}


def test_a_table_goes_to_stdout_and_nothing_is_run_again(told, folder, invoke):
    before = {run_id: Store(folder).path(run_id).stat().st_mtime_ns for run_id in Store(folder).ids()}
    result = invoke(*LOTTERY, "--study", folder)
    assert "steps are already finished" in result.stderr
    assert "dense:" in result.stderr
    assert result.stdout.splitlines()[0].split()[:2] == ["network", "density"]
    assert len(result.stdout.splitlines()) == 2 + len(told["rows"])
    assert {run_id: Store(folder).path(run_id).stat().st_mtime_ns for run_id in Store(folder).ids()} == before


def test_a_dry_run_counts_and_runs_nothing(tmp_path, invoke):
    result = invoke(*LOTTERY, "--study", tmp_path / "s", "--dry-run", "--json")
    assert json.loads(result.stdout)["dry_run"]["steps"] > 40
    assert not (tmp_path / "s").exists()


def test_instability_measures_dense_and_masked_networks(folder, told, invoke):
    page = folder.with_name("i.html")
    result = invoke(*INSTABILITY, "--study", folder, "--json", "--report", page)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [curve["density"] for curve in found["curves"]] == [1.0, 0.25]
    for curve in found["curves"]:
        assert curve["steps"] == [0, 2]
        assert [len(row) for row in curve["barrier"]] == [2, 2]
        assert all(0 <= value <= 1 for row in curve["barrier"] for value in row)
    assert found["dense_test_error"] == told["dense"]["mean"]
    assert "instability to SGD noise" in page.read_text()
    table = invoke(*INSTABILITY, "--study", folder)
    assert len(table.stdout.splitlines()) == 1 + 4
    assert re.search(r"(stable to SGD noise from step|not stable up to step)", table.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--rewind", "5"), "it requires steps from 0 to 4"),
        (("--rewind", "x"), "it requires steps such as 100"),
        (("--method", "weight"), "weights, rate, fine-tune, gradual"),
        (("--control", "some"), "random, reinit, none"),
        (("--density", 1), "it requires a fraction"),
        (("--trainer", "nothing"), "there is no trainer 'nothing'"),
        (("--report", "l.pdf"), "end it in .html"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(tmp_path, invoke, words, told):
    result = invoke(*LOTTERY, *words, "--study", tmp_path / "s")
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "s").exists()


def test_copies_that_part_at_the_end_are_refused(tmp_path, invoke):
    result = invoke("instability", *TINY, "--steps", "4", "--study", tmp_path / "s")
    assert result.exit_code == 2
    assert "training ends there" in result.stderr


def test_kill_9_keeps_what_is_finished_and_the_same_command_ends_alike(invoke, tmp_path):
    small = (*LOTTERY[:-4], "--rewind", 1, "--method", "rate", "--control", "none", "--json")
    undisturbed = json.loads(invoke(*small, "--study", tmp_path / "undisturbed").stdout)
    store = Store(tmp_path / "killed")
    words = [sys.executable, "-m", "prunescope", *map(str, small), "--study", str(store.study)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while process.poll() is None and not (store.runs.is_dir() and len(store.ids()) >= 5):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert store.check() == []
    kept = {run_id: store.path(run_id).stat().st_mtime_ns for run_id in store.ids()}
    again = invoke(*small, "--study", store.study)
    assert json.loads(again.stdout) == undisturbed
    assert {run_id: store.path(run_id).stat().st_mtime_ns for run_id in kept} == kept
