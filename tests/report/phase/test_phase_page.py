from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from prunescope.api.wording import cka_text, lmc_text
from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.report.phase import labels
from prunescope.studies.phase import from_table
from prunescope.studies.phase.findings import find_phases

VOID = {"meta", "br"}

RULE = registry.make("rules", "three-regime", {}).instance

HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Fails where tags do not nest; keeps ids and references."""

    def __init__(self):
        HTMLParser.__init__(self)
        self.open, self.tags, self.ids, self.references = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.note(attrs)

    def note(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "srcset", "action"):
                self.references.append(value)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(study):
    return phase.phase_page(*study)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")


def test_the_page_stands_alone(page):
    parsed = Page()
    parsed.feed(page)
    assert parsed.open == []
    assert all(reference.startswith("#") for reference in parsed.references)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {reference.removeprefix("#") for reference in parsed.references} <= set(parsed.ids)
    assert "link" not in parsed.tags
    assert "http" not in page.replace("http-equiv", "")


def test_the_policy_admits_the_one_script_and_nothing_else(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert html.unescape(policy).split("; ") == [
        "default-src 'none'", "style-src 'unsafe-inline'", "base-uri 'none'", "form-action 'none'",
        f"script-src 'sha256-{digest}'",
    ]  # fmt: skip


def test_the_methods_and_the_rule_are_cited(page):
    cited = page.partition("Publications to cite")[2].partition("</section>")[0]
    assert "A Three-regime Model of Network Pruning" in cited
    assert "rule three-regime" in cited
    assert "probe cka" in cited


def test_every_picture_is_there_and_says_what_it_shows(page):
    described = re.findall(r'<svg role="img" aria-label="([^"]+)" viewBox', page)
    assert len(described) == 1 + 4 + 2 + 4  # regimes, maps, curves, lines between replicas
    assert described[0].startswith("Regime and advice by density and epochs. 5")
    assert all("50 %: 10: " in plain(text) and "20: n/a" in plain(text) for text in described[1:5])


def test_what_is_missing_is_said(page):
    assert "309 of 318 steps are finished" in plain(page)
    assert "missing: not finished" in page


def test_pictures_take_their_roles_from_the_page(page):
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--width"}
    for scheme in re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]:
        assert used <= set(re.findall(r"(--[\w-]+):", scheme))
    assert not re.search(r"#0([1-9a-f])(?:0\1){2}\b", page)  # no stand-in is left


def test_the_table_has_a_line_per_cell(page, study):
    table = page[page.index("<h2>Every cell") : page.index('<div class="articles">')]
    assert table.count('<th scope="row">') == len(study[0].diagram.cells)
    assert "3 × 3" in page


def test_lmc_and_cka_have_four_decimals_in_the_table_and_the_panels(page, study):
    cell = next(cell for cell in study[0].diagram.cells.values() if cell.summary("lmc") and cell.summary("cka"))
    for quantity, write in (("lmc", lmc_text), ("cka", cka_text)):
        found = cell.summary(quantity)
        centre, span = write(found.centre), f"[{write(found.low)}, {write(found.high)}]"
        assert f"{centre} {span}" in page
        assert f"<dd>{centre}<small>{span}</small></dd>" in page


def test_every_cell_has_a_panel_and_is_led_to_from_every_map(page, study):
    cells = study[0].diagram.cells
    for value, density in cells:
        anchor = f"cell={value:g},{density:g}"
        assert page.count(f'<article class="cell" id="{anchor}">') == 1
        assert page.count(f'href="#{anchor}"') == 5 + 1  # regimes and four layers; the table
    assert page.count("Not measured: no probe of this cell is finished.") == 1


def test_a_panel_has_every_replica_and_what_computes_the_cell_again(page, study):
    (panel,) = re.findall(r'<article class="cell" id="cell=60,0.1">.*?</article>', page, re.DOTALL)
    text = plain(html.unescape(panel))
    samples = study[0].diagram.cells[60, 0.1].samples
    assert len(samples) == 3
    for sample in samples:
        assert ", ".join(f"{100 * error:.2f}" for error in sample.test_error) in text
        assert ", ".join(f"{lmc_text(lmc)} ± 0.0040" for lmc in sample.lmc) in text
    assert panel.count("<polyline") == panel.count('class="star"') == 9  # three pairs of each dense seed
    assert text.count("<title>dense seed 2, pair 1–3: LMC") == 1
    assert "prunescope sweep made-up/study.toml --study made-up-again --only '*/epochs=60,density=0.1,*'" in text


def test_a_table_names_no_study_to_compute_a_cell_again(published):
    page = phase.phase_page(published, phase.StudyProvenance())
    assert "prunescope sweep" not in page


def test_readings_of_further_probes_are_maps_too(study):
    diagram = study[0].diagram
    cells = {
        key: replace(cell, samples=tuple(replace(one, others={HOSTILE: (key[0], 3.0)}) for one in cell.samples))
        for key, cell in diagram.cells.items()
    }
    page = phase.phase_page(replace(study[0], diagram=replace(diagram, cells=cells)), study[1])
    table = page[page.index('<table class="heat"') :].partition("</table>")[0]
    assert HOSTILE not in page
    assert re.findall(r'">([\d./na]+)</a>', table)[:3] == ["6.5", "6.5", "6.5"]
    assert table.count(">n/a</a>") == 1
    assert len(set(re.findall(r"background: (#\w+); color: #(?:0{6}|f{6})", table))) == 5


def test_a_study_of_thousands_of_runs_makes_a_page_of_a_few_megabytes(page, study):
    fixed = len(page) - sum(len(one) for one in re.findall(r"<article.*?</article>", page, re.DOTALL))
    each = (len(page) - fixed) / len(study[0].diagram.cells)
    assert each < 9_000  # bytes: 240 cells of three dense seeds, 5,000 runs, are 2 MB


def test_recipe_versions_and_cost_are_there(page):
    text = plain(page)
    assert "torch 2.8.0" in text
    assert "3 dense seeds, 3 replicas of every pruned model" in text
    assert "retrain by sgd" in text
    assert "11 min 06 s" in text  # 3 trainings of 60 s, 180 prunings and retrainings of 2 s, 126 probes of 1 s


def test_hostile_names_stay_text(published):
    diagram = replace(published.diagram, name=HOSTILE, source=HOSTILE)
    page = phase.phase_page(replace(published, diagram=diagram), phase.StudyProvenance(failed={HOSTILE: HOSTILE}))
    assert page.count("<script") == 1


def test_a_table_without_lmc_has_what_it_has(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("rho,density,test_error\n0.1,0.1,0.2\n0.2,0.1,0.3\n0.1,0.5,0.1\n0.2,0.5,0.1\n")
    page = phase.phase_page(find_phases(from_table.read_table(path), RULE), phase.StudyProvenance())
    assert "Regimes and advice" not in page
    assert "n/a: the study has no finished probe “lmc”." in page
    assert len(re.findall(r'<svg role="img" aria-label="[^"]+" viewBox', page)) == 2 + 2


def test_one_cell_can_be_drawn(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("epochs,density,test_error,lmc,cka\n10,0.1,0.2,-0.3,0.9\n")
    found = find_phases(from_table.read_table(path), RULE)
    assert "Regimes and advice" in phase.phase_page(found, phase.StudyProvenance())
    assert len(phase.write_figures(phase.draw(found), tmp_path / "figures")) == 12


def test_json_holds_everything_and_is_json(study):
    found = json.loads(json.dumps(phase.phase_as_json(*study), allow_nan=False))
    assert found["schema_version"] == 2
    assert len(found["cells"]) == 15
    assert (found["bend"], found["bend_at_ends"]) == ("colder", ["colder", "colder"])
    assert len(found["bend_slope"]["by_seed"]) == 3
    assert [move["shown"] for move in found["bend_moves"]] == [1, 1]
    assert found["transition"]["differences"][1]["better"] == "hotter"
    assert found["boundary"][2]["at"] is None  # beyond the coldest value
    assert {way["key"] for way in found["selection"]} == set(labels.WAYS)
    assert sum(step["of"] for step in found["steps"]) == found["steps"][0]["of"] + 45 * 7


def test_csv_has_a_line_per_cell(study):
    lines = [line for line in phase.phase_as_csv(study[0]).splitlines() if not line.startswith("#")]
    assert len(lines) == 1 + 15
    header, gap = lines[0].split(","), next(line for line in lines if line.startswith("20,0.5,"))
    assert header[:4] == ["epochs", "density", "test_error", "test_error_low"]
    assert gap == "20,0.5," + "," * (len(header) - 3)
    assert header[-4:] == ["regime", "advice", "confidence", "regime_probability"]
    assert next(line for line in lines if line.startswith("40,0.05,")).split(",")[-4:-2] == ["I", "raise"]


def test_figures_are_real_files(study, tmp_path):
    written = phase.write_figures(phase.draw(study[0]), tmp_path / "deep" / "figures")
    assert {path.stem for path in written} == {
        "regimes", "test-error", "above-best", "lmc", "cka", "error-against-density",
    }  # fmt: skip
    for path in written:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")  # noqa: S314 - our own file
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_study_gives_the_same_page(page, study):
    assert phase.phase_page(*study) == page
