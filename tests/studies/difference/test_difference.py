"""Two diagnoses and two studies compared: what is worse is what both sides measured, by hand."""

from __future__ import annotations

import json

import pytest

import prunescope
from prunescope.api.errors import InputError, UsageError


def reading(values, *, probe="errors", name="test_error", density=0.1):
    return {"density": density, "probe": probe, "name": name, "value": values, "axes": ["replica"]}


def diagnosis(path, readings, *, advice="raise", schema=1):
    verdicts = [{"density": 0.1, "regime": "I", "advice": advice}]
    found = {"schema_version": schema, "readings": readings, "verdicts": verdicts, "dense_votes": []}
    path.write_text(json.dumps(found))
    return path


@pytest.fixture
def compare(tmp_path):
    def run(before, after, **given):
        sides = (diagnosis(tmp_path / "a.json", before), diagnosis(tmp_path / "b.json", after, advice="keep"))
        return prunescope.diff(*sides, **given)

    return run


def test_the_change_is_that_of_the_means(compare):
    found = compare([reading([0.10, 0.12])], [reading([0.20, 0.24])])
    (one,) = found.found.readings
    assert (one.before, one.after) == (pytest.approx(0.11), pytest.approx(0.22))
    assert one.stderr == pytest.approx((0.01**2 + 0.02**2) ** 0.5)
    assert found.worse
    assert "worse: test error +11.00 points at density 0.1" in str(found)
    assert [(v.where, v.before, v.after) for v in found.found.verdicts] == [("density 0.1", "I, raise", "I, keep")]


@pytest.mark.parametrize(
    ("after", "points", "worse"),
    [
        ([0.115, 0.117], 1.0, False),  # clear, but half a point
        ([0.115, 0.117], 0.1, True),
        ([0.05, 0.30], 1.0, False),  # more, but not clear
        ([0.01, 0.02], 1.0, False),  # better
    ],
)
def test_worse_is_more_points_and_clear(compare, after, points, worse):
    assert compare([reading([0.109, 0.111])], [reading(after)], points=points).worse is worse


def test_other_readings_are_shown_and_never_worse(compare):
    found = compare(
        [reading([-0.02, -0.01], probe="lmc", name="lmc"), reading([0.1, 0.1], density=0.5)],
        [reading([-0.52, -0.51], probe="lmc", name="lmc"), reading([0.1, 0.1], density=0.2)],
    )
    assert not found.worse
    assert "lmc/lmc" in found.to_markdown()
    assert [place.where for place in found.found.only_before] == ["density 0.5"]
    assert [place.where for place in found.found.only_after] == ["density 0.2"]


def test_nothing_in_common_is_an_error(compare):
    with pytest.raises(UsageError, match="no reading at one place in common"):
        compare([reading([0.1])], [reading([0.1], density=0.2)])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 9, "readings": []}'])
def test_a_file_that_is_no_diagnosis_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        prunescope.diff(tmp_path / "a.json", tmp_path / "a.json")
    with pytest.raises(InputError, match="no file"):
        prunescope.diff(tmp_path / "none.json", tmp_path / "a.json")
    with pytest.raises(InputError, match="no file, folder or run"):
        prunescope.diff("diagnose-1", "diagnose-2", study=tmp_path)
    with pytest.raises(UsageError, match="not a study"):
        prunescope.diff(tmp_path, tmp_path)


def test_two_studies_are_compared_by_density_and_knobs(tmp_path):
    small = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": "patches:images=64,test_images=40"}
    folders = [tmp_path / name for name in ("a", "b")]
    for seed, folder in enumerate(folders):
        dense = prunescope.train(**small, trainer_options={"epochs": 1}, seed=seed, study=folder)
        prunescope.probe(prunescope.prune(dense, density=0.5, study=folder), "errors", study=folder)
    found = prunescope.diff(*folders)
    one = next(one for one in found.found.readings if one.reading == "errors/test_error")
    assert one.where.startswith("density 0.5, preresnet8, epochs 1, ")
    rows = [prunescope.open_study(folder).rows() for folder in folders]
    wanted = [next(row["value"] for row in side if row["reading"] == "test_error") for side in rows]
    assert [one.before, one.after] == wanted
    assert one.stderr is None


def test_densities_that_three_decimals_do_not_separate_are_two_places(compare):
    errors = [reading([0.1, 0.12], density=0.0015), reading([0.3, 0.32], density=0.002)]
    found = compare(errors, errors)
    assert [(one.where, one.before) for one in found.found.readings] == [
        ("density 0.0015", pytest.approx(0.11)),
        ("density 0.002", pytest.approx(0.31)),
    ]


def test_what_has_not_changed_is_shown_by_its_test_errors(compare):
    both = [reading([0.9], name="test_chance"), reading([0.1, 0.12])]
    text = str(compare(both, both))
    assert "errors/test_error" in text
    assert "test_chance" not in text
