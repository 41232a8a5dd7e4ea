"""Files that travel."""

from __future__ import annotations

import pytest
from prunescope_ray.files import read_files, write_files
from prunescope_ray.versions import describe_differences

from prunescope.api.errors import PluginError

PATTERNS = ("runs/one@*.safetensors", "runs/one.safetensors", "runs/one.h5")


def test_what_matches_travels_in_the_order_of_the_patterns(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "runs").mkdir(parents=True)
    for name in ("one.h5", "one.safetensors", "one@2.safetensors", "one@10.safetensors", "other.h5"):
        (here / "runs" / name).write_text(name)
    found = read_files(here, PATTERNS)
    assert list(found) == [
        "runs/one@10.safetensors",
        "runs/one@2.safetensors",
        "runs/one.safetensors",
        "runs/one.h5",
    ]
    write_files(there, found, patterns=PATTERNS)
    assert sorted(path.name for path in (there / "runs").iterdir()) == sorted(name.partition("/")[2] for name in found)


@pytest.mark.parametrize(
    "name", ["runs/other.h5", "runs/../one.h5", "../runs/one.h5", "/etc/one.h5", "runs/one@2/x.safetensors", "one.h5"]
)
def test_another_machine_chooses_no_name(name, tmp_path):
    with pytest.raises(PluginError, match="none of its job's"):
        write_files(tmp_path / "study", {name: b"x"}, patterns=PATTERNS)
    assert not list(tmp_path.rglob("*.h5"))


def test_differences_name_each_version():
    assert not describe_differences('{"a": "1"}', '{"a": "1", "b": "2"}')
    assert describe_differences('{"a": "1"}', '{"a": "2"}') == "a is 2, wanted 1"
