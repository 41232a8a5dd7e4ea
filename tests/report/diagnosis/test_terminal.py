from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from prunescope.api import Advice
from prunescope.report.common import words
from prunescope.report.diagnosis import terminal
from prunescope.report.diagnosis.terminal import confidence as terminal_confidence


def printed(report, width=80, encoding="utf-8", **settings):
    buffer = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=buffer, width=width, **settings).print(terminal(report))
    buffer.flush()
    return buffer.buffer.getvalue().decode(encoding)


def test_the_verdict_comes_first_with_a_shape_and_a_word(report):
    text = printed(report)
    lines = text.splitlines()
    assert lines[2].startswith("Raise the temperature to prune to 5 %")
    assert "   5 %  ■ Regime I    ↑ raise the temperature  confidence > 99 %" in text
    assert "  10 %  ◇ unresolved  · no advice" in text
    assert "  20 %  ○ Regime II   ↓ lower the temperature" in text
    order = ["Regime I", "Next", "Evidence", "Why", "Warnings"]
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)


def test_no_arrow_is_printed_where_no_direction_is_decided(undecided):
    text = printed(undecided, 100)
    assert text.splitlines()[2] == "10 % cannot be decided yet."
    assert not set("↑↓") & set(text)
    assert "\n\n\n" not in text
    assert " dense  temperature too low (a vote, not the advice: md-tree" in text


def test_the_vote_on_a_dense_model_alone_has_its_arrow(dense_only):
    text = printed(dense_only, 100)
    assert "↑ temperature too low (md-tree" in text
    assert "↑ raise = " in text


def test_the_last_word_is_whom_to_cite(report):
    last = " ".join(printed(report).split("Cite: ")[1].split())
    assert "Zhou et al. 2023" in last
    assert last.endswith(f"(in full: prunescope cite {report.id})")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_too_wide(report, imported, dense_only, width):
    for made in (report, imported, dense_only):
        assert max(len(line) for line in printed(made, width).splitlines()) <= min(width, 100)


@pytest.mark.parametrize("width", [30, 40, 50, 60])
def test_a_narrow_terminal_shows_the_whole_verdict(report, width):
    said = " ".join(printed(report, width).split())
    for verdict in report.verdicts:
        regime, advice = words.REGIMES[verdict.regime], words.ADVICE[verdict.advice]
        assert f"{regime} {words.ARROWS[verdict.advice]} {advice} confidence {terminal_confidence(verdict)}" in said


def test_no_color_means_no_colour(report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(report, force_terminal=True)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[1;31m" in printed(report, force_terminal=True, color_system="standard")


def test_a_terminal_of_ascii_gets_other_shapes(report):
    text = printed(report, encoding="ascii")
    assert "# Regime I" in text
    assert "? unresolved" in text
    assert "o Regime II" in text


def test_commands_survive_the_width(report):
    text = printed(report)
    joined = text.replace("\\\n", " ")
    assert "--data patches:noise=0.5" in joined
    for line in (line for line in text.splitlines() if line.strip().startswith("dense=$(")):
        assert line.endswith("\\")


def test_readings_of_a_foreign_probe_are_there(report):
    text = printed(report, 200)
    assert "rank/stable_rank" in text
    assert "rank/per <b>block</b>" in text
    assert "rank/spectrum" in text


def test_markup_in_names_is_text(imported):
    hostile = next(warning for warning in imported.warnings if "<script>" in warning)
    assert "<script>alert('note')</script>" in printed(replace(imported, warnings=(hostile,)), 200)


def test_two_warnings_are_printed_and_the_others_counted(report):
    text = " ".join(printed(report, 200).split())
    assert [" ".join(warning.split()) in text for warning in report.warnings] == [
        True,
        True,
        *[False] * (len(report.warnings) - 2),
    ]
    assert f"{len(report.warnings) - 2} more warnings in the report (--report FILE.html) and in --json" in text
    assert "more warning" not in printed(replace(report, warnings=report.warnings[:2]), 200)
    assert "1 more warning in the report" in printed(replace(report, warnings=report.warnings[:3]), 200)


def test_nothing_measured_is_printed_as_a_number(dense_only):
    text = printed(dense_only)
    lmc = next(line for line in text.splitlines() if line.startswith("LMC"))
    assert lmc.split() == ["LMC", "n/a"]
    assert "requires two" in text


def test_what_the_confidence_is_of_stands_under_the_verdicts(report, dense_only):
    lines = printed(report).splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith("  20 %"))
    assert lines[row + 1] == "Confidence: that replicas are (poorly) connected, not that the advice helps."
    alone = printed(replace(report, verdicts=report.verdicts[:1]))
    assert "Confidence: that replicas are poorly connected, not that the advice helps." in alone
    assert "Confidence:" not in printed(dense_only)


def test_the_cost_is_said_to_be_summed_over_workers(report, page):
    line = next(line for line in printed(report, 100).splitlines() if line.startswith("cost"))
    assert "of computing, summed over workers (" in line
    assert "of computing, summed over workers" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_a_sure_direction_that_is_not_advised_is_not_called_too_low(report):
    verdict = replace(report.verdicts[0], advice=Advice.NONE, hotter=0.14, confidence=0.86)
    assert terminal_confidence(verdict) == "86 %, not advised"
