"""Other machines: the one place that imports ray."""

from lightune.clusters.ray import connected

__all__ = ["connected"]
