"""What is wrong with a study is told with its file, its table and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunescope.api.errors import InputError, StoreError
from prunescope.studies.grid import studyfolder

TINY = Path(__file__).parents[3] / "studies" / "patches-tiny.toml"


def mistaken(tmp_path, old, new):
    path = tmp_path / "mine.toml"
    text = TINY.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_a_misspelt_option_of_a_plugin_names_the_file_and_the_table(tmp_path):
    path = mistaken(tmp_path, 'plugin = "magnitude"', 'plugin = "magnitude"\nscop = "layer"')
    with pytest.raises(InputError) as caught:
        studyfolder.load_grid(tmp_path, at=path)
    assert caught.value.message == f"{path}: [prune]: Magnitude has no option 'scop'"
    assert caught.value.fix.startswith("did you mean 'scope'?")


def test_a_misspelt_option_of_the_data_names_the_table(tmp_path):
    path = mistaken(tmp_path, "\nimages", "\nimags")
    with pytest.raises(InputError, match=r"the table \[data\]: Patches has no option 'imags'") as caught:
        studyfolder.load_grid(tmp_path, at=path)
    assert "did you mean 'images'?" in caught.value.fix


def test_a_folder_that_cannot_be_written_is_no_full_disk(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the study folder") as caught:
        studyfolder.settle(TINY, tmp_path / "file" / "study")
    assert caught.value.fix.startswith("choose another folder")
