from __future__ import annotations

import pytest

from prunescope.api.errors import InputError
from prunescope.report.phase import phase_as_csv
from prunescope.studies.phase import from_table
from prunescope.studies.phase.findings import find_phases

HEADER = "epochs,density,test_error,lmc,cka"


def table(tmp_path, text):
    path = tmp_path / "cells.csv"
    path.write_text(text)
    return path


def test_seeds_are_kept_apart(tmp_path):
    path = table(tmp_path, "batch_size,density,seed,test_error\n16,0.1,0,0.2\n16,0.1,1,0.3\n")
    diagram = from_table.read_table(path)
    assert diagram.knob == "batch_size"
    assert diagram.seeds == (0, 1)
    assert diagram.cells[16, 0.1].summary("test_error").centre == pytest.approx(0.25)
    assert diagram.cells[16, 0.1].summary("lmc") is None


def test_empty_fields_and_missing_lines_are_gaps(tmp_path):
    diagram = from_table.read_table(table(tmp_path, f"{HEADER}\n10,0.1,0.2,,0.9\n20,0.5,0.1,-0.1,0.9\n"))
    assert diagram.cells[10, 0.1].summary("lmc") is None
    assert diagram.cells[10, 0.1].summary("cka").centre == 0.9
    assert diagram.cells[10, 0.5].samples == ()


def test_what_report_prints_can_be_read_again(published, rule, tmp_path):
    again = from_table.read_table(table(tmp_path, phase_as_csv(find_phases(published, rule))))
    assert again.cells == published.cells
    assert again.drops == published.drops
    assert again.source == published.source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of numbers"),
        (f"{HEADER}\n", "no line of numbers"),
        ("depth,density,lmc\n1,0.1,0\n", "has the columns depth, density, lmc"),
        ("epochs,density\n1,0.1\n", "has the columns"),
        (f"{HEADER}\n10,1.5,0.1,0,1\n", "line 2: density is 1.5"),
        (f"# a comment\n{HEADER}\n10,0.1,much,0,1\n", "line 3: test_error is 'much'"),
        (f"{HEADER}\n10,0.1,nan,0,1\n", "line 2: test_error is nan"),
        (f"{HEADER}\nten,0.1,0.1,0,1\n", "line 2: epochs is 'ten'"),
        (f"{HEADER}\n10\n", "line 2: density is ''"),
        (f"# drops: soon\n{HEADER}\n10,0.1,0.1,0,1\n", "drops is 'soon'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        from_table.read_table(table(tmp_path, text))


def test_no_file_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot read the table"):
        from_table.read_table(tmp_path / "none.csv")
