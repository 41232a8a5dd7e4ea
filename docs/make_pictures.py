"""Make the README's pictures: run quickstart, keep its verdict as SVG and, where Chromium is, its report as PNG."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from prunescope.report import diagnosis as report
from prunescope.runs.session import Session
from prunescope.runs.store import Store

IMAGES = Path(__file__).resolve().parent / "images"
BROWSER = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")


def main() -> None:
    """Write docs/images/verdict.svg and docs/images/report.png."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        command = [sys.executable, "-m", "prunescope", "quickstart"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        made = Path("prunescope-quickstart")
        console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
        console.print(report.terminal(report.assemble(Session(store=Store(made / "study")), done.stdout.strip())))
        text = console.export_svg(title="prunescope diagnose ckpt.pt", unique_id="verdict")
        (IMAGES / "verdict.svg").write_text(text, encoding="utf-8")
        _photograph(made / "report.html")


def _photograph(page: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSER)), None)
    if browser is None:
        print("no Chromium here: report.png is left as it is")
        return
    with tempfile.TemporaryDirectory() as profile:
        options = [*QUIET, f"--user-data-dir={profile}", "--window-size=1100,1500"]
        target = f"--screenshot={IMAGES / 'report.png'}"
        subprocess.run([browser, *options, target, page.resolve().as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
