"""sweep and report from end to end; the studies that ship, on little data and for a moment each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cifar10_files import write_cifar10

STUDIES = Path(__file__).parents[3] / "studies"

PAPER = ("cifar10-preresnet20-epochs", "cifar10-preresnet20-batch", "cifar10-preresnet20-sam")

SMALLER = (
    (r'^name = "preresnet20"$', 'name = "preresnet8"\nwidth = 0.25'),
    (r"^epochs = 160$", "epochs = 2"),
    (r"^epochs = \[.*\]$", "epochs = [1, 2]"),
    (r"^batch_size = \[.*\]$", "batch_size = [10, 20]"),
    (r"^rho = \[.*\]$", "rho = [0.1, 0.8]"),
    (r"^density = \[.*\]$", "density = [0.05, 0.8]"),
    (r"^dense = \[.*\]$", "dense = [0]"),
    (r"^replicas = 3$", "replicas = 2"),
)
"""Lines of a study, and what makes it short without changing what it asks for."""


def shrunk(name):
    text = (STUDIES / f"{name}.toml").read_text()
    for line, smaller in SMALLER:
        text = re.sub(line, smaller, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def swept(tmp_path, monkeypatch, invoke):
    """Return a function that sweeps one of the paper's studies, shrunk, beside CIFAR-10 in ./data."""
    write_cifar10(tmp_path / "data", monkeypatch)
    monkeypatch.chdir(tmp_path)

    def run(name):
        Path(f"{name}.toml").write_text(shrunk(name))
        result = invoke("sweep", f"{name}.toml", "--workers", 1)
        assert result.exit_code == 0, result.stderr
        return result

    return run


@pytest.mark.parametrize(("name", "knob"), list(zip(PAPER, ("epochs", "batch_size", "rho"), strict=True)))
def test_the_paper_s_studies_run_where_cifar10_is_on_disk(name, knob, swept, invoke):
    assert swept(name).stdout.strip() == name
    result = invoke("report", name, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["knob"] == knob
    cells = found["cells"]
    assert len({(cell["value"], cell["density"]) for cell in cells}) == len(cells) == 4
    assert all(0 <= cell["test_error"]["centre"] <= 1 for cell in cells)


def test_a_finished_sweep_says_so_and_computes_nothing(swept, invoke):
    swept(PAPER[0])
    before = {path: path.stat().st_mtime_ns for path in Path(PAPER[0]).rglob("*.h5")}
    again = invoke("sweep", PAPER[0], "--workers", 1)
    assert (again.exit_code, again.stdout.strip()) == (0, PAPER[0])
    assert before == {path: path.stat().st_mtime_ns for path in Path(PAPER[0]).rglob("*.h5")}


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_study_is_listed(path, tmp_path, monkeypatch, invoke):
    write_cifar10(tmp_path / "data", monkeypatch)
    monkeypatch.chdir(tmp_path)
    result = invoke("sweep", path, "--list", "--json")
    assert result.exit_code == 0, result.stderr
    steps = json.loads(result.stdout)["steps"]
    assert {"train", "prune", "retrain", "probe"} <= {step["name"].partition("/")[0] for step in steps}
    assert not list(tmp_path.rglob("*.h5"))
