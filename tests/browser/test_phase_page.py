"""The page of a phase diagram, explored by mouse, touch and keyboard; without its script; and on paper."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import synthetic_phase as synthetic
from wanted import wanted

from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase import from_study
from prunescope.studies.phase.findings import find_phases

wanted("playwright")
axe = wanted("axe_playwright_python.sync_playwright")

HOSTILE = """</script><script>window.hacked = 1</script>"'><img src=x onerror="window.hacked = 1">"""

GRID = '[data-grid][aria-label^="Test error"]'

PHONE = {"width": 390, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    asked = replace(synthetic.STUDY, dense_seeds=(0, 1), densities=(0.05, 0.1, 0.5))
    found, store = synthetic.laid_out(asked), Store(tmp_path_factory.mktemp("study"))
    missing = {recipe.id for cell in found.cells if (cell.value, cell.density) == (20, 0.5) for recipe in cell.probes}
    synthetic.write(found, store, skip=lambda recipe: recipe.id in missing)
    session = Session(store=store)
    rule = registry.make("rules", "three-regime", {}).instance
    diagram = from_study.read_study(found, session)
    cells = {
        key: replace(
            cell, samples=tuple(replace(one, others={"mine/score": (key[0], key[0] + 1.0)}) for one in cell.samples)
        )
        for key, cell in diagram.cells.items()
    }
    findings = find_phases(replace(diagram, cells=cells), rule)
    return findings, phase.read_provenance(found, session, rule="three-regime")


@pytest.fixture(scope="module")
def html(study):
    return phase.phase_page(*study)


def cell(page, value, density):
    return page.locator(f'{GRID} a[href="#cell={value},{density}"]')


def heading(page):
    return page.locator("[data-panel] h3")


def focused(page):
    return page.evaluate("document.activeElement.hash || document.activeElement.tagName")


def test_a_click_opens_curve_replicas_and_numbers(opened, html, study):
    with opened(html) as page:
        cell(page, 60, 0.1).click()
        assert heading(page).inner_text() == "60 epochs, 10\N{NO-BREAK SPACE}%"
        panel = page.locator("[data-panel]")
        assert panel.locator("polyline").count() == 6  # three pairs of two dense seeds
        for sample in study[0].diagram.cells[60, 0.1].samples:
            assert ", ".join(f"{100 * error:.2f}" for error in sample.test_error) in panel.inner_text()
        assert page.url.endswith("#cell=60,0.1")
        assert (
            page.locator('[aria-selected="true"] a').evaluate_all("links => links.map(a => a.hash)")
            == ["#cell=60,0.1"] * 6
        )
        box, grid = panel.bounding_box(), page.locator(GRID).bounding_box()
        assert box["x"] > grid["x"] + grid["width"]


def test_a_tap_opens_it_below_on_a_phone_and_nothing_is_wider(opened, html):
    with opened(html, **PHONE) as page:
        assert heading(page).count() == 0
        cell(page, 40, 0.05).tap()
        assert heading(page).inner_text().startswith("40 epochs")
        assert page.locator("[data-panel]").bounding_box()["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.locator("[data-close]").tap()
        assert heading(page).count() == 0


def test_a_keyboard_alone_chooses_opens_and_closes(opened, html):
    with opened(html) as page:
        page.keyboard.press("Escape")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(f"Boolean(document.activeElement.closest('{GRID}'))"):
                break
        began = focused(page)
        assert began.startswith("#cell=")
        page.keyboard.press("Control+Home")
        for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp", "End", "ArrowLeft"):
            page.keyboard.press(key)
        assert focused(page) == "#cell=10,0.1"
        page.keyboard.press("Enter")
        assert focused(page) == "H3"
        assert heading(page).inner_text().startswith("10 epochs, 10")
        page.keyboard.press("Escape")
        assert focused(page) == "#cell=10,0.1"
        assert heading(page).count() == 0
        assert "#" not in page.url
        page.keyboard.press("Space")
        page.keyboard.press("Shift+Tab")
        assert heading(page).inner_text().startswith("10 epochs, 10")


def test_a_grid_is_one_stop_and_an_open_panel_follows_the_arrows(opened, html):
    with opened(html) as page:
        assert page.locator(f'{GRID} a[tabindex="0"]').count() == 1
        cell(page, 10, 0.05).focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert heading(page).inner_text().startswith("20 epochs, 10")
        assert page.url.endswith("#cell=20,0.1")
        assert page.locator(f'{GRID} a[tabindex="0"]').count() == 1


def test_knob_density_and_map_are_selectable(opened, html):
    with opened(html) as page:
        page.locator('select[data-axis="row"]').select_option(label="80")
        page.locator('select[data-axis="column"]').select_option(label="50\N{NO-BREAK SPACE}%")
        assert heading(page).inner_text().startswith("80 epochs, 50")
        visible = "figures => figures.filter(one => one.offsetParent).map(one => one.id)"
        assert len(page.locator("[data-map]").evaluate_all(visible)) == 5
        page.locator("select[data-maps]").select_option(label="mine/score")
        assert page.locator("[data-map]").evaluate_all(visible) == ["map-more-0"]
        page.locator('.heat a[href="#cell=40,0.1"]').click()
        assert heading(page).inner_text().startswith("40 epochs, 10")
        assert "mine/score" in page.locator("[data-panel]").inner_text()
        page.locator('select[data-axis="row"]').select_option(label="–")
        assert heading(page).count() == 0


def test_an_address_leads_to_its_cell_and_a_wrong_one_to_none(opened, html):
    with opened(html, fragment="#cell=80,0.05") as page:
        assert heading(page).inner_text().startswith("80 epochs, 5")
        page.evaluate("location.hash = '#cell=10,0.5'")
        page.locator("[data-panel] h3", has_text="10 epochs").wait_for()
    with opened(html, fragment="#cell=%FF,%3Cscript%3E") as page:
        assert heading(page).inner_text().startswith("60 epochs, 5")  # the one it begins with


def test_a_cell_that_is_missing_says_so(opened, html):
    with opened(html) as page:
        cell(page, 20, 0.5).click()
        assert "no probe of this cell is finished" in page.locator("[data-panel]").inner_text()


def test_everything_is_there_without_the_script(opened, html, study):
    with opened(html, java_script_enabled=False) as page:
        assert page.locator("[data-map]").count() == 6
        assert all(figure.is_visible() for figure in page.locator("[data-map]").all())
        assert not page.locator("[data-panel]").is_visible()
        page.locator(f'{GRID} a[href="#cell=40,0.1"]').click()
        page.locator("summary", has_text="Every cell").scroll_into_view_if_needed()
        if not page.locator('[id="cell=40,0.1"]').is_visible():  # browsers that do not unfold what an address names
            page.locator("summary", has_text="Every cell").click()
        assert page.locator("article.cell").count() == len(study[0].diagram.cells)
        assert all(article.is_visible() for article in page.locator("article.cell").all())


@pytest.mark.parametrize("script", [True, False])
def test_paper_has_every_map_and_every_cell(opened, html, study, script):
    with opened(html, java_script_enabled=script) as page:
        if script:
            page.locator("select[data-maps]").select_option(label="LMC")
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert all(figure.is_visible() for figure in page.locator("[data-map]").all())
        articles = page.locator("article.cell").all()
        assert len(articles) == len(study[0].diagram.cells)
        assert all(article.bounding_box()["height"] > 40 for article in articles)
        assert not page.locator("[data-panel]").is_visible()
        if script:
            page.evaluate("dispatchEvent(new Event('afterprint'))")
            page.emulate_media(media="screen")
            assert heading(page).inner_text().startswith("60 epochs, 5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(opened, html, scheme, width):
    with opened(html, width=width, color_scheme=scheme, bypass_csp=True) as page:
        cell(page, 60, 0.1).click()
        page.locator("details").evaluate_all("parts => { for (const part of parts) part.open = true; }")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []


def test_names_are_text_whatever_they_hold(opened, study):
    findings, made = study
    cells = {
        key: replace(one, samples=tuple(replace(sample, others={HOSTILE: (1.0,)}) for sample in one.samples))
        for key, one in findings.diagram.cells.items()
    }
    diagram = replace(findings.diagram, name=HOSTILE, cells=cells)
    made = replace(made, failed={HOSTILE: HOSTILE}, facts=(("model", HOSTILE),), versions={HOSTILE: HOSTILE})
    with opened(phase.phase_page(replace(findings, diagram=diagram), made)) as page:
        cell(page, 60, 0.1).click()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert HOSTILE in re.sub(r"\s+", " ", page.locator("[data-panel]").inner_text())


def test_the_policy_stops_any_other_script(chromium, html, tmp_path):
    path = tmp_path / "changed.html"
    path.write_text(html.replace("</main>", "<script>window.hacked = 1</script></main>"))
    page = chromium.new_context().new_page()
    page.goto(path.as_uri())
    assert heading(page).count() == 1
    assert page.evaluate("window.hacked") is None


def test_nothing_moves_where_a_person_wants_no_motion(opened, html):
    with opened(html, reduced_motion="reduce") as page:
        assert cell(page, 60, 0.1).evaluate("one => getComputedStyle(one).transitionDuration") == "0s"
    with opened(html, reduced_motion="no-preference") as page:
        assert cell(page, 60, 0.1).evaluate("one => getComputedStyle(one).transitionDuration") != "0s"
