"""A study of a few steps, which takes a second or two: what tests compute, change and damage."""

from __future__ import annotations

import json

SMALL = {
    "model": {"name": "preresnet8", "width": 0.25},
    "data": {"name": "patches", "images": 60, "test_images": 60},
    "train": {"plugin": "sgd", "epochs": 2},
    "prune": {"plugin": "magnitude"},
    "retrain": {"plugin": "sgd", "epochs": 1},
    "probes": [{"plugin": "errors"}],
    "axes": {"epochs": [1, 2], "density": [0.5]},
    "seeds": {"dense": [0], "replicas": 2},
}


def study_text(**tables):
    """Return the file of the study with these tables, each whole, in place of its own or beside them."""
    return as_toml({**SMALL, **tables})


def as_toml(tables):
    """Write the tables of a study as TOML."""
    lines = []
    for name, table in tables.items():
        for one in table if isinstance(table, list) else [table]:
            lines.append(f"[[{name}]]" if isinstance(table, list) else f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in one.items()]
    return "\n".join(lines)


def sweep_small_study(folder, invoke):
    """Compute the study in a folder, with barriers too; return its own."""
    (folder / "small.toml").write_text(study_text(probes=[{"plugin": "errors"}, {"plugin": "lmc"}]))
    done = invoke("sweep", folder / "small.toml", "--study", folder / "study", "--workers", 1)
    assert done.exit_code == 0, done.stderr
    return folder / "study"
