"""Several processes for one training: what a launcher has said, where they meet, and what they do together."""

from lightune.ranks.environment import Ranks, is_follower, is_launched, ranks_from_environment, take_ranks
from lightune.ranks.group import GONE, SOLO, Group, joined
from lightune.ranks.meeting import Meeting

__all__ = [
    "GONE",
    "SOLO",
    "Group",
    "Meeting",
    "Ranks",
    "is_follower",
    "is_launched",
    "joined",
    "ranks_from_environment",
    "take_ranks",
]
