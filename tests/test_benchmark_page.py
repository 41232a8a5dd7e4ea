from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture
def page(tmp_path, monkeypatch):
    path = Path(__file__).parent.parent / "benchmarks" / "page.py"
    spec = importlib.util.spec_from_file_location("benchmarks_page", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmarks_page", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    (tmp_path / "images").mkdir()
    monkeypatch.setattr(module, "DOCS", tmp_path)
    return module


def test_a_script_replaces_its_own_part_and_the_page_has_all(page, tmp_path):
    def part(title, *ratios):
        head = page.Headline(workload=f"work of {title}", against="plain", ratios=ratios, least=2, aim=4, share=0.5)
        row = page.Row(workload="w", comparison="plain / ours", ratios=ratios, share=None)
        return page.Part(title=title, machine="a core", rows=[row], headlines=[head], notes=["A note."])

    page.put(part("One, with a comma", 1.0, 3.0, 2.5))
    page.put(part("Two", 1.0))
    page.put(part("Two", 1.5))
    text = (tmp_path / "benchmarks.md").read_text()
    assert sorted(path.name for path in (tmp_path / "benchmarks").iterdir()) == ["one-with-a-comma.json", "two.json"]
    assert "| work of One, with a comma | plain | **2.50** | 2.00 | 4.00 | 50% |" in text
    assert "| work of Two | plain | 1.50 | 2.00 | 4.00 | 50% |" in text
    assert "| w | plain / ours | 2.50 (1.00 to 3.00, 3 rounds) | n/a |" in text
    assert text.count("## Two") == text.count("## One, with a comma") == 1
    picture = (tmp_path / "images" / "benchmarks.svg").read_text()
    assert "work of Two" in picture
    page.write()
    assert (tmp_path / "images" / "benchmarks.svg").read_text() == picture  # no date, no random names
