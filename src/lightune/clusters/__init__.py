"""Other machines: the one place that imports ray."""

from lightune.clusters.pool import Pool, Share, has_gpus, room_for
from lightune.clusters.ray import connected

__all__ = ["Pool", "Share", "connected", "has_gpus", "room_for"]
