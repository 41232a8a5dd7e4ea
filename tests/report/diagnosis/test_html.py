from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import synthetic_study as synthetic

from prunescope.api import Regime
from prunescope.report.diagnosis import assemble, diagnosis_page
from prunescope.report.diagnosis.html import card

VOID = {"meta", "br", "link", "img", "hr", "input"}
LEAVES = {"rect", "path", "circle", "use"}


class Page(HTMLParser):
    """The elements, ids, references and text of a page; fails where tags do not nest."""

    def __init__(self):
        HTMLParser.__init__(self)
        self.open, self.tags, self.ids, self.references, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._note(attrs)

    def _note(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "action", "srcset"):
                self.references.append(value)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def parsed(page):
    found = Page()
    found.feed(page)
    assert found.open == []
    return found


def test_it_refers_to_nothing_outside(page, parsed):
    assert all(reference.startswith("#") for reference in parsed.references)
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    assert parsed.tags.count("script") == 1
    assert "link" not in parsed.tags


def test_ids_are_unique_and_every_reference_is_met(parsed):
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {reference.removeprefix("#") for reference in parsed.references} <= set(parsed.ids)


def test_a_page_and_a_card_show_no_arrow_where_no_direction_is_decided(undecided):
    for made in (diagnosis_page(undecided).partition("<h2>Knobs")[0], card(undecided)):
        shown = made.partition("<h1>")[2].replace("\N{NO-BREAK SPACE}", " ")
        assert shown.startswith("10 % cannot be decided yet.")
        assert not set("↑↓") & set(shown)
        assert "temperature too low<small>a vote, not the advice</small>" in shown
        assert "no change of the temperature of the dense training is advised" in shown


def test_hostile_text_stays_text(page, parsed):
    assert synthetic.HOSTILE in " ".join(parsed.text)
    assert page.count("<script") == 1
    assert "<b>block" not in page
    assert "&lt;script&gt;alert(&#39;layer&#39;)" in page


def test_the_headline_is_the_verdict(page):
    heading = re.search(r"<h1>(.*?)</h1>", page)[1]
    assert heading.startswith("Raise the temperature to prune to 5\N{NO-BREAK SPACE}%")


def test_sections_come_in_order(page):
    order = [
        "Next steps",
        "Are replicas connected?",
        "Similarity and error of the replicas",
        "Density of each layer",
        "<h2>Evidence<",
        "Knobs of the dense training",
        "<h2>Reasons<",
        "Other probes",
        "<h2>Warnings<",
        "<h2>Cost<",
        "<h2>Provenance<",
        "Publications to cite",
        "How to read this",
    ]
    places = [page.index(title) for title in order]
    assert places == sorted(places)


def test_pictures_take_their_colours_from_the_page(page):
    pictures = re.findall(r'<svg role="img".*?</svg>', page, re.DOTALL)
    assert len(pictures) == 2 + 3 + 3  # the axis twice, a panel per density, three readings along density
    for picture in pictures:
        assert "var(--" in picture
        assert not set(re.findall(r"#[0-9a-f]{6}", picture)) - {"#ffffff", "#000000"}
        assert "font-family" not in picture
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--width"}
    for scheme in re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]:
        assert used <= set(re.findall(r"(--[\w-]+):", scheme))


def test_pictures_have_words_for_those_who_do_not_see_them(page):
    labels = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert any("Regime I, raise the temperature" in label for label in labels)
    assert any("LMC" in label for label in labels)


def test_the_methods_are_cited(page):
    cited = page.partition("Publications to cite")[2].partition("</section>")[0]
    assert "Linear Mode Connectivity and the Lottery Ticket Hypothesis" in cited
    assert "probe lmc" in cited


def test_the_foreign_probe_is_there(page):
    assert "rank/stable_rank" in page
    assert "rank/per &lt;b&gt;block&lt;/b&gt;" in page
    assert "rank/spectrum" in page


def test_knobs_found_in_the_checkpoint_are_shown(page):
    assert "batch smaller than 32" in page
    assert "took the EMA weights" in page


def test_a_dense_model_alone_has_a_page_without_pictures(dense_only):
    page = diagnosis_page(dense_only)
    assert 'role="img"' not in page
    assert "The vote on the dense model alone: raise the temperature." in page
    assert "Next steps" in page


def test_every_regime_and_many_densities_can_be_drawn(report):
    regimes = [*Regime, Regime.I, Regime.II_B, Regime.UNRESOLVED, Regime.II_A]
    verdicts = tuple(
        replace(report.verdicts[0], density=density, label=f"{100 * density:g} %", regime=regime)
        for density, regime in zip((0.05, 0.06, 0.07, 0.08, 0.1, 0.14, 0.2, 0.4, 0.8), regimes, strict=False)
    )
    page = diagnosis_page(replace(report, verdicts=verdicts))
    for density in ("5", "6", "14", "80"):
        assert f">{density}\N{NO-BREAK SPACE}%</text>" in page


def test_many_neighbours_are_a_range(report):
    verdicts = tuple(
        replace(report.verdicts[2], density=density, label=f"{100 * density:g} %") for density in (0.1, 0.2, 0.4, 0.8)
    )
    page = diagnosis_page(replace(report, verdicts=(report.verdicts[0], *verdicts)))
    assert "prune to 5\N{NO-BREAK SPACE}%; lower it to prune to 10\N{NO-BREAK SPACE}%–80\N{NO-BREAK SPACE}%." in page


def test_one_density_can_be_drawn(tmp_path):
    report = assemble(*synthetic.study(tmp_path, cases=synthetic.CASES[:1], third_party=False))
    page = diagnosis_page(report)
    assert page.count('role="img"') == 2 + 1 + 3 + 1
    assert "Other probes" in page  # the Hessian of the dense model
    assert "rank/" not in page


def test_every_density_has_a_panel_with_every_value(report, page):
    for density, label in ((0.05, "5"), (0.1, "10"), (0.2, "20")):
        (panel,) = re.findall(rf'<article class="cell" id="density={density:g}">.*?</article>', page, re.DOTALL)
        assert f"{label}\N{NO-BREAK SPACE}%</h3>" in panel
        assert panel.count("<polyline") == panel.count('class="star"') == 3  # pairs
        found = next(paths for paths in report.paths if paths.density == density)
        written = re.search(r"LMC</th><td[^>]*>each pair</td><td>([^<]*)</td>", panel)[1].replace("−", "-")
        assert [float(one) for one in written.split(", ")] == pytest.approx(
            [curve.lmc for curve in found.curves], abs=6e-4
        )
        assert panel.count("prunescope results show retrain-") == 3
        assert page.count(f'href="#density={density:g}"') == 2  # of the verdict's table and of the panel's choice


def test_the_policy_admits_the_one_script(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert html.escape(f"script-src 'sha256-{digest}'").replace("&#x27;", "&#39;") in page


def test_no_confidence_has_a_reason(report):
    unsure = replace(report.verdicts[1], confidence=None, unsure="replicas have not learned")
    page = diagnosis_page(replace(report, verdicts=(unsure,)))
    assert "<small>replicas have not learned</small>" in page


def test_a_confidence_stands_beside_what_it_is_of(report):
    for verdict, side in ((report.verdicts[0], "poorly connected"), (report.verdicts[2], "connected")):
        assert f"<small>that replicas are {side}</small>" in diagnosis_page(replace(report, verdicts=(verdict,)))


def test_unknown_knobs_are_said_to_be_unknown(report):
    page = diagnosis_page(replace(report, knobs=()))
    assert "n/a: the checkpoint does not record its training" in page


def test_a_user_s_matplotlib_settings_do_not_matter(report):
    import matplotlib as mpl

    before = diagnosis_page(report)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert diagnosis_page(report) == before
        assert mpl.rcParams["font.size"] == 30


def test_the_card_of_a_notebook_is_the_head_of_the_page_and_keeps_its_style_to_itself(report, page):
    found = card(report)
    heading = re.search(r"<h1>.*?</h1>", page, re.DOTALL).group()
    assert heading in found
    assert "@scope (.prunescope)" in found
    assert ":root" not in found
    parsed = Page()
    parsed.feed(found)
    assert parsed.open == []
    assert set(parsed.references) <= {f"#{one}" for one in parsed.ids}
    assert "in the report" in " ".join(found.split())


def test_bars_write_cka_with_its_decimals_and_other_units_as_they_are():
    from prunescope.report.common.view import Vector
    from prunescope.report.diagnosis.html import _bars

    def text(key, unit, value):
        vector = Vector(
            key=key, unit=unit, estimator="", axis="layer", labels=("stem",), columns=(), values=((value,),)
        )
        return _bars(vector)[0]["cells"][0]["text"]

    assert text("cka-map/diagonal", "1", 0.98765) == "0.9877"
    assert text("hessian/layer_trace", "nat/weight^2", 1.23456) == "1.23 nat/weight^2"
