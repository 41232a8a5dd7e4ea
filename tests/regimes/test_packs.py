"""Rule packs: written, read back, refused."""

from __future__ import annotations

import json

import pytest

from prunescope.api.errors import InputError
from prunescope.regimes.packs import Pack, dump, load_pack

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
    assert load_pack(tmp_path / "pack.json") == PACK


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "other"}, "not a rule pack"),
        ({"schema_version": 9}, "schema 9"),
        ({"knobs": {"epochs": [1]}}, "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, change, told):
    (tmp_path / "pack.json").write_text(json.dumps({**json.loads(dump(PACK)), **change}))
    with pytest.raises(InputError, match=told):
        load_pack(tmp_path / "pack.json")


def test_what_is_no_json_is_refused(tmp_path):
    (tmp_path / "pack.json").write_text("epsilon = 0.1")
    with pytest.raises(InputError) as caught:
        load_pack(tmp_path / "pack.json")
    assert caught.value.message.endswith("pack.json is not a rule pack: it is not JSON")
    assert "prunescope calibrate STUDY" in caught.value.fix


def test_a_pack_that_is_not_there_is_told_without_a_number(tmp_path):
    with pytest.raises(InputError) as caught:
        load_pack(tmp_path / "none.json")
    assert caught.value.message.endswith("none.json: No such file or directory")
    assert "prunescope calibrate STUDY" in caught.value.fix


def test_pooled_accuracies_of_earlier_packs_are_left_out(tmp_path):
    values = json.loads(dump(PACK)) | {
        "others": {"md-tree": {"log_trace": 3.0, "accuracy_without": 0.9, "accuracy": 0.8}}
    }
    (tmp_path / "pack.json").write_text(json.dumps(values))
    assert load_pack(tmp_path / "pack.json").others == {"md-tree": {"log_trace": 3.0}}
