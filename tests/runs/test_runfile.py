"""The HDF5 schema: round trip, golden layout, damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from signing import sign, sign_bytes

from prunescope.api import Advice, Diagnosis, Epoch, Mask, Reading, Regime
from prunescope.api.errors import StoreError
from prunescope.runs.files import glance, hdf5, runfile
from prunescope.runs.files.runfile import Run, Verdict
from prunescope.runs.recipe import Recipe

GOLDEN = Path(__file__).parent / "golden"


def full_run() -> Run:
    """Return a run with something in every part of the schema."""
    epochs = [Epoch(number=k, of=2, learning_rate=0.1 / k, train_loss=2.0 / k, train_error=0.5 / k) for k in (1, 2)]
    diagnosis = Diagnosis(regime=Regime.I, advice=Advice.RAISE, confidence=0.93, because=("a", "b"))
    silent = Diagnosis(regime=None, advice=Advice.LOWER, confidence=None, because=("c",))
    return Run(
        recipe=Recipe(step="retrain", plugin="sgd", arguments={"seed": 1}, inputs=("prune-0",)),
        created="2026-01-02T03:04:05+00:00",
        wall_seconds=1.5,
        device="cpu",
        versions={"torch": "2.4"},
        facts={"knobs": {"epochs": 80}, "notes": ["x"]},
        weights={"retrain-0.safetensors": "ab"},
        history=tuple(epochs),
        mask=Mask({"a/b.weight": torch.tensor([[True, False], [False, True]])}),
        readings={
            "lmc": {
                "lmc": Reading(
                    np.array([-0.1, 0.0]), unit="fraction", n=9, stderr=np.array([0.01, 0.02]), axes=("pair",)
                ),
                "layer.a/b%": Reading(np.array([1.0, 2.0]), unit="1", axes=("layer",), labels=("p", "q")),
            },
            "size": {"density": Reading(0.5, unit="1", estimator="exact")},
        },
        verdicts=(
            Verdict(density=0.1, rule="three-regime", diagnosis=diagnosis),
            Verdict(density=1.0, rule="md-tree", diagnosis=silent),
        ),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a written run."""
    found = tmp_path / f"{full_run().id}.h5"
    found.write_bytes(runfile.run_bytes(full_run()))
    return found


def test_a_run_comes_back_as_it_was(path: Path) -> None:
    wanted, got = full_run(), runfile.read_run(path, with_mask=True)
    assert replace(got, readings={}, mask=None) == replace(wanted, readings={}, mask=None)
    assert got.mask is not None
    assert wanted.mask is not None
    assert torch.equal(got.mask.kept["a/b.weight"], wanted.mask.kept["a/b.weight"])
    for probe, named in wanted.readings.items():
        assert sorted(got.readings[probe]) == sorted(named)
        for name, reading in named.items():
            back = got.readings[probe][name]
            np.testing.assert_array_equal(back.value, reading.value)
            assert back.stderr is None if reading.stderr is None else (back.stderr == reading.stderr).all()
            same = (back.unit, back.n, back.axes, back.labels, back.estimator)
            assert same == (reading.unit, reading.n, reading.axes, reading.labels, reading.estimator)
    assert runfile.check_run_file(path) is None


def test_the_layout_is_the_published_schema(path: Path) -> None:
    names: list[str] = []
    with h5py.File(path) as file:
        file.visit(names.append)
        assert file.attrs["schema"] == 1
        assert set(file.attrs) == {
            "schema", "id", "recipe", "created", "wall_seconds", "device", "versions", "facts", "weights", "digest",
        }  # fmt: skip
        assert dict(file["readings/lmc/lmc"].attrs)["unit"] == "fraction"
        assert file["mask/a%2Fb.weight"].dtype == np.uint8
    assert sorted(names) == [
        "diagnoses", "diagnoses/0", "diagnoses/1",
        "history", "history/learning_rate", "history/number", "history/of", "history/train_error", "history/train_loss",
        "mask", "mask/a%2Fb.weight",
        "readings", "readings/lmc", "readings/lmc/layer.a%2Fb%25", "readings/lmc/lmc", "readings/size",
        "readings/size/density",
    ]  # fmt: skip


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("change", ["value", "attribute", "extra", "recipe"])
def test_any_change_to_a_file_is_found(path: Path, change: str, *, signed: bool) -> None:
    with h5py.File(path, "a") as file:
        if change == "value":
            file["history/train_loss"][1] = 1.0000001
        elif change == "attribute":
            file["readings/lmc/lmc"].attrs["n"] = 8
        elif change == "extra":
            file["readings/lmc/new"] = 1.0
        else:
            file.attrs["recipe"] = str(file.attrs["recipe"]).replace('"seed":1', '"seed":2')
            file.attrs["digest"] = hdf5.digest_of(file)
    if signed:
        sign_bytes(path)
    assert runfile.check_run_file(path)
    if not signed:
        with pytest.raises(StoreError, match="its bytes do not match their digest"):
            runfile.read_run(path)


def test_a_renamed_file_is_found(path: Path) -> None:
    moved = path.rename(path.with_name("retrain-0000000000000000.h5"))
    assert "recipe" in str(runfile.check_run_file(moved))


@pytest.mark.parametrize("keep", [0, 10, 3000])
def test_a_truncated_file_is_found_and_reading_it_says_what_to_do(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    assert runfile.check_run_file(path)
    with pytest.raises(StoreError, match="not a readable") as caught:
        runfile.read_run(path)
    assert "results check" in caught.value.fix


def test_another_schema_is_refused(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 99
    sign(path)
    with pytest.raises(StoreError, match="schema 99"):
        runfile.read_run(path)


def test_json_has_null_for_what_is_not_finite() -> None:
    reading = Reading(np.array([1.0, np.inf]), unit="1", stderr=np.array([np.nan, 0.5]), axes=("pair",))
    assert runfile.reading_as_json(reading)["value"] == [1.0, None]
    assert runfile.reading_as_json(reading)["stderr"] == [None, 0.5]
    assert runfile.reading_as_json(Reading(float("nan"), unit="1"))["value"] is None


def test_a_run_as_json_has_every_part() -> None:
    values = runfile.run_as_json(full_run())
    assert values["recipe"]["plugin"] == "sgd"
    assert values["history"][1]["train_loss"] == 1.0
    assert values["verdicts"][1]["regime"] is None
    assert values["readings"]["size"]["density"]["value"] == 0.5


def test_a_judged_direction_comes_back_and_without_one_nothing_of_it_is_written(tmp_path: Path) -> None:
    plain = full_run().verdicts[0]
    directed = replace(
        plain.diagnosis,
        hotter=0.9,
        regime_probability=0.7,
        gain=-0.01,
        gain_interval=(-0.02, 0.01),
        rests_on=("family", "position"),
        next_buys="more",
    )
    run = replace(full_run(), verdicts=(plain, replace(plain, diagnosis=directed)))
    (tmp_path / f"{run.id}.h5").write_bytes(runfile.run_bytes(run))
    assert runfile.read_run(tmp_path / f"{run.id}.h5").verdicts == run.verdicts
    with h5py.File(tmp_path / f"{run.id}.h5") as file:
        assert set(file["diagnoses/0"].attrs) == {"density", "rule", "regime", "advice", "confidence", "because"}


def test_a_file_without_a_digest_of_its_bytes_is_compared_by_its_values(path: Path) -> None:
    """Version 0.1.0 wrote no user block, and a digest whose parts had no lengths before them."""
    with h5py.File(path) as new, h5py.File(path.with_suffix(".old"), "w") as old:
        for name in new:
            new.copy(name, old)
        old.attrs.update(dict(new.attrs))
        old.attrs["digest"] = ""
        old.attrs["digest"] = hdf5.digest_of(old)
        assert ":" not in old.attrs["digest"]
    path.with_suffix(".old").replace(path)
    assert runfile.check_run_file(path) is None
    assert runfile.read_run(path).id == full_run().id
    assert glance.wall_seconds(path) == 1.5
    with h5py.File(path, "a") as file:
        file["history/train_loss"][1] = 1.0000001
    for read in (runfile.read_run, glance.wall_seconds):
        with pytest.raises(StoreError, match="its values do not match its digest"):
            read(path)


@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.iterdir()))
def test_the_files_of_every_layout_are_read_for_ever(version: str) -> None:
    """Each folder holds a file as that version wrote it: they are never written again."""
    (golden,) = (GOLDEN / version).glob("*.h5")
    assert runfile.check_run_file(golden) is None
    found = runfile.read_run(golden, with_mask=True)
    assert (found.id, found.facts["notes"], found.weights) == (golden.stem, ["größe"], {"retrain-0.safetensors": "ab"})
    assert [epoch.train_loss for epoch in found.history] == [2.0, 1.0]
    assert found.readings["lmc"]["layer.a/b%"].labels == ("p", "q")
    assert found.readings["lmc"]["lmc"].value.tolist() == [-0.1, 0.0]
    assert found.mask is not None
    assert found.mask.kept["a/b.weight"].tolist() == [[True, False], [False, True]]
    assert found.verdicts[0].diagnosis.regime is Regime.I
    assert glance.arrays(golden, ("lmc/lmc",))["lmc/lmc"][0].tolist() == [-0.1, 0.0]
