"""`calibrate` on a study that measured its dense models: the pack judges dense models too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import synthetic_phase as synthetic
from small_sweep import study_text

from prunescope.api import Advice, Evidence, Reading
from prunescope.api.errors import UsageError
from prunescope.regimes import chosen
from prunescope.runs.files import runfile
from prunescope.runs.store import Store
from prunescope.studies.grid import studyfolder

STUDY = study_text(
    data={"name": "patches", "images": 40, "test_images": 20},
    train={"plugin": "sgd", "epochs": 80},
    retrain={"plugin": "sgd", "epochs": 8},
    probes=[{"plugin": name} for name in ("errors", "lmc", "cka")],
    dense_probes=[{"plugin": name} for name in ("errors", "hessian")],
    axes={"epochs": [5, 10, 20, 30, 40, 50, 60, 70, 80], "density": [0.05, 0.1]},
    seeds={"dense": [0, 1], "replicas": 2},
)

BEST = 40


def dense_readings(plugin: str, value: float) -> dict[str, Reading]:
    """Return what the probes read: colder than the best the training error is low, hotter the minimum is flat."""
    colder = value > BEST
    readings = {
        "errors": {"train_error": 0.01 if colder else 0.08, "test_error": 0.1 + 0.002 * abs(value - BEST)},
        "hessian": {"trace": float(np.exp(5.0 if colder else 2.0))},
    }
    return {name: Reading(np.array([one]), "1", axes=("replica",)) for name, one in readings[plugin].items()}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a study as if it had been run."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "tree.toml").write_text(STUDY)
    studyfolder.settle(folder / "tree.toml", folder / "tree")
    grid, store = studyfolder.load_grid(folder / "tree"), Store(folder / "tree")
    synthetic.write(grid, store)
    for cell in grid.cells:
        for recipe in cell.dense_probes:
            run = runfile.Run(
                recipe=recipe,
                created="2026-03-01T12:00:00+00:00",
                wall_seconds=1.0,
                device="cpu",
                versions=synthetic.VERSIONS,
                readings={recipe.plugin: dense_readings(recipe.plugin, cell.value)},
            )
            store.path(recipe.id).write_bytes(runfile.run_bytes(run))
    return folder / "tree"


@pytest.fixture(scope="module")
def pack(study: Path, invoke) -> Path:
    """Calibrate."""
    path = study / "pack.json"
    result = invoke("calibrate", study, "--output", path, "--draws", 100)
    assert result.exit_code == 0, result.stderr
    assert "md-tree is right for 100 % of 8 dense models" in result.stderr
    assert "md-tree a: training error" in result.stderr
    assert "md-tree b" not in result.stderr
    return path


def judged(pack: Path, *, network: str = "preresnet8", epochs: float = 60.0, error: float = 0.01, trace: float = 5.0):
    readings = {
        "errors/train_error": Reading(np.array([error]), "fraction"),
        "hessian/trace": Reading(np.array([np.exp(trace)]), "1"),
    }
    rule = chosen.dense_rule(pack, network=network).instance
    return rule.classify(Evidence(density=1.0, readings=readings, knobs={"epochs": epochs}))


def test_the_fitted_tree_judges_what_the_public_one_judges_otherwise(pack: Path) -> None:
    options = json.loads(pack.read_text())["others"]["md-tree"]
    assert 2 < options["log_trace"] < 5 or 0.01 < options["train_error"] < 0.08
    assert judged(pack).advice is Advice.RAISE
    assert judged(None).advice is Advice.LOWER
    assert judged(pack, error=0.08, trace=2.0).advice is Advice.LOWER
    assert "fitted to the dense models of tree: 100 % right in 8 left out" in judged(pack).because
    assert judged(pack).confidence == 1.0


def test_outside_the_fitted_range_there_is_no_confidence(pack: Path) -> None:
    assert judged(pack, epochs=200.0).confidence is None
    assert "epochs 200 is outside the fitted 5 to 80" in judged(pack, epochs=200.0).because[-1]
    assert judged(pack, network="resnet18").confidence is None
    assert judged(pack, network="resnet18").advice is Advice.RAISE


def test_a_pack_without_a_tree_leaves_the_public_one(pack: Path, tmp_path: Path) -> None:
    values = json.loads(pack.read_text())
    other = tmp_path / "pack.json"
    other.write_text(json.dumps({name: value for name, value in values.items() if name != "others"}))
    assert judged(other) == judged(None)
    with pytest.raises(UsageError, match="for the rule 'three-regime'"):
        chosen.rule("md-tree", None, other)


def test_a_study_without_dense_probes_says_so(invoke, tmp_path: Path) -> None:
    table = Path(__file__).parents[2] / "data" / "phase_preresnet20_cifar10.csv"
    result = invoke("calibrate", table, "--output", tmp_path / "pack.json", "--draws", 100)
    assert "note: md-tree keeps its public thresholds: no study measured its dense models" in result.stderr
