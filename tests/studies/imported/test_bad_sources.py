"""Folders of strangers that are missing, cut off, or not what they seem: one error that names file and column."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import foreign_results
import numpy as np
import pytest
from typer.testing import CliRunner

import prunescope
from prunescope.api.errors import InputError
from prunescope.cli.application import build
from prunescope.studies.imported import source_files

WRITERS = {
    "timm": lambda root: foreign_results.timm_runs(root, epochs=(4,)),
    "open-lth": lambda root: foreign_results.open_lth(root, epochs=(4,), replicates=1, levels=1),
    "shrinkbench": lambda root: foreign_results.shrinkbench(root, epochs=(11,), seeds=(42,)),
    "three-regime": lambda root: foreign_results.three_regime(root, epochs=(10,), ratios=(0.9,), replicas=(1, 2)),
}


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    return request.param, WRITERS[request.param](tmp_path / "source")


def imported(folder, **given):
    return prunescope.import_results(folder, to=folder.parent / "study", **given)


def one(folder, name):
    return min(folder.rglob(name))


def invoke(words):
    return CliRunner().invoke(build(words), words)


def test_each_format_is_recognised(written):
    form, folder = written
    assert imported(folder).answer.forms == (form,)


def test_a_format_is_forced(written):
    form, folder = written
    assert imported(folder, form=form).answer.forms == (form,)
    other = next(name for name in WRITERS if name != form)
    with pytest.raises(InputError, match="none of 0 results"):
        imported(folder, form=other)


def test_an_unknown_folder_names_what_is_wanted(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(InputError, match="no results that are recognised") as caught:
        imported(tmp_path / "source")
    assert "open-lth: sparsity_report.json" in caught.value.fix
    with pytest.raises(InputError, match="is no folder"):
        imported(tmp_path / "nowhere")


def test_two_formats_in_one_folder_are_a_question(tmp_path):
    for form in ("timm", "open-lth"):
        WRITERS[form](tmp_path / "source" / form)
    with pytest.raises(InputError, match="holds results of timm, open-lth") as caught:
        imported(tmp_path / "source")
    assert caught.value.fix == "choose: --format timm"
    assert imported(tmp_path / "source", form="open-lth").answer.forms == ("open-lth",)


def line(number, text):
    def change(path):
        lines = path.read_text().splitlines()
        lines[number] = text(lines[number])
        path.write_text("\n".join(lines) + "\n")

    return change


def replaced(old, new):
    return lambda path: path.write_text(path.read_text().replace(old, new))


def wrote(text):
    return lambda path: path.write_text(text)


def shortened(lines):
    return lambda path: path.write_text("\n".join(path.read_text().splitlines()[:lines]) + "\n")


def cut_off(text):
    return ",".join(text.split(",")[:2])


BAD = {
    "timm: a column is missing": (
        "timm",
        "summary.csv",
        line(0, lambda text: text.replace("eval_top1", "top")),
        "eval_top1",
    ),
    "timm: a row is cut off": ("timm", "summary.csv", line(-1, cut_off), "line 5: column 'eval_top1' is missing"),
    "timm: not a number": ("timm", "summary.csv", replaced(",80.0,", ",nan,"), "column 'eval_top1' is 'nan'"),
    "timm: no accuracy": ("timm", "summary.csv", replaced(",80.0,", ",180.0,"), "column 'eval_top1' is 180"),
    "timm: lines without end": (
        "timm",
        "summary.csv",
        lambda path: path.write_text("epoch,eval_top1\n" + "1,50\n" * 200_000),
        "has more than 200,000 lines",
    ),
    "timm: long arguments": ("timm", "args.yaml", lambda path: path.write_text("a: 1\n" * 20_000), "bytes, wanted"),
    "timm: arguments": ("timm", "args.yaml", lambda path: path.write_text("a: [1"), "args.yaml"),
    "open-lth: a row is cut off": (
        "open-lth",
        "logger",
        lambda path: path.write_text("test_accuracy,4"),
        "logger, line 1",
    ),
    "open-lth: not a number": ("open-lth", "logger", replaced("0.9", "nan"), "test_accuracy is 'nan'"),
    "open-lth: no accuracy": (
        "open-lth",
        "logger",
        replaced("test_accuracy", "train_accuracy"),
        "logger has no test_accuracy",
    ),
    "open-lth: report": ("open-lth", "sparsity_report.json", replaced("unpruned", "kept"), "unpruned is 'None'"),
    "open-lth: half a report": (
        "open-lth",
        "sparsity_report.json",
        lambda path: path.write_text('{"tot'),
        "is no JSON",
    ),
    "open-lth: more kept than there are": (
        "open-lth",
        "sparsity_report.json",
        replaced("266200.0", "1.0"),
        "of 1 weight are kept",
    ),
    "open-lth: no training": ("open-lth", "hparams.log", replaced("Training", "Other"), "hparams.log has no 'Training"),
    "shrinkbench: a column is missing": (
        "shrinkbench",
        "20260102*/logs.csv",
        replaced("val_acc1", "acc"),
        "no column 'val_acc1'",
    ),
    "shrinkbench: a row is cut off": (
        "shrinkbench",
        "20260102-002*/logs.csv",
        line(-1, cut_off),
        "line 4: column 'val_acc1' is missing",
    ),
    "shrinkbench: code": (
        "shrinkbench",
        "params.json",
        wrote(json.dumps({"experiment": "'PruningExperiment'", "params": "__import__('os')"})),
        "no dictionary of settings",
    ),
    "shrinkbench: masks": ("shrinkbench", "masks_summary.csv", replaced("comp", "compression"), "no column 'comp'"),
    "shrinkbench: compression": (
        "shrinkbench",
        "masks_summary.csv",
        replaced(",1.0,500", ",0.5,500"),
        "column 'comp' is 0.5",
    ),
    "three-regime: a column is missing": (
        "three-regime",
        "log_finetune.txt",
        replaced("Valid Acc.", "Acc."),
        "no column 'Valid Acc.'",
    ),
    "three-regime: not a number": (
        "three-regime",
        "log_finetune.txt",
        replaced("90.000000\t", "inf\t"),
        "column 'Valid Acc.' is 'inf'",
    ),
    "three-regime: a line": (
        "three-regime",
        "curve_points_11.npz",
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        "curve_points_11.npz",
    ),
    "three-regime: another array": ("three-regime", "curve_points_11.npz", lambda path: np.savez(path, ts=1), "tr_err"),
    "three-regime: nan in a line": (
        "three-regime",
        "curve_points_11.npz",
        lambda path: np.savez(path, ts=1, tr_err=np.full(11, np.nan)),
        "no line of errors",
    ),
    "three-regime: a pickle": (
        "three-regime",
        "cka_similarity*.npy",
        lambda path: np.save(path, np.array([{}])),
        "holds no numbers",
    ),
    "three-regime: names": (
        "three-regime",
        "epoch_10",
        lambda path: path.rename(path.with_name("epochs-10")),
        "folders' names",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_names_the_file(tmp_path, case):
    form, name, change, message = BAD[case]
    folder = WRITERS[form](tmp_path / "source")
    for path in sorted(folder.rglob(name)):
        change(path)
    done = invoke(["results", "import", str(folder), "--to", str(tmp_path / "study")])
    assert done.exit_code == 2, done.output
    error, fix = done.stderr.strip().splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert fix.startswith("fix: ")
    assert not list((tmp_path / "study").glob("runs/*.h5"))


UNFINISHED = {
    "timm": ("summary.csv", shortened(3), "2 of 4 epochs"),
    "open-lth": ("level_1/main/logger", Path.unlink, "logger is not there"),
    "shrinkbench": ("*02042*/logs.csv", shortened(3), "1 of 2 epochs"),
    "three-regime": ("retrain_seed2/log_finetune.txt", shortened(2), "1 of 2 epochs"),
}


def test_what_is_not_finished_is_left_out_by_name(written):
    form, folder = written
    name, change, why = UNFINISHED[form]
    change(one(folder, name))
    if form == "timm":
        with pytest.raises(InputError, match="1 is left out") as caught:
            imported(folder)
        assert why in caught.value.fix
        return
    found = imported(folder)
    assert len(found.answer.left_out) == 1
    assert why in found.answer.left_out[0]


def test_no_code_runs_and_no_pickle_is_opened(written, tmp_path):
    form, folder = written
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    for name in ("finetune_stats.npy", "mask.pth", "last.pth.tar", "checkpoint.pth", "prune_score.npy"):
        for path in [*folder.rglob("*")]:
            if path.is_dir():
                (path / name).write_bytes(pickle.dumps(Evil()))
    imported(folder, form=form)
    assert not mark.exists()


def test_links_are_not_followed(written, tmp_path):
    form, folder = written
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.mkdir()
    (folder / "link").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(InputError, match="no results that are recognised"):
        imported(folder)
    assert form in WRITERS


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = WRITERS["open-lth"](tmp_path / "source")
    path = one(folder, "level_1/main/logger")
    path.unlink()
    os.mkfifo(path)
    assert imported(folder).answer.left_out[0].endswith("logger is not there")


def test_a_folder_without_end_is_refused(tmp_path, monkeypatch):
    folder = WRITERS["open-lth"](tmp_path / "source")
    monkeypatch.setattr(source_files, "MOST_FILES", 5)
    with pytest.raises(InputError, match="holds more than 5 files"):
        imported(folder)


def test_a_large_text_is_refused_unread(tmp_path):
    folder = WRITERS["open-lth"](tmp_path / "source")
    with one(folder, "level_1/main/logger").open("ab") as file:
        file.truncate(1 << 34)
    with pytest.raises(InputError, match="bytes, wanted at most"):
        imported(folder)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    folder = WRITERS["three-regime"](tmp_path / "source")
    np.savez_compressed(one(folder, "curve_points_11.npz"), ts=np.zeros(1), tr_err=np.zeros(10_000))
    monkeypatch.setattr(source_files, "MOST_TEXT", 50_000)
    with pytest.raises(InputError, match="unpacks to more than"):
        imported(folder)


@pytest.mark.parametrize("knob", ["colour", "epochs=ten", "epochs="])
def test_a_knob_that_is_none_is_named(tmp_path, knob):
    folder = WRITERS["open-lth"](tmp_path / "source")
    words = ["results", "import", str(folder), "--to", str(tmp_path / "study"), "--knob", knob]
    done = invoke(words)
    assert done.exit_code == 2
    assert "--knob" in done.stderr


def test_the_command_prints_the_study_and_json_the_runs(written):
    _, folder = written
    words = ["results", "import", str(folder), "--to", str(folder.parent / "study")]
    done = invoke(words)
    assert (done.exit_code, done.stdout.strip()) == (0, str(folder.parent / "study"))
    found = json.loads(invoke([*words, "--json"]).stdout)
    assert found["known"] == len(found["runs"]) > 0
