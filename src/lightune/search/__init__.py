"""A search for a method's settings on the validation rows, before a study measures the best of them."""

from lightune.search.checking import Place
from lightune.search.search import Settings, find_settings, run_search
from lightune.search.space import Among, Between, Space, applied, default_space
from lightune.search.trial import Searched, Trial

__all__ = [
    "Among",
    "Between",
    "Place",
    "Searched",
    "Settings",
    "Space",
    "Trial",
    "applied",
    "default_space",
    "find_settings",
    "run_search",
]
