from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from prunescope.api import Reading
from prunescope.api.wording import cka_text, lmc_text
from prunescope.report.common import formatting
from prunescope.report.common.readings import reading_table
from prunescope.report.common.view import ReadingCell


@pytest.mark.parametrize(
    ("values", "over", "style", "unit", "text"),
    [
        ((), "", "plain", "1", "n/a"),
        ((0.5,), "", "plain", "1", "0.500"),
        ((2.0, 2.0), "replica", "plain", "1", "2"),
        ((-0.31234, -0.31236), "pair", "signed", "1", "−0.3124 ± 0.0000"),
        ((0.001, -0.001), "pair", "signed", "1", "0.0000 ± 0.0014"),
        ((0.0031,), "replica", "percent", "fraction", "0.31 %"),
        ((1.0,), "replica", "percent", "fraction", "100 %"),
        ((7.94, 7.94), "replica", "times", "1", "7.9×"),
        ((0.0021, 0.0023), "replica", "plain", "second", "2.2 ms (2.1 ms to 2.3 ms)"),
        ((81920.0,), "replica", "plain", "byte", "81.9 kB"),
        ((123456.0, 123456.0), "replica", "plain", "flop", "123,456"),
        ((120.0, 180.0, 150.0), "replica", "plain", "1", "150 (120–180)"),
    ],
)
def test_cells(values, over, style, unit, text):
    assert formatting.cell(ReadingCell(values=values, over=over), style, unit) == text


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.00001])
def test_lmc_and_cka_have_four_decimals_in_every_table(spread):
    """Whatever their spread: in a diagnosis, in `results show` and of `probe`, in reasons."""
    found = ReadingCell(values=(-0.125,), stderr=spread)
    assert formatting.cell(found, formatting.style_of("lmc/lmc", "fraction")) == lmc_text(-0.125) == "−0.1250"
    found = ReadingCell(values=(0.98765,), stderr=spread)
    assert formatting.cell(found, formatting.style_of("cka/softmax", "1")) == cka_text(0.98765) == "0.9877"
    readings = {
        "lmc": {"lmc": Reading(np.array([-0.125]), "fraction", axes=("pair",))},
        "cka": {"softmax": Reading(np.array([0.98765]), "1", axes=("pair",))},
        "hessian": {"trace": Reading(12345.678, "nat/weight^2")},
    }
    shown = printable_table(readings)
    assert "−0.1250" in shown
    assert "0.9877" in shown
    assert "12346" in shown


def test_all_readings_of_a_table_have_one_kind_of_minus_and_name_their_estimator_once():
    lmc = {"lmc": Reading(-0.125, "fraction", estimator="how"), "loss": Reading(-0.5, "nat", estimator="how")}
    shown = printable_table({"lmc": lmc})
    assert ("-0" in shown, "−0.1250" in shown, "−0.5" in shown) == (False, True, True)
    assert shown.splitlines()[-1] == "how"
    with_size = printable_table({"lmc": lmc, "size": {"bytes": Reading(4.0, "byte")}})
    assert with_size.splitlines()[-1] == "lmc/lmc, lmc/loss: how"


def printable_table(readings):
    buffer = io.StringIO()
    Console(file=buffer, width=120).print(reading_table(readings, width=120))
    return buffer.getvalue()


def test_digits_follow_the_standard_error():
    assert formatting.cell(ReadingCell(values=(0.51234,), stderr=0.01), "plain") == "0.512"
    assert formatting.cell(ReadingCell(values=(0.51234,), stderr=0.2), "plain") == "0.51"


def test_brief_cells_are_never_a_range():
    assert formatting.cell(ReadingCell(values=(0.10, 0.12), over="replica"), "percent", brief=True) == "11.0 ± 1.4 %"


def test_a_difference_of_errors_is_in_points_beside_percents():
    from prunescope.report.diagnosis.evidence import KNOWN_READINGS

    (known,) = (one for one in KNOWN_READINGS if one.key == "soup/soup_minus_best")
    assert formatting.cell(ReadingCell(values=(-0.0007,), over="replica"), known.style, brief=True) == "−0.07 points"
    assert formatting.cell(ReadingCell(values=(0.0,), over="replica"), known.style) == "0.00 points"
    assert formatting.style_of("soup/soup_minus_best", "fraction") == known.style
