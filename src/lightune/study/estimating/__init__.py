"""What a study will take, from rehearsals: each arm tried on a few rows, in a process of its own."""

from lightune.study.estimating.study import estimate_study

__all__ = ["estimate_study"]
