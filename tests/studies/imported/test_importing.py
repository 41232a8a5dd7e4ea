"""Results of other programs become studies: the numbers of the files, marked as imported, and nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import foreign_results
import pytest
from published_grid import rows

import prunescope
from prunescope.api.errors import EvidenceError, InputError, UsageError
from prunescope.runs.store import Store
from prunescope.studies.imported.study import read_imported

GRID = {(int(row["train_epochs"]), round(row["density_pct"] / 100, 10)): row for row in rows()}

EPOCHS = tuple(sorted({epochs for epochs, _ in GRID}))

RATIOS = tuple(sorted({round(1 - density, 10) for _, density in GRID}))


def read(found):
    return [Store(found.study).read(run) for run in found.runs]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published grid of figure 2 as the files of its own program, imported."""
    folder = tmp_path_factory.mktemp("published")
    foreign_results.three_regime(
        folder / "checkpoints_public",
        epochs=EPOCHS,
        ratios=RATIOS,
        replicas=(1, 2),
        error=lambda epochs, density, replica: GRID[epochs, density]["test_error_frac"] + 0.001 * (replica - 1.5),
        barrier=lambda epochs, density: -GRID[epochs, density]["lmc"],
        cka=lambda epochs, density: GRID[epochs, density]["cka_softmax"],
    )
    return prunescope.import_results(folder / "checkpoints_public", to=folder / "study")


def test_a_published_grid_comes_back_number_by_number(published):
    cells = prunescope.report(published.study).as_json()["cells"]
    assert len(cells) == len(GRID) == 35
    for cell in cells:
        row = GRID[int(cell["value"]), cell["density"]]
        assert cell["test_error"]["centre"] == pytest.approx(row["test_error_frac"], abs=1e-7)
        assert cell["lmc"]["centre"] == pytest.approx(row["lmc"], abs=1e-9)
        assert cell["cka"]["centre"] == pytest.approx(row["cka_softmax"], abs=1e-12)


def test_its_report_is_that_of_the_published_table(published):
    mine, theirs = prunescope.report(published.study).as_json(), prunescope.report(foreign_results.PUBLISHED).as_json()
    assert mine["drops"] == theirs["drops"] == [80, 120]
    assert [cell["verdict"]["regime"] for cell in mine["cells"]] == [
        cell["verdict"]["regime"] for cell in theirs["cells"]
    ]
    assert mine["source"] == "computed by three-regime, imported; not computed again or verified by prunescope"


def test_its_calibration_is_that_of_the_published_table(published):
    mine, theirs = (
        prunescope.calibrate(path, draws=100).as_json() for path in (published.study, foreign_results.PUBLISHED)
    )
    assert mine["options"]["epsilon"] == pytest.approx(theirs["options"]["epsilon"], abs=1e-5)
    assert mine["fit"]["held_out"] == theirs["fit"]["held_out"]
    assert mine["models"] == ["preresnet20 of width 1"]


def test_its_advice_names_a_regime_and_the_source(published):
    found = prunescope.advise(published.study, density=0.05, at=160).as_json()
    assert found["advice"][0]["regime"] == "I"
    assert found["advice"][0]["advice"] == "raise"
    assert found["notes"] == [
        "computed by three-regime, imported; not computed again or verified by prunescope",
        "evidence: test errors and LMC, CKA",
    ]


def test_importing_again_changes_nothing(published):
    source = published.study.parent / "checkpoints_public"
    again = prunescope.import_results(source, to=published.study)
    assert again.runs == published.runs
    assert again.answer.known == len(again.runs)


def test_an_id_does_not_depend_on_the_place(tmp_path):
    for place in ("a", "b"):
        foreign_results.open_lth(tmp_path / place, epochs=(4,), levels=1)
    one, other = (prunescope.import_results(tmp_path / place, to=tmp_path / f"study-{place}") for place in "ab")
    assert one.runs == other.runs
    (tmp_path / "c").mkdir()
    (tmp_path / "a").rename(tmp_path / "c" / "a")
    assert prunescope.import_results(tmp_path / "c", to=tmp_path / "study-c").runs == one.runs


def test_another_byte_is_another_run(tmp_path):
    foreign_results.open_lth(tmp_path / "a", epochs=(4,), levels=1)
    before = prunescope.import_results(tmp_path / "a", to=tmp_path / "study")
    (log,) = (tmp_path / "a").glob("*/replicate_2/level_1/main/logger")
    log.write_text(log.read_text().replace("0.4", "0.5"))
    after = prunescope.import_results(tmp_path / "a", to=tmp_path / "other")
    assert len(set(before.runs) - set(after.runs)) == 1


def valley(epochs, level, replicate):
    """An error with its least at 16 epochs for a dense network, at fewer for a sparse one."""
    return 0.05 + 0.01 * abs(math.log(epochs / (16 / (1 + level)))) + 0.0005 * replicate


@pytest.fixture(scope="module")
def lottery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lottery")
    foreign_results.open_lth(folder / "data", epochs=(4, 16, 40), error=valley)
    return prunescope.import_results([folder / "data"], to=folder / "study")


def test_open_lth_gives_density_knobs_and_error(lottery):
    runs = read(lottery)
    assert {run.facts["knobs"]["epochs"] for run in runs} == {4, 16, 40}
    assert {run.facts["knobs"]["batch_size"] for run in runs} == {128}
    assert {round(run.facts["density"], 3) for run in runs} == {1, 0.8, 0.64, 0.512}
    (one,) = [
        run
        for run in runs
        if run.facts["knobs"]["epochs"] == 4 and run.facts["density"] == 0.8 and run.facts["dense_seed"] == 2
    ]
    assert one.readings["errors"]["test_error"].value == pytest.approx([valley(4, 1, 2)])
    assert one.readings["errors"]["test_error"].n == 10000
    assert one.facts["missing"] == ["lmc/lmc", "cka/softmax"]
    assert set(one.readings) == {"errors"}, "nothing that was not measured"


def test_without_lmc_the_verdict_says_what_it_rests_on(lottery):
    found = prunescope.advise(lottery.study, density=0.64).as_json()
    assert [(one["value"], one["advice"], one["to"], one["regime"]) for one in found["advice"]] == [
        (4, "raise", None, "unresolved"),  # colder was measured and is worse, hotter was not measured
        (16, "raise", 4, "unresolved"),
        (40, "raise", 16, "unresolved"),
    ]
    assert any("no regime: lmc was not measured" in reason for reason in found["advice"][1]["because"])
    assert "evidence: test errors alone, no LMC" in found["notes"][1]


def test_without_lmc_the_report_has_errors_and_no_regimes(lottery):
    found = prunescope.report(lottery.study)
    assert "not computed again or verified by prunescope" in found.lines()[0]
    assert all(cell["verdict"] is None for cell in found.as_json()["cells"])
    page = found.page()
    assert "computed by open-lth, imported; not computed again or verified by prunescope" in page
    assert "test errors alone, no LMC" in page


def test_without_lmc_nothing_is_calibrated(lottery):
    with pytest.raises(EvidenceError, match=r"no result in .* has both LMC and a test error"):
        prunescope.calibrate(lottery.study, draws=100)


def test_an_export_marks_its_rows(lottery):
    rows = prunescope.open_study(lottery.study).rows()
    assert {row["step"] for row in rows} == {"import"}
    assert {row["model"] for row in rows} == {"mnist_lenet_300_100"}
    assert {row["epochs"] for row in rows} == {4, 16, 40}
    assert "open_lth" in rows[0]["estimator"]


def test_a_run_is_shown_as_imported(lottery):
    shown = "\n".join(prunescope.open_study(lottery.study).show(lottery.runs[0]).lines())
    assert "not computed again or verified by prunescope" in shown
    assert "logger" in shown, "the files with their digests"


def test_shrinkbench_takes_the_knobs_of_the_dense_training(tmp_path):
    foreign_results.shrinkbench(
        tmp_path / "results",
        error=lambda epochs, compression, seed: epochs / 1000 + compression / 100 + (seed - 42) / 1000,
    )
    runs = read(prunescope.import_results(tmp_path / "results", to=tmp_path / "study"))
    (one,) = [run for run in runs if run.facts["knobs"]["epochs"] == 11 and run.facts["density"] == 0.5]
    assert one.facts["knobs"] == {"epochs": 11, "batch_size": 128, "learning_rate": 0.1}, "not those of the retraining"
    assert one.readings["errors"]["test_error"].value == pytest.approx([0.031, 0.032])
    assert one.facts["dense_seed"] == 42
    (dense,) = [run for run in runs if run.facts["knobs"]["epochs"] == 31 and run.facts["density"] == 1]
    assert dense.readings["errors"]["test_error"].value == pytest.approx([0.041, 0.042])


def test_shrinkbench_without_its_training_needs_the_knob(tmp_path):
    foreign_results.shrinkbench(tmp_path / "results", epochs=(11,))
    for folder in (tmp_path / "results").glob("20260101*"):
        folder.rename(tmp_path / folder.name)
    found = prunescope.import_results(tmp_path / "results", to=tmp_path / "study")
    assert "the dense training is not among the experiments" in found.lines()[-2]
    with pytest.raises(InputError, match="no knob of the dense training") as caught:
        prunescope.report(found.study)
    assert "--knob epochs=VALUE" in caught.value.fix
    given = prunescope.import_results(tmp_path / "results", to=tmp_path / "given", knob="epochs", value=11)
    assert prunescope.report(given.study).as_json()["values"] == [11]
    assert "epochs 11: as given with the import, not in the files" in given.lines()[-2]


def test_results_of_two_methods_are_not_mixed(tmp_path):
    for strategy in ("GlobalMagWeight", "RandomPruning"):
        foreign_results.shrinkbench(tmp_path / "results" / strategy, strategy=strategy)
    with pytest.raises(InputError, match="differ in pruning: GlobalMagWeight, RandomPruning") as caught:
        prunescope.import_results(tmp_path / "results", to=tmp_path / "study")
    assert caught.value.fix == "choose one: --where 'pruning=RandomPruning'"
    found = prunescope.import_results(tmp_path / "results", to=tmp_path / "study", where={"pruning": "RandomPruning"})
    assert {run.facts["settings"]["pruning"] for run in read(found)} == {"RandomPruning"}


def test_timm_gives_dense_networks_that_diagnose_takes(tmp_path):
    foreign_results.timm_runs(tmp_path / "output", error=lambda epochs: 1 / epochs)
    found = prunescope.import_results(tmp_path / "output", to=tmp_path / "study")
    runs = {run.facts["knobs"]["epochs"]: run for run in read(found)}
    assert runs[4].readings["errors"]["test_error"].value == pytest.approx([0.25])
    assert runs[8].facts["knobs"] == {"epochs": 8, "batch_size": 64, "learning_rate": 0.1, "weight_decay": 2e-05}
    with pytest.raises(EvidenceError, match="2 dense networks and no pruned one"):
        prunescope.report(found.study)


def test_the_checkpoint_of_a_run_folder_becomes_weights(tmp_path):
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")

    def save(path, arguments, epochs):
        model = timm.create_model("preresnet8", num_classes=10, in_chans=1)
        torch.save(
            {"arch": "preresnet8", "epoch": epochs - 1, "state_dict": model.state_dict(), "args": arguments}, path
        )

    foreign_results.timm_runs(tmp_path / "output", epochs=(4,), checkpoint=save)
    found = prunescope.import_results(tmp_path / "output", to=tmp_path / "study")
    (run,) = read(found)
    assert run.weights
    assert Store(found.study).load_weights(run.id).spec.name == "preresnet8"
    asked = f"prunescope diagnose {run.id} --data DATA --study {found.study}"
    assert found.lines()[-1] == f"next: {asked}"
    with pytest.raises(EvidenceError, match="1 dense network and no pruned one") as caught:
        prunescope.report(found.study)
    assert caught.value.fix == f"prune one of them: {asked}"


def test_a_checkpoint_that_is_not_read_leaves_the_numbers(tmp_path):
    foreign_results.timm_runs(
        tmp_path / "output",
        epochs=(4,),
        checkpoint=lambda path, arguments, epochs: path.write_bytes(b"no pickle"),  # noqa: ARG005
    )
    (run,) = read(prunescope.import_results(tmp_path / "output", to=tmp_path / "study"))
    assert run.readings["errors"]["test_error"].value == pytest.approx([0.2])
    assert not run.weights
    assert run.facts["notes"][0].startswith("last.pth.tar is not read, its numbers are:")


def test_two_imports_are_one_study(tmp_path):
    for epochs in (4, 16):
        foreign_results.open_lth(tmp_path / str(epochs), epochs=(epochs,), levels=1)
        prunescope.import_results(tmp_path / str(epochs), to=tmp_path / "study")
    assert prunescope.report(tmp_path / "study").as_json()["values"] == [4, 16]


def test_several_knobs_are_not_guessed(tmp_path):
    foreign_results.open_lth(tmp_path / "data", levels=1)
    (log, *_) = sorted((tmp_path / "data").glob("*/*/level_0/main/hparams.log"))
    for one in log.parents[3].glob("*/level_0/main/hparams.log"):
        one.write_text(one.read_text().replace("lr => 0.1", "lr => 0.2"))
    with pytest.raises(InputError, match="differ in epochs and learning rate"):
        prunescope.import_results(tmp_path / "data", to=tmp_path / "study")
    found = prunescope.import_results(tmp_path / "data", to=tmp_path / "study", knob="epochs")
    assert json.loads((found.study / "imported.json").read_text()) == {"knob": "epochs"}
    with pytest.raises(UsageError, match="lies along epochs"):
        prunescope.import_results(tmp_path / "data", to=tmp_path / "study", knob="lr")


def test_a_sweep_is_no_place_for_imports(tmp_path):
    foreign_results.open_lth(tmp_path / "data", levels=1)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.toml").write_text("")
    with pytest.raises(UsageError, match="holds the study of a sweep"):
        prunescope.import_results(tmp_path / "data", to=tmp_path / "study")


def test_a_damaged_run_is_named_and_the_rest_is_shown(lottery, tmp_path):
    study = tmp_path / "copy"
    (study / "runs").mkdir(parents=True)
    for path in [lottery.study / "imported.json", *(lottery.study / "runs").glob("*.h5")]:
        target = study / path.relative_to(lottery.study)
        target.write_bytes(path.read_bytes())
    target.write_bytes(target.read_bytes()[:-100])
    found = prunescope.report(study)
    assert len(found.answer.problems) == 1
    assert target.name in found.answer.problems[0]


@pytest.mark.parametrize(
    "change",
    [{"knobs": "x"}, {"density": 7}, {"drops": None}, {"settings": {"model": 3}}, {"dense_seed": "x"}],
    ids=str,
)
def test_facts_of_a_stranger_are_one_error(lottery, tmp_path, change):
    run = Store(lottery.study).read(
        next(run for run in lottery.runs if Store(lottery.study).read(run).facts["density"] < 1)
    )
    store = Store(tmp_path)
    store.write(replace(run, facts={**run.facts, **change}))
    (tmp_path / "imported.json").write_text('{"knob": "epochs"}')
    session = prunescope.open_study(tmp_path).session
    if change.get("density") == 7:
        with pytest.raises((InputError, EvidenceError), match=r"no imported result|no pruned one"):
            read_imported(session)
        return
    with pytest.raises(InputError, match="no imported result"):
        read_imported(session)
