"""A short share of the campaign of `nox -s fuzz`, every file that it once failed on, and what it counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import children
import measured
import pytest
from figures import Figures, page, read_figures, write_figures
from formats import FORMATS
from measured import GOOD, End, look
from mutate_files import run

from prunescope.api.errors import InputError

ROOT = Path(__file__).parent.parent

FILES = 8
"""Mutants of each format."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def held_before(monkeypatch):
    """Count against no file what tests before it left in this process: a campaign reads in fresh ones."""
    monkeypatch.setattr("measured.BYTES", measured.BYTES + measured.held_bytes())


@pytest.mark.parametrize("name", FORMATS)
def test_mutants_are_read_or_refused(name, tmp_path):
    children.lay_out(name, tmp_path)
    ends = Counter(children.read_one(name, number, tmp_path, seed=1).found for number in range(1, FILES + 1))
    assert set(ends) <= set(GOOD)


@pytest.mark.parametrize("name", ["safetensors", "table.csv", "result.h5", "diagnosis.json, values"])
def test_what_is_as_it_should_be_is_read_by_reader_and_command(name):
    found = children.read_unchanged(name)
    assert (found.found, found.commanded) == ("read", True)


FAILED = sorted((ROOT / "tests" / "data" / "fuzz").glob("*"))


@pytest.mark.parametrize("path", FAILED, ids=lambda path: path.name)
def test_what_once_failed_is_read_or_refused(path, tmp_path):
    names = [name for name, kind in FORMATS.items() if path.name.endswith(f"-{Path(kind.file).name}")]
    assert names, "no format has such a file"
    for name in names:
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        children.lay_out(name, folder)
        shutil.copy(path, folder / FORMATS[name].file)
        assert look(FORMATS[name], folder, size=path.stat().st_size, command=("read", "refused")).found in GOOD


def fail(error):
    def read(_):
        raise error

    return read


def spend(_):
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass


ENDS = {
    "refused": fail(InputError("no", fix="none")),
    "KeyError": fail(KeyError("x")),
    "over memory": fail(MemoryError()),
    "executed": lambda _: subprocess.run(["true"], check=True),
    "slow": spend,
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_is_noticed(end, tmp_path, monkeypatch):
    monkeypatch.setattr("measured.SECONDS", 0.1)
    kind = replace(FORMATS["classes.json, values"], read=ENDS[end])
    assert look(kind, tmp_path, size=0, command=()).found == end


def test_memory_is_the_peak_while_a_file_is_read(tmp_path, monkeypatch):
    kind = replace(FORMATS["classes.json, values"], read=lambda _: len(bytearray(300 << 20)))
    before = look(replace(kind, read=len), tmp_path, size=0, command=()).bytes
    found = look(kind, tmp_path, size=0, command=())
    assert found.bytes - before > 250 << 20
    monkeypatch.setattr("measured.BYTES", found.bytes - (100 << 20))
    assert look(kind, tmp_path, size=0, command=()).found == "over memory"


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="the child's limit is of Linux")
def test_a_file_that_ends_its_process_costs_one_child(monkeypatch):
    name = "classes.json, values"

    def read(path):
        if b"cat" not in path.read_bytes():
            os.kill(os.getpid(), 9)

    monkeypatch.setitem(FORMATS, name, replace(FORMATS[name], read=read))
    ends = [found.found for _, found in children.read_all(name, range(3, 13), seed=0)]
    assert len(ends) == 10
    assert set(ends) == {"read", "blocked"}


def test_a_campaign_goes_on_where_it_ended_and_reads_side_by_side(tmp_path):
    names = ["classes.json, values", "table.csv"]
    for files in (3, 7):
        figures = read_figures(tmp_path / "figures.json", seed=4)
        run(names, figures, files=files, seconds=600, jobs=2)
        assert {name: figures.of(name).files for name in names} == dict.fromkeys(names, files)
    run(names, figures, files=50, seconds=0, jobs=1)
    assert figures.of("table.csv").files < 50


def test_figures_are_kept_and_make_a_page(tmp_path):
    figures = Figures(seed=3, versions={"torch": "2"}, path=tmp_path / "figures.json", note="Twice.")
    for number, found in enumerate(("read", "refused", "slow")):
        figures.of("a.pt").add(number, End(found=found, seconds=0.5, bytes=10**9, commanded=found == "read"))
    write_figures(figures)
    again = read_figures(tmp_path / "figures.json")
    assert (again.of("a.pt"), again.seed) == (figures.of("a.pt"), 3)
    assert "| a.pt | 3 | 1 | 1 | 1 | 1 | 0.50 | 1.00 |" in page([again])
    assert "\nSeed 3. Twice.\n" in page([again])
    again.of("a.pt").add(2, End(found="refused", seconds=0.5, bytes=1))
    counts = again.of("a.pt")
    assert (counts.files, counts.bad, counts.failed, dict(counts.ends)) == (3, 0, {}, {"read": 1, "refused": 2})
