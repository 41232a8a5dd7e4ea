"""A study of a few steps, which takes a second or two: what tests damage."""

from __future__ import annotations

STUDY = """
[model]
name = "preresnet8"
width = 0.25
[data]
name = "patches"
images = 60
test_images = 60
[train]
plugin = "sgd"
epochs = 2
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
epochs = 1
[[probes]]
plugin = "errors"
[[probes]]
plugin = "lmc"
[axes]
epochs = [1, 2]
density = [0.5]
[seeds]
replicas = 2
"""


def sweep_small_study(folder, invoke):
    """Compute the study in a folder; return its own."""
    (folder / "small.toml").write_text(STUDY)
    done = invoke("sweep", folder / "small.toml", "--study", folder / "study", "--workers", 1)
    assert done.exit_code == 0, done.stderr
    return folder / "study"
