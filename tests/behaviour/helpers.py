"""Arms with known behaviour, and the built-in suite as it stands in its file."""

import importlib.resources
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from lightune.behaviour import Case, Suite, load_suite, texts
from lightune.behaviour.loading import BUILT_IN

POLARITY = ("negative", "positive")


@cache
def built_in() -> Suite:
    return load_suite(None)


@cache
def built_in_file() -> dict[str, Any]:
    file = importlib.resources.files("lightune.behaviour") / BUILT_IN
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def arm(suite: Suite, positive: Callable[[str], float]) -> NDArray[np.float64]:
    """Answers of an arm that gives each text this probability of the second of two labels."""
    share = np.array([positive(text) for text in texts(suite)])
    return np.stack([1 - share, share], axis=1)


def arm_by_case(suite: Suite, positive: Callable[[Case], tuple[float, float]]) -> NDArray[np.float64]:
    """The same for an arm that sees the case: the probability for its text and for its changed text."""
    share: dict[str, float] = {}
    for case in suite.cases:
        share.update(zip(case.texts, positive(case), strict=False))
    return arm(suite, share.__getitem__)
