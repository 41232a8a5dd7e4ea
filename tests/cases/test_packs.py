"""Rule packs: written, read back, refused."""

from __future__ import annotations

import json

import pytest

from prunescope.cases.packs import Pack, dump, load
from prunescope.errors import InputError

PACK = Pack(
    rule="three-regime",
    options={"epsilon": 0.03},
    knobs={"epochs": (10.0, 80.0)},
    models=("preresnet8",),
    data=("patches",),
    fit={"cells": 20},
)


def test_a_pack_comes_back_as_it_was(tmp_path):
    (tmp_path / "pack.json").write_text(dump(PACK))
    assert load(tmp_path / "pack.json") == PACK


@pytest.mark.parametrize(
    ("change", "told"),
    [({"kind": "other"}, "no rule pack"), ({"schema_version": 9}, "schema 9"), ({"knobs": {"epochs": [1]}}, "damaged")],
)
def test_other_files_are_refused(tmp_path, change, told):
    (tmp_path / "pack.json").write_text(json.dumps({**json.loads(dump(PACK)), **change}))
    with pytest.raises(InputError, match=told):
        load(tmp_path / "pack.json")


def test_what_is_no_json_is_refused(tmp_path):
    (tmp_path / "pack.json").write_text("epsilon = 0.1")
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "pack.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(InputError, match="no rule pack"):
        load(tmp_path / "list.json")
