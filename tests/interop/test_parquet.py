"""The readings of a study as Parquet, read back by pyarrow and compared with the CSV file."""

from __future__ import annotations

import csv

from wanted import wanted

import prunescope

parquet = wanted("pyarrow.parquet")


def test_a_parquet_file_holds_the_rows_of_the_csv_file(tmp_path):
    small = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": "patches:images=64,test_images=40"}
    dense = prunescope.train(**small, trainer_options={"epochs": 1}, study=tmp_path / "study")
    prunescope.probe(prunescope.prune(dense, density=0.5, study=dense.study), "errors", study=dense.study)
    study = prunescope.open_study(dense.study)
    assert study.export(tmp_path / "a.parquet").runs == study.export(tmp_path / "a.csv").runs == 1
    table = parquet.read_table(tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open() as file:
        lines = list(csv.DictReader(file))
    rows = table.to_pylist()
    assert [row["reading"] for row in rows] == [line["reading"] for line in lines]
    assert [row["value"] for row in rows] == [float(line["value"]) for line in lines]
    assert {(row["density"], row["epochs"], row["dense_seed"]) for row in rows} == {(0.5, 1.0, 0)}
