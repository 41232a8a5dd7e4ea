from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_study as synthetic

from prunescope.api import Advice, Reading, Regime
from prunescope.api.errors import InputError, UsageError
from prunescope.report.diagnosis import assemble
from prunescope.report.diagnosis.assemble import _short_data_name


def row(report, key):
    return next(row for row in (*report.evidence, *report.others) if row.key == key)


def test_every_density_has_its_verdict(report):
    found = [(verdict.label, verdict.regime, verdict.advice) for verdict in report.verdicts]
    assert found == [
        ("5 %", Regime.I, Advice.RAISE),
        ("10 %", Regime.UNRESOLVED, Advice.NONE),
        ("20 %", Regime.II, Advice.LOWER),
    ]
    assert [(vote.label, vote.rule) for vote in report.dense_votes] == [("dense", "md-tree")]


def test_the_title_names_model_and_data_as_one_types_them(report):
    assert report.title == "preresnet8 on patches:noise=0.5"


def test_cells_hold_the_stored_values(study, report):
    session, _ = study
    taken = next(taken for taken in report.taken if taken.probe == "lmc" and taken.density == 0.1)
    stored = session.read(taken.run).readings["lmc"]["lmc"]
    cell = row(report, "lmc/lmc").cells[1]
    assert cell.values == tuple(stored.value)
    assert (cell.over, cell.n, cell.stderr) == ("pair", 2000, pytest.approx(0.009))


def test_what_was_not_measured_says_why(report):
    dense = row(report, "lmc/lmc").cells[-1]
    assert dense.values == ()
    assert "requires two" in dense.missing
    assert row(report, "rank/stable_rank").cells[-1].missing == "probe rank was not run here"


def test_a_foreign_probe_comes_in_every_shape(report):
    assert len(row(report, "rank/stable_rank").cells[0].values) == 3
    vector = next(vector for vector in report.vectors if vector.key == "rank/per <b>block</b>")
    assert (vector.axis, len(vector.labels), len(vector.columns)) == ("block", 4, 3)
    summary = next(summary for summary in report.summaries if summary.key == "rank/spectrum")
    assert (summary.shape, summary.low, summary.high) == ("replica 3 × side 2 × order 4", 0.0, 1.0)


def test_vectors_average_over_replicas(study, report):
    session, _ = study
    taken = next(taken for taken in report.taken if taken.probe == "rank" and taken.density == 0.05)
    stored = session.read(taken.run).readings["rank"]["per <b>block</b>"]
    vector = next(vector for vector in report.vectors if vector.key == "rank/per <b>block</b>")
    assert vector.values[0] == pytest.approx(tuple(np.mean(stored.value, axis=0)))


def test_paths_carry_lmc_and_the_threshold_of_the_rule(report):
    paths = report.paths[0]
    assert [curve.pair for curve in paths.curves] == ["1–2", "1–3", "2–3"]
    assert paths.lmc == pytest.approx(np.mean(row(report, "lmc/lmc").cells[0].values))
    assert paths.epsilon == (0.08, 0.15)


def test_a_rule_that_is_gone_leaves_its_verdict_and_no_band(tmp_path, monkeypatch):
    session, run_id = synthetic.study(tmp_path)
    monkeypatch.setattr("prunescope.plugins.registry.find_plugins", lambda *_, **__: ())
    report = assemble(session, run_id)
    assert report.paths[0].epsilon is None
    assert report.verdicts[0].regime is Regime.I


def test_cost_counts_every_run_once(report):
    by_step = {step.step: (step.runs, step.detail) for step in report.cost}
    assert by_step["train"] == (1, "80 epochs")
    assert by_step["retrain"] == (9, "16 epochs each")
    assert by_step["prune"][0] == 3
    assert report.seconds == pytest.approx(sum(made.seconds for made in report.made))


def test_provenance_has_the_digest_of_the_input(report, imported):
    assert dict(report.provenance)["sha256"] == "5e" * 32
    assert dict(imported.provenance)["sha256"] == "ab" * 32
    assert dict(imported.provenance)["format"] == "timm train.py checkpoint"
    assert report.seeds == {"train": (3,), "prune": (0,), "retrain": (1, 2, 3), "probe": (0,)}


def test_a_checkpoint_beside_imported_results_is_one_to_diagnose(tmp_path):
    made = assemble(*synthetic.study(tmp_path, imported=synthetic.FROM_RESULTS))
    assert dict(made.provenance)["sha256"] == "cd" * 32


def test_levels(report, dense_only):
    assert report.level.name == "L3"
    assert dense_only.level.name == "L1"
    assert "regime" in dense_only.level.next_buys


def test_a_study_around_it_is_level_four(tmp_path):
    session, run_id = synthetic.study(tmp_path)
    path = session.store.path(run_id)
    run = session.read(run_id)
    first = run.verdicts[0]
    settled = replace(first, diagnosis=replace(first.diagnosis, regime=Regime.II_B, advice=Advice.KEEP))
    path.unlink()
    synthetic.write(session.store, replace(run, verdicts=(settled, *run.verdicts[1:])))
    report = assemble(session, run_id)
    assert report.level.name == "L4"
    assert report.commands[-2].lines[0][:3] == ("prunescope", "prune", "magnitude")


def test_two_dense_replicas_are_level_two(tmp_path):
    reading = {"lmc": Reading(np.array([-0.02]), "fraction", axes=("pair",))}
    report = assemble(*synthetic.dense_only(tmp_path, more={"lmc": reading}))
    assert report.level.name == "L2"


def test_only_a_diagnosis_has_a_report(study):
    session, run_id = study
    dense = session.read(run_id).recipe.inputs[0]
    with pytest.raises(UsageError, match="is a train run"):
        assemble(session, dense)
    with pytest.raises(InputError, match="there is no run"):
        assemble(session, "diagnose-0")


def test_notes_join_the_warnings_behind_what_was_not_learned(study):
    found, plain = assemble(*study, notes=("the dense epochs are unknown",)).warnings, assemble(*study).warnings
    assert sorted(found) == sorted((*plain, "the dense epochs are unknown"))
    assert found.index("the dense epochs are unknown") < next(
        i for i, text in enumerate(found) if "All densities" in text
    )


def test_the_title_names_pictures_by_folder_or_data_set_without_their_preparation():
    prepared = {"image_size": 32, "mean": [0.5, 0.5, 0.5], "flip": False}
    named = [
        ({"name": "timm", "options": {"root": "birds", **prepared}}, "birds"),
        ({"name": "timm", "options": {"dataset": "torch/cifar10", "root": "/data", **prepared}}, "torch/cifar10"),
        ({"name": "patches", "options": {"noise": 0.5}}, "patches:noise=0.5"),
    ]
    assert [_short_data_name(source) for source, _ in named] == [title for _, title in named]
