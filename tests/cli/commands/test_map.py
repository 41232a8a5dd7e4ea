"""The instant map from end to end, on tiny data and with one worker."""

from __future__ import annotations

import json

import pytest

from prunescope.data import sources
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import outcomes
from prunescope.networks import checkpoints
from prunescope.runs.opening import open_data
from prunescope.runs.place import Place
from prunescope.runs.session import open_session
from prunescope.runs.store import Store

FAST = ("--workers", 1, "--density", "0.5,0.2")


def test_one_network_maps_the_snapshots_of_its_run_hottest_first(study, invoke):
    folder, dense = study
    found = json.loads(invoke("map", f"{dense}@1", *FAST, "--json", "--study", folder).stdout)
    values = [one["value"] for one in found["networks"]]
    assert found["knob"] == "epochs"
    assert values == sorted(values)
    assert len(values) == len(set(values)) > 1
    assert found["densities"] == [1.0, 0.5, 0.2]
    for density, place in (("0.5", 1), ("0.2", 2)):
        least = min(found["networks"], key=lambda one: one["errors"][place])
        assert found["least"][density] == least["run"]


def test_the_error_is_that_of_the_pruned_network_with_its_batchnorm_re_estimated(study, invoke):
    folder, dense = study
    found = json.loads(invoke("map", f"{dense}@1", *FAST, "--json", "--study", folder).stdout)
    store = Store(folder)
    (pruned,) = [
        run.id
        for run in map(store.read, store.ids())
        if run.recipe.step == "prune" and run.recipe.inputs == (f"{dense}@1",) and run.facts["density"] < 0.3
    ]
    session = open_session(Place(study=folder))
    data = sources.open_source(open_data(None, [dense], session).to_json(), device="cpu", trust=store.trust)
    model = checkpoints.to_model(store.load_weights(pruned)).eval()
    before = float(outcomes(model, data.train, batch_size=256).error.float().mean())
    batchnorm.re_estimate(model, data.train, batch_size=256)
    after = float(outcomes(model, data.train, batch_size=256).error.float().mean())
    (one,) = [one for one in found["networks"] if one["run"] == f"{dense}@1"]
    assert one["errors"][2] == pytest.approx(after, abs=1e-6)
    assert after != before
    assert not [
        run for run in map(store.read, store.ids()) if pruned in run.recipe.inputs and run.recipe.step == "retrain"
    ]


def test_stdout_names_the_network_of_each_density_and_stderr_shows_the_map(study, invoke):
    folder, dense = study
    result = invoke("map", f"{dense}@1", f"{dense}@2", *FAST, "--study", folder)
    assert result.exit_code == 0, result.stderr
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [density for density, _ in lines] == ["0.5", "0.2"]
    assert {run for _, run in lines} <= {f"{dense}@1", f"{dense}@2"}
    assert "no retraining" in result.stderr
    assert "1 epoch (" in result.stderr


def test_one_network_without_relatives_and_a_density_of_one_are_refused(study, invoke, tmp_path):
    folder, dense = study
    result = invoke("map", f"{dense}@1", "--density", "1", "--study", folder)
    assert result.exit_code == 2
    assert "--density got 1" in result.stderr
    alone = tmp_path / "alone"
    words = ("--model", "preresnet8", "--model-option", "width=0.25", "--data", "patches:images=64,test_images=40")
    run = invoke("train", "sgd", *words, "--epochs", 1, "--study", alone).stdout.strip()
    result = invoke("map", run, *FAST, "--study", alone)
    assert result.exit_code == 2
    assert "only one network" in result.stderr


def test_a_dry_run_prunes_nothing(study, invoke):
    folder, dense = study
    before = Store(folder).ids()
    result = invoke("map", f"{dense}@1", "--workers", 1, "--density", "0.31", "--dry-run", "--study", folder)
    assert result.exit_code == 0, result.stderr
    assert Store(folder).ids() == before
