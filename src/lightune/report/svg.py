"""A matplotlib figure as inline SVG whose colours and letters are the page's own, light or dark.

Figures are drawn at 72 dots an inch, so that their units are CSS pixels, in stand-in colours that become CSS variables.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

DPI = 72
INK, MUTED, ACCENT, RULE, OTHER, PAGE = (f"#0{digit}0{digit}0{digit}" for digit in "123456")
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    ACCENT: "var(--accent)",
    RULE: "var(--rule)",
    OTHER: "var(--other)",
    PAGE: "var(--page)",
}

# Fixed, so that the same records make the same bytes; text stays text, so that it can be found and read aloud.
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lightune",
    "svg.id": None,
    "text.usetex": False,
    "path.simplify": True,
    "font.family": ["DejaVu Sans"],
    "font.size": 13.0,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and this module's settings, whatever a notebook has set; puts all back."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The page's fonts have the letters that matplotlib's own, used for measuring alone, may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def canvas(width: int, height: int) -> Figure:
    """An empty, transparent figure of that many CSS pixels."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    FigureCanvasSVG(figure)
    return figure


def quiet_axes(axes: Axes) -> None:
    """Leave of the axes what a reader needs: no box, faint upright lines, muted numbers."""
    axes.patch.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(axis="both", length=0, labelsize=12, labelcolor=MUTED, pad=6)
    axes.set_axisbelow(True)


def inline(figure: Figure, name: str, alternative: str) -> Markup:
    """The figure as an `<svg>` element. name: unique in the page, prefixes every id. alternative: the text for those
    who do not see it."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", dpi=DPI, transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    inner = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = re.sub(r'\bid="', f'id="{name}-', inner)
    inner = re.sub(r'\b(?:xlink:)?href="#', f'href="#{name}-', inner)
    inner = inner.replace("url(#", f"url(#{name}-")
    # The page sets the font; matplotlib's shorthand leaves weight and size, which are kept.
    inner = re.sub(r"font: (\d[\d.]*px) [^;\"]*", r"font-size: \1", inner)
    for stand_in, variable in _VARIABLES.items():
        inner = inner.replace(stand_in, variable)
    inner = re.sub(r"\n\s*", "\n", inner).strip()
    width, height = (round(side * DPI) for side in figure.get_size_inches())
    opening = (
        f'<svg role="img" aria-label="{escape(alternative)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
    )
    return Markup(f"{opening}\n{inner}\n</svg>")  # nosec B704  # matplotlib's drawing, its texts are escaped
