"""diagnose from end to end, on tiny data and with one worker."""

from __future__ import annotations

import json

import pytest

from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store

UNDECIDED = (
    *("--workers", 1, "--density", "0.3", "--replicas", 2, "--retrain-epochs", 1),
    *("--trainer-option", "batch_size=32"),
)
"""Replicas trained so briefly have not learned: no verdict."""

FAST = (*UNDECIDED, "--rule-option", "learned=1", "--rule-option", "certainty=0.5")
"""The same, with a rule that is satisfied with anything."""


@pytest.fixture(scope="module")
def diagnosed(study, invoke):
    """Return the result of a diagnosis at one density."""
    folder, dense = study
    return invoke("diagnose", dense, *FAST, "--study", folder)


def test_the_id_is_alone_on_stdout_and_the_verdict_on_stderr(study, diagnosed):
    assert diagnosed.exit_code == 0, diagnosed.stderr
    run = Store(study[0]).read(diagnosed.stdout.strip())
    assert [verdict.density for verdict in run.verdicts] == [0.3, 1.0]
    for part in ("estimate: ", "30 %", "LMC", "Next"):
        assert part in diagnosed.stderr


def test_without_a_verdict_at_any_density_the_dense_vote_does_not_count(study, invoke):
    folder, dense = study
    result = invoke("diagnose", dense, *UNDECIDED, "--study", folder)
    assert result.exit_code == 4
    assert "unresolved" in result.stderr


def test_again_computes_nothing(study, diagnosed, invoke):
    folder, dense = study
    before = Store(folder).ids()
    again = invoke("diagnose", dense, *FAST, "--study", folder)
    assert again.stdout == diagnosed.stdout
    assert Store(folder).ids() == before


@pytest.mark.usefixtures("diagnosed")
def test_json_is_all_there_is_on_stdout(study, invoke):
    folder, dense = study
    found = json.loads(invoke("diagnose", dense, *FAST, "--json", "--study", folder).stdout)
    assert found["schema_version"] == 1
    assert found["level"]["name"] == "L3"
    assert found["verdicts"][0]["density"] == 0.3


@pytest.mark.usefixtures("diagnosed")
def test_report_is_one_file(study, invoke, tmp_path):
    folder, dense = study
    report = tmp_path / "report.html"
    result = invoke("diagnose", dense, *FAST, "--report", report, "--study", folder)
    assert f"report: {report}" in result.stderr
    assert report.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_dry_run_writes_no_run(study, invoke):
    folder, dense = study
    before = Store(folder).ids()
    result = invoke("diagnose", dense, "--density", "0.05,0.1", "--dry-run", "--study", folder)
    assert result.exit_code == 0, result.stderr
    assert "retrain" in result.stdout
    assert "nothing was run" in result.stderr
    assert Store(folder).ids() == before


def test_dry_run_of_a_file_makes_no_study(study, invoke, tmp_path):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    result = invoke("diagnose", tmp_path / "ckpt.pt", "--dry-run", "--json", "--study", tmp_path / "new")
    assert json.loads(result.stdout)["dry_run"]["steps"] > 0
    assert not (tmp_path / "new").exists()


def test_level_1_votes_on_the_dense_model_alone(study, invoke):
    folder, dense = study
    result = invoke("diagnose", dense, "--level", 1, "--workers", 1, "--json", "--study", folder)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["level"]["name"] == "L1"
    assert found["verdicts"] == []
    by_density = invoke("diagnose", dense, "--density", "none", "--workers", 1, "--study", folder)
    assert by_density.stdout.strip() == found["id"]


def test_a_second_replica_adds_the_connectivity_of_the_dense_pair(study, invoke, train_words):
    folder, dense = study
    other = invoke(*train_words, "--seed", 1, "--study", folder)
    result = invoke("diagnose", dense, other.stdout.strip(), "--level", 2, "--workers", 1, "--json", "--study", folder)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["level"]["name"] == "L2"
    assert invoke("probe", "lmc", dense, other.stdout.strip(), "--study", folder).stderr.startswith("probe lmc, ")


def test_weights_alone_are_not_enough_for_a_verdict(study, invoke):
    folder, dense = study
    result = invoke("diagnose", dense, "--level", 0, "--json", "--study", folder)
    assert result.exit_code == 4
    found = json.loads(result.stdout)
    assert found["level"] == 0
    assert sum(layer["weights"] for layer in found["layers"]) > 0
    assert "no verdict" in result.stderr
    plain = invoke("diagnose", dense, "--level", 0, "--study", folder)
    assert plain.stdout.strip() == dense
    assert "layer1.0.conv1.weight" in plain.stderr


def test_without_data_it_stops_at_the_weights(study, invoke, tmp_path):
    from dataclasses import replace

    folder, dense = study
    save_weights(tmp_path / "bare.pt", replace(Store(folder).load_weights(dense), data=None))
    result = invoke("diagnose", tmp_path / "bare.pt", "--study", tmp_path / "s")
    assert result.exit_code == 4
    assert "--data SPEC" in result.stderr


@pytest.mark.usefixtures("diagnosed")
def test_fail_on_is_the_only_way_to_1(study, invoke):
    folder, dense = study
    words = ("diagnose", dense, *FAST, "--certainty", 0.5, "--study", folder)
    run_id = invoke(*words).stdout.strip()
    advice = {str(verdict.diagnosis.advice) for verdict in Store(folder).read(run_id).verdicts} - {"none"}
    named = invoke(*words, "--fail-on", min(advice))
    assert named.exit_code == 1
    assert named.stdout.strip() == run_id
    (other,) = sorted({"raise", "lower", "keep"} - advice)[:1]
    assert invoke(*words, "--fail-on", other).exit_code == 0


def test_what_had_to_be_assumed_is_a_warning(study, invoke, tmp_path):
    from dataclasses import replace

    folder, dense = study
    bare = replace(Store(folder).load_weights(dense), training={"optimizer": "adamw", "learning_rate": 1e-3}, knobs={})
    save_weights(tmp_path / "bare.pt", bare)
    result = invoke(
        *("diagnose", tmp_path / "bare.pt", "--workers", 1, "--density", "0.3", "--replicas", 2),
        *("--retrain-epochs", 1, "--trainer", "sgd", "--json", "--study", tmp_path / "s"),
    )
    assert result.exit_code == 4, result.stderr
    text = " ".join(json.loads(result.stdout)["warnings"])
    assert "trained with adamw" in text
    assert "weight_decay 0.0001" in text


def test_extra_probes_and_their_options(study, invoke):
    folder, dense = study
    words = (*FAST, "--probe", "hessian", "--probe-option", "lmc.points=5", "--probe-option", "lmc.test=false")
    result = invoke("diagnose", dense, *words, "--study", folder)
    assert result.exit_code == 0, result.stderr
    probes = [run for run in map(Store(folder).read, Store(folder).ids()) if run.recipe.step == "probe"]
    assert any(run.recipe.plugin == "lmc" and run.recipe.options == {"points": 5, "test": False} for run in probes)
    assert any(run.recipe.plugin == "hessian" and run.recipe.inputs[0].startswith("retrain") for run in probes)


def test_a_pruned_model_is_not_pruned_to_more_than_it_has(study, invoke):
    folder, dense = study
    pruned = invoke("prune", "magnitude", dense, "--density", 0.1, "--study", folder).stdout.strip()
    result = invoke("diagnose", pruned, "--density", "0.5", "--study", folder)
    assert result.exit_code == 2
    assert "is already pruned to density 0.1" in result.stderr


def test_a_failing_step_leaves_the_others_finished(study, invoke, tmp_path):
    folder, dense = study
    store = Store(folder)
    save_weights(tmp_path / "ckpt.pt", store.load_weights(dense))
    target = tmp_path / "s"
    result = invoke(
        *("diagnose", tmp_path / "ckpt.pt", "--workers", 1, "--density", "0.3", "--replicas", 2),
        *("--trainer-option", "learning_rate=1e30", "--retrain-epochs", 2, "--study", target),
    )
    assert result.exit_code == 2
    assert "error: retrain sgd, density 0.3, seed 1" in result.stderr
    assert "fix: lower the learning rate" in result.stderr
    assert "finished and kept in" in result.stderr
    assert {run_id.partition("-")[0] for run_id in Store(target).ids()} == {"import", "prune", "probe"}
    assert Store(target).check() == []


def test_two_workers_are_processes(study, program, tmp_path):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    ended = program(
        *("diagnose", tmp_path / "ckpt.pt", "--workers", 2, "--density", "0.3", "--replicas", 2),
        *("--retrain-epochs", 1, "--study", tmp_path / "s"),
        NO_COLOR="1",
    )
    assert ended.returncode == 4, ended.stderr  # too briefly trained for a verdict
    assert ended.stdout.startswith("diagnose-")
    assert "100 % after" in ended.stderr
    assert "\x1b" not in ended.stderr


@pytest.fixture
def norms(tmp_path, monkeypatch):
    """Install a distribution with a probe of the weights alone."""
    (tmp_path / "acme_norms.py").write_text(
        "from dataclasses import dataclass\n"
        "from prunescope.api import Probe, Reading\n\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Norm(Probe):\n"
        "    '''Norm of the weights.'''\n\n"
        "    replicas = 1\n"
        "    needs_data = False\n\n"
        "    def measure(self, replicas, data, *, seed):\n"
        "        total = sum(float(weight.detach().square().sum()) for weight in replicas[0].model.parameters())\n"
        "        return {'norm': Reading(total**0.5, unit='1')}\n"
    )
    info = tmp_path / "acme_norms-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-norms\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[prunescope.probes]\nacme-norm = acme_norms:Norm\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("norms")
def test_weights_alone_can_be_probed(study, invoke):
    folder, dense = study
    words = ("diagnose", dense, "--level", 0, "--probe", "acme-norm", "--study", folder)
    result = invoke(*words, "--json")
    assert result.stdout, result.stderr
    found = json.loads(result.stdout)
    state = Store(folder).load_weights(dense).state
    wanted = sum(float(state[name].square().sum()) for name in state if name.endswith(("weight", "bias"))) ** 0.5
    assert found["readings"]["acme-norm"]["norm"]["value"] == [pytest.approx(wanted)]
    assert "acme-norm/norm" in invoke(*words).stderr


def test_a_probe_of_data_is_refused_where_there_are_weights_alone(study, invoke):
    folder, dense = study
    result = invoke("diagnose", dense, "--level", 0, "--probe", "errors", "--study", folder)
    assert result.exit_code == 2
    assert "probe 'errors' requires data" in result.stderr


@pytest.fixture
def without_hessian(study, tmp_path, monkeypatch):
    """Return a checkpoint whose Hessian cannot be taken."""

    def broken(*_, **__):
        raise RuntimeError("derivative for aten::folded_backward is not implemented")

    for estimator in ("hutchinson.trace", "exact_trace.exact_trace"):
        monkeypatch.setattr(f"prunescope.landscape.{estimator}", broken)
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    return tmp_path / "ckpt.pt"


def test_a_probe_of_the_dense_model_that_fails_costs_its_vote_and_nothing_else(without_hessian, invoke, tmp_path):
    words = ("diagnose", without_hessian, *FAST, "--study", tmp_path / "s", "--report", tmp_path / "r.html")
    result = invoke(*words)
    assert result.exit_code == 0, result.stderr
    assert "failed: 1 of" in result.stderr
    assert "without hessian on the dense model" in result.stderr
    assert "folded_backward is not implemented" in (tmp_path / "r.html").read_text()
    run = Store(tmp_path / "s").read(result.stdout.strip())
    assert [verdict.density for verdict in run.verdicts] == [0.3]
    only_dense = invoke(*words[:2], "--density", "none", "--workers", 1, "--study", tmp_path / "s")
    assert only_dense.exit_code == 2
    assert "folded_backward" in only_dense.stderr


def test_several_failures_are_all_told_and_the_one_with_a_fix_is_the_error(without_hessian, invoke, tmp_path):
    diverging = ("--trainer-option", "learning_rate=1e30", "--study", tmp_path / "s")
    result = invoke("diagnose", without_hessian, *FAST, *diverging)
    assert result.exit_code == 2
    assert "folded_backward" in result.stderr
    assert "error: retrain" in result.stderr
    assert "fix: lower the learning rate" in result.stderr


@pytest.mark.parametrize("data", ["digits", "patches:images=100,channels=1"])
def test_data_that_the_network_cannot_take_are_refused_before_anything_runs(study, invoke, tmp_path, data):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    for more in ((), ("--dry-run",)):
        result = invoke("diagnose", tmp_path / "ckpt.pt", *FAST, "--data", data, "--study", tmp_path / "s", *more)
        assert result.exit_code == 3
        assert "made for 3 channels and 10 classes" in result.stderr
        assert "have 1 channel and 10 classes" in result.stderr
