"""The verdict on the published grid: which cells count, what it sees of them, and what a calibration has seen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import published_grid
import pytest
from PIL import Image

from prunescope.api import Advice


def module(name):
    return import_module(f"truth_{name}")


@cache
def cases():
    return tuple(module("cases").list_cases(module("cells").read_cells()))


def test_the_figure_holds_the_cells_that_were_read_off_it_before():
    found = {(cell.epochs, cell.density): cell for cell in module("published").read_figure()}
    assert len(found) == 144
    for row in published_grid.rows():
        cell = found[row["train_epochs"], row["density_pct"] / 100]
        assert cell.lmc == pytest.approx(row["lmc"], abs=0.003)
        assert cell.cka == pytest.approx(row["cka_softmax"], abs=0.0004)
    for density, column in published_grid.columns().items():
        here = [found[one.value, density / 100].above - one.test_error for one in column]
        assert np.ptp(here) < 0.0012  # they differ by the best of the whole column


def test_a_cell_is_read_off_the_place_of_its_colour_on_the_bar(tmp_path):
    reader = import_module("read_published")
    pixels = np.full((1500, 1700, 3), 255, dtype=np.uint8)
    rows = np.arange(*reader.BAR)
    shades = np.linspace(0, 255, len(rows)).astype(np.uint8)
    pixels[rows, reader.BAR_COLUMN] = shades[:, None]
    top, bottom, left, right = reader.CELLS
    pixels[top:bottom, left:right] = shades[len(rows) // 4]
    Image.fromarray(pixels).save(tmp_path / "map.png")
    found = reader.read_picture(tmp_path / "map.png", ((rows[0], 1.0), (rows[-1], 0.0)))
    assert found.shape == (16, 9)
    assert found == pytest.approx(0.75, abs=0.004)


def test_the_acceptance_on_the_published_grid():
    ways = module("published").list_ways(cases())
    shipped, unseen = ways[module("published").SHIPPED], ways[module("published").WITHOUT]
    assert len(shipped) == len(unseen) == 77
    assert all(one.right for one in shipped)
    assert all(one.right or one.advice is Advice.NONE for one in unseen)
    assert sum(one.right for one in unseen) >= 73
    assert all(one.right for one in ways[module("published").ALONE_WITHOUT])


def test_a_calibration_without_the_figure_has_no_earlier_count(monkeypatch):
    monkeypatch.setattr(module("signals"), "read_earlier", lambda: pytest.fail("earlier counts were read"))
    found = module("published").fit_without_figure(cases())
    shipped = module("held_out").load_calibration()  # of the figure's own cells below -0.10 nearly all are hotter
    assert found.lmc.probability([-0.5])[0] < shipped.lmc.probability([-0.5])[0] - 0.05


def test_a_verdict_sees_neither_an_error_of_the_cell_nor_its_column():
    module_, cell = module("published"), module("published").read_figure()[40]
    seen = module_.ask_verdict(cell, module_.load_calibration(), replicas=True, schedule=True)
    moved = replace(cell, above=1 - cell.above)
    assert module_.ask_verdict(moved, module_.load_calibration(), replicas=True, schedule=True) == seen
