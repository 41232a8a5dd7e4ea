"""A real browser, and pages opened in it: a test fails where a page writes to the console or asks for another file."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """Chromium, driven by Playwright; without it tests are skipped, but not in `nox -s browser`."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None and not os.environ.get("PRUNESCOPE_INTEROP"):
        pytest.skip(f"no Chromium on the path ({', '.join(CHROMIUM)})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, tmp_path):
    """Return a function that opens HTML as a person does, from a file; what the page complains of is an error."""
    contexts, complaints = [], []

    @contextmanager
    def watch(html, *, fragment="", width=1280, **options):
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 860}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(path.as_uri()) or complaints.append(request.url))
        page.goto(path.as_uri() + fragment)
        yield page
        assert complaints == []

    yield watch
    for context in contexts:
        context.close()
