"""A confusion matrix of many labels as a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from lightune.report import format as show
from lightune.report.escape import short
from lightune.report.pictures.panels import panel, text_width
from lightune.report.svg import ACCENT, INK, MUTED, OTHER, RULE, canvas, house_style, inline

MOST_LABELS = 200
# Shares of a true label's rows up to which a cell has a shade, and how dark it is.
_SHADES = ((0.02, 0.22), (0.05, 0.35), (0.1, 0.5), (0.2, 0.62), (0.4, 0.75), (0.7, 0.88), (1.0, 1.0))
_MOST_CELLS = 1000
_LABEL, _SIZE, _WIDTH = 26, 8.5, 760


@house_style()
def heat_map(arm: str, confusion: Sequence[Sequence[int]], labels: Sequence[str], name: str) -> Markup:
    """True labels from top to bottom, given ones from left to right; the darker a cell the more of its row is there.

    confusion: counts, [true][said], of up to MOST_LABELS labels. Right ones are in one colour, wrong ones in another.
    Of more than _MOST_CELLS wrong cells the largest are drawn.
    """
    count = len(confusion)
    cell = max(4.0, min(18.0, _WIDTH / count))
    names = [short(label, _LABEL) for label in labels]
    margin = max(text_width(each, _SIZE) for each in names) + 14
    side = cell * count
    figure = canvas(round(margin + side + 12), round(margin + side + 26))
    axes = panel(figure, margin, margin, side, side)
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    _axis_names(axes, names, cell)
    for at in range(0, count + 1, 5):
        axes.plot([0, count], [at, at], color=RULE, linewidth=0.6)
        axes.plot([at, at], [0, count], color=RULE, linewidth=0.6)
    right, wrong = cells_of(confusion)
    for cells, colour in ((wrong, OTHER), (right, ACCENT)):
        _shaded(axes, cells, colour, cell)
    return inline(figure, name, _spoken(arm, confusion, labels))


Cells = Mapping[tuple[int, int], float]


def cells_of(confusion: Sequence[Sequence[int]]) -> tuple[Cells, Cells]:
    """The shares of each row that are right and that are wrong, by (true, said); the empty ones left out."""
    shares = {
        (true, said): number / sum(row)
        for true, row in enumerate(confusion)
        for said, number in enumerate(row)
        if number
    }
    right = {at: share for at, share in shares.items() if at[0] == at[1]}
    wrong = sorted((at for at in shares if at not in right), key=lambda at: (-shares[at], at))[:_MOST_CELLS]
    return right, {at: shares[at] for at in wrong}


def _shaded(axes: Axes, cells: Cells, colour: str, cell: float) -> None:
    """Draw the cells of a shade as one path of short thick dashes: it takes the least room in the page."""
    above = 0.0
    for upto, alpha in _SHADES:
        members = [at for at, share in cells.items() if above < share <= upto]
        above = upto
        vertices = [(said + step, true + 0.5) for true, said in members for step in (0.04, 0.96)]
        if vertices:
            codes = [Path.MOVETO, Path.LINETO] * len(members)
            axes.add_patch(
                PathPatch(
                    Path(vertices, codes),
                    fill=False,
                    edgecolor=colour,
                    alpha=alpha,
                    linewidth=0.92 * cell,
                    capstyle="butt",
                )
            )


def _axis_names(axes: Axes, names: Sequence[str], cell: float) -> None:
    """Every label on both sides where the cells are high enough for it, else every so many."""
    stride = math.ceil(_SIZE / cell)
    shown = range(0, len(names), stride)
    middles, words = [at + 0.5 for at in shown], [names[at] for at in shown]
    axes.tick_params(axis="both", labelsize=_SIZE, labelcolor=INK, pad=3)
    axes.xaxis.tick_top()
    axes.set_xticks(middles, words, rotation=90, parse_math=False)
    axes.set_yticks(middles, words, parse_math=False)
    axes.set_xlabel("label given (upwards: the true label)", color=MUTED, fontsize=11)


def _spoken(arm: str, confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    rows = sum(map(sum, confusion))
    right = sum(row[at] for at, row in enumerate(confusion))
    return (
        f"Confusion matrix of {short(arm)}: {len(labels)} true labels by {len(labels)} given ones. "
        f"{show.share(right, rows)} lie on the diagonal. The table below has the commonest confusions."
    )
