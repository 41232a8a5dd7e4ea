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
import synthetic_phase as synthetic
from published_grid import FILE as FIGURE_2

from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.report.common import formatting
from prunescope.report.phase import labels, sentences
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase import from_study, from_table
from prunescope.studies.phase.bending import Bend
from prunescope.studies.phase.findings import find_phases
from prunescope.studies.phase.transition import FoundTransition

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
def study(tmp_path_factory):
    found, store = synthetic.laid_out(), Store(tmp_path_factory.mktemp("study"))
    missing = {recipe.id for cell in found.cells if (cell.value, cell.density) == (20, 0.5) for recipe in cell.probes}
    synthetic.write(found, store, skip=lambda recipe: recipe.id in missing)
    session = Session(store=store)
    return find_phases(from_study.read_study(found, session), RULE), phase.read_provenance(
        found, session, rule="three-regime"
    )


@pytest.fixture(scope="module")
def page(study):
    return phase.phase_page(*study)


@pytest.fixture(scope="module")
def published():
    return find_phases(from_table.read_table(FIGURE_2), RULE)


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
        assert ", ".join(f"{formatting.signed(lmc)} ± 0.004" for lmc in sample.lmc) in text
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


def test_the_headline_says_what_crossing_the_transition_does(study, published):
    assert sentences.phase_headline(study[0]) == (
        "From 40 to 60 epochs, the pruned model gets worse at 10 % and gets better at 50 % density."
    )
    assert (
        sentences.phase_headline(published)
        == "From 80 to 100 epochs, the pruned model apparently gets worse at 5–10 % density."
    )
    assert "Not finished" in sentences.phase_headline(replace(published, transition=None))


def test_no_difference_is_no_headline(study):
    found, across = study[0], study[0].transition
    quiet = replace(across, differences=tuple(one for one in across.differences if not one.better))
    assert "no density shows a difference" in sentences.phase_headline(replace(found, transition=quiet))


def unlearned(findings, cells):
    """The same diagram where the replicas of some cells have a training error of 85 %, and so show no barrier."""
    diagram = findings.diagram
    lost = {
        key: replace(
            cell,
            samples=tuple(
                replace(one, lmc=(-0.01,) * 3, lmc_stderr=(), paths=((0.85, 0.86, 0.85),) * 3) for one in cell.samples
            ),
        )
        if key in cells
        else cell
        for key, cell in diagram.cells.items()
    }
    return find_phases(replace(diagram, cells=lost), RULE)


def test_cells_that_learned_nothing_are_on_no_side(study):
    found = unlearned(study[0], study[0].diagram.cells)
    assert sentences.phase_headline(found).startswith("Not determined: in no cell have replicas learned")
    *_, bend, _, choice = sentences.answers(found)
    assert (bend.mark, choice.mark) == ("open", "open")
    assert "the training error of replicas is 85 % in every cell" in bend.text
    assert "same side" not in bend.text
    assert not any("connected" in one for one in bend.details)
    assert "in no cell have replicas learned" in phase.phase_page(found, phase.StudyProvenance())


def test_a_density_where_some_replicas_learned_names_the_others(study):
    found = unlearned(study[0], {(10, 0.5), (40, 0.5), *((value, 0.05) for value in study[0].diagram.values)})
    bend = sentences.answers(found)[3]
    low, middle, high = bend.details[:3]
    assert low.startswith("5 %: replicas have not learned (their training error is 85 %), so no barrier")
    assert "10 %: critical epochs" in middle
    assert "learned" not in middle
    listed = phase.phase_as_json(found, phase.StudyProvenance())["unlearned"]
    assert listed[-1] == {"value": 40, "density": 0.5, "train_error": 0.85}
    assert high == "50 %: connected wherever replicas have learned; they have not at epochs 10 and 40"


def test_one_dense_seed_does_not_decide_which_way_to_choose(study, published):
    choice = sentences.answers(published)[-1]
    assert choice.text.startswith("Not determined: one dense seed gives no spread. Without labels (Algorithm 2.1)")
    assert sentences.answers(study[0])[-1].mark != "open"


def marks(found):
    return [answer.mark for answer in sentences.answers(found)]


def test_answers_follow_from_the_data(study, published):
    hotter, colder, end, bend, direction, _ = sentences.answers(study[0])
    assert (hotter.mark, colder.mark, bend.mark, direction.mark) == ("yes", "yes", "yes", "yes")
    assert end.text == "80 epochs against 40: worse at 10 % density and better at 5 % and 50 % density."
    assert end.mark == "no"  # at 5 % both are beyond the boundary
    assert hotter.text == "Yes: 40 epochs is better at 10 % density."
    assert re.fullmatch(r"10 %: [\d.]+ points, z = \+[\d.]+, 95 % interval excludes 0", hotter.details[0])
    assert "3 of 3 dense seeds, judged alone, agree" in bend.details
    slope = study[0].bend.slope
    told = f"slope +{slope.mean:.2f} rows of the map per density, towards colder (95 % interval over 3 dense seeds: "
    assert any(one.startswith(told) for one in bend.details)
    assert marks(published) == ["open", "no", "no", "open", "yes", "open"]  # no replication


def test_negative_results_are_told_too(study):
    found = study[0]
    for bend, mark in (
        (Bend.HOTTER, "no"),
        (Bend.BOTH, "no"),
        (Bend.UNRESOLVED, "open"),
        (Bend.STRAIGHT, "no"),
        (Bend.ABSENT, "open"),
    ):
        told = replace(found.bend, verdict=bend, at_ends=(bend, bend))
        assert sentences.answers(replace(found, bend=told))[3].mark == mark
    turned = tuple(replace(one, by_seed=tuple(-value for value in one.by_seed)) for one in found.transition.differences)
    across = FoundTransition(hotter=40, colder=60, picked="drop", differences=turned)
    answers = sentences.answers(replace(found, transition=across))
    assert answers[0].text.startswith("Not in order: 40 epochs is better at 50 %")
    assert [answer.mark for answer in answers[:2]] == ["no", "no"]


def test_a_bend_that_depends_on_the_threshold_is_said_to(study):
    found = study[0]
    told = sentences.answers(replace(found, bend=replace(found.bend, at_ends=(Bend.COLDER, Bend.ABSENT))))[3]
    assert told.mark == "open"
    assert told.text.startswith(
        "The result depends on the threshold (colder at ε = 0.08, absent at ε = 0.15). At ε = 0.1: Yes"
    )


def test_a_bend_of_one_dense_seed_is_without_replication(published):
    told = sentences.answers(published)[3]
    assert told.text.startswith("Apparently, without replication: the critical value moves colder")
    assert not any("slope" in one for one in told.details)


def test_two_dense_seeds_do_not_suffice_for_yes(study):
    found = study[0]
    two = tuple(
        replace(one, by_seed=(0.9 * one.mean, 1.1 * one.mean), stderr=0.1 * abs(one.mean))
        for one in found.transition.differences[1:]
    )
    answers = sentences.answers(replace(found, transition=replace(found.transition, differences=two)))
    assert answers[0].mark == "open"
    assert "by |z| ≥ 2, but no 95 % interval over 2 dense seeds excludes 0: 40 epochs is better" in answers[0].text


def test_the_unit_of_analysis_is_said(study, published):
    assert "The unit of analysis is the dense seed (n = 3)" in sentences.unit_of_analysis(study[0])
    assert "|z| must pass 4.303" in sentences.unit_of_analysis(study[0])
    assert "one number per cell" in sentences.unit_of_analysis(published)


def test_another_knob_has_its_own_words_and_picked_neighbours(tmp_path):
    path = tmp_path / "batch.csv"
    errors = {(16, 0.1): 0.2, (32, 0.1): 0.21, (64, 0.1): 0.25, (16, 0.5): 0.12, (32, 0.5): 0.11, (64, 0.5): 0.09}
    lines = [
        f"{value},{density},{seed},{error + 0.001 * seed * value / 16}"
        for (value, density), error in errors.items()
        for seed in (0, 1)
    ]
    path.write_text("\n".join(["batch_size,density,seed,test_error", *lines]))
    found = find_phases(from_table.read_table(path), RULE)
    assert sentences.phase_headline(found) == (
        "From batch size 32 to 64, the pruned model gets worse at 10 % and gets better at 50 % density."
    )
    assert "z is not corrected for this" in sentences.unit_of_analysis(found)
    assert (found.to_the_end.hotter, found.to_the_end.colder) == (16, 64)


def test_one_dense_seed_is_said_to_be_one(study):
    found = study[0]
    one = tuple(replace(each, by_seed=each.by_seed[:1], stderr=None) for each in found.transition.differences)
    alone = replace(found, transition=replace(found.transition, differences=one[1:]))
    assert "There is one dense seed" in sentences.unit_of_analysis(alone)
    assert "from one dense seed: 40 epochs is better at 10 %" in sentences.answers(alone)[0].text


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
