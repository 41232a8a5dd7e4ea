"""The page of a diagnosis in a browser: a density opens its curves and every value, by mouse, touch and keyboard."""

from __future__ import annotations

import pytest
import synthetic_study as synthetic
from wanted import wanted

from prunescope.report.diagnosis import assemble, diagnosis_page

wanted("playwright")
axe = wanted("axe_playwright_python.sync_playwright")

NARROW = "\N{NO-BREAK SPACE}%"


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return diagnosis_page(assemble(*synthetic.study(tmp_path_factory.mktemp("study"), imported=True)))


def heading(page):
    return page.locator("[data-panel] h3")


def test_the_verdict_leads_to_a_density_and_the_address_too(opened, html):
    with opened(html) as page:
        assert heading(page).count() == 0
        page.locator('.verdicts a[href="#density=0.05"]').click()
        assert heading(page).inner_text() == f"5{NARROW}"
        assert page.locator("[data-panel] polyline").count() == 3
        assert "test error" in page.locator("[data-panel]").inner_text()
        page.locator("[data-close]").click()
        assert heading(page).count() == 0
    with opened(html, fragment="#density=0.2") as page:
        assert heading(page).inner_text() == f"20{NARROW}"
    with opened(html, fragment="#warnings") as page:
        assert heading(page).count() == 0


def test_other_links_of_the_page_still_lead_where_they_did(opened, html):
    with opened(html) as page:
        page.locator('a[href="#warnings"]').click()
        assert page.url.endswith("#warnings")
        assert page.evaluate("scrollY") > 500


def test_a_tap_on_a_phone(opened, html):
    with opened(html, width=390, has_touch=True, is_mobile=True) as page:
        page.locator("[data-grid] a", has_text="10").tap()
        assert heading(page).inner_text() == f"10{NARROW}"
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_keyboard_alone(opened, html):
    with opened(html) as page:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("Boolean(document.activeElement.closest('[data-grid]'))"):
                break
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        assert heading(page).inner_text() == f"10{NARROW}"
        assert page.evaluate("document.activeElement.tagName") == "H3"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.hash") == "#density=0.1"
        assert heading(page).count() == 0


def test_without_the_script_every_density_is_there(opened, html):
    with opened(html, java_script_enabled=False) as page:
        assert not page.locator("[data-panel]").is_visible()
        page.locator("summary", has_text="Every density").click()
        assert [one.is_visible() for one in page.locator("article.cell").all()] == [True] * 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(opened, html, scheme, width):
    with opened(html, width=width, color_scheme=scheme, bypass_csp=True) as page:
        page.locator('.verdicts a[href="#density=0.05"]').click()
        page.locator("details").evaluate_all("parts => { for (const part of parts) part.open = true; }")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []
