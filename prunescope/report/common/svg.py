"""Figures as SVG inside HTML: colours become CSS variables, so that one picture suits light and dark."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.axes import Axes

POINTS_PER_INCH = 72

PAINT: Mapping[str, str] = {
    "ink": "#1c1e21",
    "muted": "#61666d",
    "line": "#dcdcd6",
    "paper": "#fffffe",
    "band": "#a8a293",
    "regime-i": "#b34700",
    "regime-ii": "#0b64a0",
    "regime-iia": "#0b64a1",
    "regime-iib": "#00705a",
    "unresolved": "#6b6256",
}
"""What a colour means -> what matplotlib paints with: the colour on white paper, each another one, so that `inline` can
put the variable of the page's style sheet in its place."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "prunescope",
    "font.size": 11,
    "axes.linewidth": 0.8,
    "axes.edgecolor": PAINT["line"],
    "axes.labelcolor": PAINT["muted"],
    "axes.facecolor": "none",
    "text.color": PAINT["ink"],
    "xtick.color": PAINT["line"],
    "ytick.color": PAINT["line"],
    "xtick.labelcolor": PAINT["muted"],
    "ytick.labelcolor": PAINT["muted"],
    "grid.color": PAINT["line"],
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "axes.unicode_minus": True,
}


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in CSS pixels."""
    made = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    FigureCanvasSVG(made)
    return made


def tidy(axes: Axes) -> None:
    """Take away what is no data: the box, the tick marks."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=5, labelsize=10.5)
    axes.set_axisbelow(True)


def text(made: Figure) -> str:
    """Return a figure as an SVG file without a background."""
    buffer = io.StringIO()
    made.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": "prunescope"})
    return buffer.getvalue()


def on_white(text: str) -> str:
    """Return an SVG file with a white background."""
    end = text.index(">", text.index("<svg")) + 1
    return f'{text[:end]}\n <rect width="100%" height="100%" fill="#ffffff"/>{text[end:]}'


def inline(made: Figure, *, name: str, label: str) -> str:
    """Return a figure as an <svg> element for HTML: see `inlined`."""
    return inlined(text(made), name=name, label=label)


def inlined(text: str, *, name: str, label: str) -> str:
    """Return an SVG file as an <svg> element for HTML: no outside reference, no id that could clash.

    name: unique on the page; label: what the picture shows, for those who do not see it.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(?:xmlns(?::\w+)?|version)="[^"]*"', "", text)
    text = text.replace("xlink:href", "href")
    return _opened(_painted(_unique_ids(text, name)), label)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with these settings, whatever a user's matplotlibrc has, and leave matplotlib as it was."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def _unique_ids(text: str, name: str) -> str:
    """Drop the ids nothing refers to; begin the others with the figure's name."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(r'\sid="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)


def _painted(text: str) -> str:
    for role, paint in PAINT.items():
        text = text.replace(paint, f"var(--{role})")
    text = re.sub(r"font-family:[^;\"]*;?\s*", "", text)
    return re.sub(r"font: (?:(?:normal|italic|bold|\d+) )*([\d.]+px)[^;\"]*", r"font-size: \1", text)


def _opened(text: str, label: str) -> str:
    """Replace the size by a view box that the page scales, and name the picture."""
    from markupsafe import escape

    width, _, height = re.search(r'viewBox="0 0 ([\d.]+)( )([\d.]+)"', text).groups()  # type: ignore[union-attr]
    start = f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" style="max-width: {width}px">'
    return start + text[text.index(">") + 1 :]
