"""The page of a comparison: everything inside, every number of the table, names that do not cover each other."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from matplotlib.text import Text

from prunescope.report.common import svg
from prunescope.report.comparison import figures, page, tables
from prunescope.studies.comparison.measured import ComparedPoint, MeasuredComparison

LABELS = ("random", *(f"p{number}" for number in range(11)))


def measured(labels=LABELS, *, seeds=3):
    """Pruners that end within a point of each other, so that their names have to make room."""
    pruned = {
        label: {
            density: tuple(
                ComparedPoint(
                    seed=seed,
                    top1=0.8 * density**0.1 + 0.001 * number + 0.01 * seed,
                    top5=0.95,
                    compression=0.97 / density,
                    speedup=(0.9 + 0.01 * number) / density,
                )
                for seed in range(seeds)
            )
            for density in (0.5, 0.1)
        }
        for number, label in enumerate(labels)
    }
    dense = tuple(ComparedPoint(seed=seed, top1=0.82, top5=0.99, compression=1.0, speedup=1.0) for seed in range(seeds))
    return MeasuredComparison(densities=(0.5, 0.1), seeds=tuple(range(seeds)), dense=dense, pruned=pruned)


def html(found):
    return page.comparison_page(
        found, facts={"data": "patches"}, versions={"torch": "2"}, citations=["Doe. T. V, 2020."]
    )


def test_the_page_needs_nothing_from_outside():
    text = html(measured())
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", text)
    assert text.count("<svg") == 5 + 2
    assert "var(--regime-i)" in text
    assert "prefers-color-scheme: dark" in text


def test_every_cell_of_the_table_is_on_the_page():
    found = measured()
    text = html(found).replace("\N{NO-BREAK SPACE}", " ")
    rows = tables.comparison_rows(found)
    assert len(rows) == 1 + 2 * len(LABELS)
    for row in rows:
        assert all(cell in text for cell in row)
    assert rows[1][2] == "75.64 ± 1.00"


def test_what_is_missing_is_said_and_is_no_number():
    found = measured()
    found.pruned["p3"][0.1] = ()
    text = html(found).replace("\N{NO-BREAK SPACE}", " ")
    assert "p3 at 10 %" in text
    assert next(row for row in tables.comparison_rows(found) if row[:2] == ("p3", "10 %"))[2:6] == ("n/a",) * 4
    assert tables.comparison_as_json(found, {})["missing"] == [{"pruner": "p3", "density": 0.1}]


def test_json_has_every_seed_and_no_infinity():
    values = json.loads(json.dumps(tables.comparison_as_json(measured(seeds=1), {}), allow_nan=False))
    assert values["pruners"]["p0"][1]["seeds"][0]["seed"] == 0
    assert values["pruners"]["p0"][1]["top1"]["deviation"] is None
    assert values["best"][0]["pruner"] == "p10"


def test_fewer_than_three_seeds_test_no_difference():
    assert "p10 has the best mean top-1 accuracy" in page.comparison_headline(measured())
    assert "too few" not in page.comparison_headline(measured())
    for seeds, told in ((1, "over 1 seed: too few"), (2, "over 2 seeds: too few")):
        found = measured(seeds=seeds)
        for text in (page.comparison_headline(found), *page.comparison_answers(found)):
            assert told in text
            assert "level" not in text
            assert "ahead" not in text


@pytest.mark.parametrize(("x", "y"), page.PICTURES)
def test_no_name_covers_another(x, y):
    with svg.drawing():
        made = figures.against(measured(), x, y, paint=svg.PAINT)
        made.canvas.draw()
        texts = [text for text in made.axes[0].texts if text.get_text()]
        boxes = sorted((Text.get_window_extent(text) for text in texts), key=lambda box: box.y0)
    assert {text.get_text() for text in texts} >= set(LABELS)
    assert all(upper.y0 - lower.y0 >= 0.9 * lower.height for lower, upper in pairwise(boxes))


def test_no_two_pruners_look_alike_without_colour():
    looks = list(figures.looks(LABELS[:11]).values())
    assert len({marker for _, marker, _ in looks}) == len(looks)


def test_long_names_stay_in_the_picture():
    found = measured(("random", "magnitude:scope=global,linear=true"))
    with svg.drawing():
        for made in (
            figures.against(found, "compression", "top1", paint=svg.PAINT),
            figures.seeds(found, 0.1, paint=svg.PAINT),
        ):
            made.canvas.draw()
            axes = made.axes[0]
            names = [Text.get_window_extent(text) for text in (*axes.texts, *axes.get_yticklabels())]
            assert all(box.x0 >= 0 and box.x1 <= made.bbox.x1 for box in names)
