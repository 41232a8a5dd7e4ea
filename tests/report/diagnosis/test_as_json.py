from __future__ import annotations

import json

import numpy as np

from prunescope.report.diagnosis import diagnosis_as_json

TEXT, NUMBER, MAYBE = (str,), (int, float), (int, float, type(None))

VERDICT = {
    "density": NUMBER,
    "rule": TEXT,
    "regime": (str, type(None)),
    "advice": TEXT,
    "confidence": MAYBE,
    "because": [TEXT],
}

READING = {
    "density": NUMBER,
    "probe": TEXT,
    "name": TEXT,
    "run": TEXT,
    "replicas": [TEXT],
    "value": (int, float, list, type(None)),
    "unit": TEXT,
    "n": (int, type(None)),
    "stderr": (int, float, list, type(None)),
    "estimator": TEXT,
    "axes": [TEXT],
    "labels": [TEXT],
}

SCHEMA = {
    "schema_version": (int,),
    "id": TEXT,
    "created": TEXT,
    "versions": dict,
    "device": TEXT,
    "seeds": dict,
    "input": {
        "run": TEXT,
        "sha256": TEXT,
        "source": TEXT,
        "format": TEXT,
        "model": TEXT,
        "data": TEXT,
        "fingerprint": TEXT,
    },
    "level": {"name": TEXT, "stands_on": TEXT, "next_buys": TEXT},
    "verdicts": [VERDICT],
    "dense_votes": [VERDICT],
    "knobs": dict,
    "readings": [READING],
    "warnings": [TEXT],
    "cost": {"seconds": NUMBER, "steps": [{"step": TEXT, "runs": (int,), "seconds": NUMBER, "detail": TEXT}]},
    "next": [{"why": TEXT, "commands": [TEXT]}],
    "runs": [{"label": TEXT, "step": TEXT, "what": TEXT, "id": TEXT, "seconds": NUMBER}],
    "recipes": dict,
    "cite": [
        {
            "key": TEXT,
            "authors": [TEXT],
            "title": TEXT,
            "venue": TEXT,
            "year": NUMBER,
            "url": TEXT,
            "bibtex": TEXT,
            "for": [TEXT],
        }
    ],
}


def conform(value, schema, where="report"):
    """Fail where a value is not of the schema: exactly its keys, and its types."""
    if isinstance(schema, dict):
        assert set(value) == set(schema), where
        for key, inner in schema.items():
            conform(value[key], inner, f"{where}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            conform(item, schema[0], f"{where}[{number}]")
    else:
        assert isinstance(value, schema), f"{where}: {value!r}"


def test_schema(report, imported, dense_only):
    for made in (report, imported, dense_only):
        conform(json.loads(json.dumps(diagnosis_as_json(made), allow_nan=False)), SCHEMA)


def test_readings_come_back_as_they_were_stored(study, report):
    session, _ = study
    found = json.loads(json.dumps(diagnosis_as_json(report)))
    for reading in found["readings"]:
        stored = session.read(reading["run"]).readings[reading["probe"]][reading["name"]]
        np.testing.assert_array_equal(np.asarray(reading["value"]), stored.value)
        assert (reading["unit"], reading["n"], tuple(reading["axes"])) == (stored.unit, stored.n, stored.axes)
    assert {reading["probe"] for reading in found["readings"]} == {
        "lmc",
        "cka",
        "disagreement",
        "errors",
        "size",
        "hessian",
        "rank",
    }


def test_verdicts_and_votes_are_apart(report):
    found = diagnosis_as_json(report)
    assert [verdict["regime"] for verdict in found["verdicts"]] == ["I", "unresolved", "II"]
    assert [verdict["density"] for verdict in found["dense_votes"]] == [1.0]
    assert found["schema_version"] == 1
