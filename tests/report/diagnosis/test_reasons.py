"""Reasons of several verdicts: each is written once, beside the verdicts that it belongs to."""

from __future__ import annotations

import re
from dataclasses import replace

from prunescope.report.diagnosis.html import diagnosis_page
from prunescope.report.diagnosis.reasons import group_reasons

from .test_terminal import printed


def test_shared_reasons_name_their_verdicts_and_a_verdict_may_have_none_of_its_own(report):
    first = replace(report.verdicts[0], label="5 %", because=("rough", "low", "few"))
    second = replace(first, label="10 %", because=("rough", "low"))
    dense = replace(first, label="dense", because=("rough", "few", "its own"))
    found = [(group.label, group.reasons) for group in group_reasons([first, second, dense])]
    assert found == [("dense", ("its own",)), ("all", ("rough",)), ("5 %, 10 %", ("low",)), ("5 %, dense", ("few",))]
    assert [group.label for group in group_reasons([second])] == ["10 %"]


def test_the_terminal_and_the_page_write_each_shared_reason_once(report):
    verdict = replace(report.verdicts[0], because=("a sentence of both",))
    other = replace(verdict, density=0.33, label="33 %")
    vote = replace(verdict, label="dense", because=("a vote",))
    shown = replace(report, verdicts=(verdict, other), dense_votes=(vote,))
    both = f"{verdict.label}, 33 %"
    why = printed(shown, 100).partition("Why")[2].partition("Warnings")[0]
    assert why.count("a sentence of both") == 1
    assert f"{both}: a sentence of both." in why
    reasons = (
        diagnosis_page(shown)
        .replace("\N{NO-BREAK SPACE}", " ")
        .partition("<h2>Reasons</h2>")[2]
        .partition("</section>")[0]
    )
    assert re.findall(r"<li>(.*?)</li>", reasons) == ["a vote", "a sentence of both"]
    assert f"<h3>{both}</h3>" in reasons
