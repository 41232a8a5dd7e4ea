"""What a second process draws is what this one would have drawn; without it nothing is missing."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from published_grid import FILE as FIGURE_2

from prunescope.api.errors import StoreError
from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.report.common import aside
from prunescope.studies.phase import find, from_table


@pytest.fixture(scope="module")
def findings():
    return find(from_table.read(FIGURE_2), registry.make("rules", "three-regime", {}).instance)


@pytest.fixture(scope="module")
def figures(findings, tmp_path_factory):
    """Return the folder of the figures that one process drew."""
    folder = tmp_path_factory.mktemp("figures")
    phase.write_figures(phase.draw(findings), folder)
    return folder


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(aside, "_idle_cores", lambda: 2)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("two_cores")
def test_a_second_process_draws_the_same_files(findings, figures, tmp_path):
    with aside.second_process(cells=aside.LARGE) as other:
        other.draw(findings, tmp_path, phase.MAPS)
        written = phase.write_figures(phase.draw(findings), tmp_path, elsewhere=phase.MAPS)
        assert not {f"{name}.png" for name in phase.MAPS} & {path.name for path in written}
        assert other.drawn()
    assert contents(tmp_path) == contents(figures)
    assert not multiprocessing.active_children()


def test_no_process_is_started_for_little_or_without_an_idle_core(monkeypatch):
    for cores, cells in ((2, aside.LARGE - 1), (1, aside.LARGE)):
        monkeypatch.setattr(aside, "_idle_cores", lambda cores=cores: cores)
        with aside.second_process(cells=cells) as other:
            assert other is None


@pytest.mark.usefixtures("two_cores")
def test_a_folder_that_cannot_be_made_is_named(findings, tmp_path):
    (tmp_path / "file").write_text("")
    with aside.second_process(cells=aside.LARGE) as other:
        other.draw(findings, tmp_path / "file" / "figures", phase.MAPS)
        with pytest.raises(StoreError, match="cannot write the figures"):
            other.drawn()


@pytest.mark.usefixtures("two_cores")
def test_a_process_that_is_killed_says_nothing(findings, tmp_path):
    with aside.second_process(cells=aside.LARGE) as other:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        other.draw(findings, tmp_path, phase.MAPS)
        assert not other.drawn()


def test_a_process_whose_parent_is_gone_ends(findings, tmp_path):
    mine, theirs = multiprocessing.Pipe()
    mine.close()
    aside._answer(theirs)  # returns
    mine, theirs = multiprocessing.Pipe()
    mine.send((findings, tmp_path, ["lmc"]))
    mine.close()
    aside._answer(theirs)  # draws, and has nobody to tell
    assert (tmp_path / "lmc.png").is_file()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="counts the cores in another way")
@pytest.mark.parametrize(("running", "idle"), [(1, 2), (2, 1), (5, -2), (None, 2)])
def test_cores_that_others_use_are_not_idle(monkeypatch, tmp_path, running, idle):
    monkeypatch.setattr(aside.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(aside, "LOAD", tmp_path / "loadavg")
    if running is not None:
        (tmp_path / "loadavg").write_text(f"0.20 0.18 0.12 {running}/80 11206\n")
    assert aside._idle_cores() == idle
