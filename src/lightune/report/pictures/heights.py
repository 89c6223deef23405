"""How high accuracies stand in a panel of many arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.ticker import MaxNLocator

from lightune.records import Metric
from lightune.report.pictures.panels import each_span

# Of so many arms, and where a gap between accuracies takes such a share of the height, their names need it more.
_MANY, _WIDE_GAP = 9, 0.5
_ROW, _RULE = 17.0, 6.0


@dataclass(frozen=True)
class Heights:
    """Accuracies from low to high on `tall` pixels, counted from the top.

    apart: arms far below the others, the best first: each has a row of its own under the scale, below a rule.
    """

    low: float
    high: float
    tall: float
    apart: tuple[str, ...] = ()

    @property
    def scale(self) -> float:
        """Pixels from the top to where the scale ends."""
        return self.tall - _foot(self.apart)

    def down(self, accuracy: float) -> float:
        """Where an accuracy stands on the scale, in pixels from the panel's top."""
        return self.scale * (self.high - accuracy) / (self.high - self.low)

    def of(self, arm: str, accuracy: float) -> float:
        """Where an arm stands, on the scale or apart from it."""
        if arm in self.apart:
            return self.scale + _RULE + _ROW * (self.apart.index(arm) + 0.5)
        return self.down(accuracy)

    def ticks(self) -> list[float]:
        """A few round accuracies on the scale."""
        found = MaxNLocator(nbins=4 if self.scale < 150 else 6, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        return [float(value) for value in found if self.low <= value <= self.high]


def heights(accuracies: Mapping[str, Metric], tall: float) -> Heights:
    """The scale for these arms and their intervals, with `tall` pixels for those that are on it.

    accuracies: defined; at least one. Of many, those below a wide gap stand apart if they are the fewer.
    """
    apart = _apart({arm: metric.value for arm, metric in accuracies.items()})
    on_scale = [metric for arm, metric in accuracies.items() if arm not in apart]
    low, high = each_span([end for each in on_scale for end in (each.value, each.low, each.high)], 0.05)
    return Heights(low, high, tall + _foot(apart), apart)


def _foot(apart: tuple[str, ...]) -> float:
    return _RULE + _ROW * len(apart) if apart else 0.0


def _apart(values: Mapping[str, float]) -> tuple[str, ...]:
    if len(values) < _MANY:
        return ()
    order = sorted(values, key=lambda arm: -values[arm])
    gaps = [values[above] - values[below] for above, below in pairwise(order)]
    last = gaps.index(max(gaps)) + 1
    if not max(gaps) or max(gaps) < _WIDE_GAP * sum(gaps) or last <= len(order) // 2:
        return ()
    return tuple(order[last:])
