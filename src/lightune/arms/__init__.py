"""One file an arm family; each is fitted on rows and answers for texts."""

from lightune.arms.registry import KINDS, arm_kind, make_arm

__all__ = ["KINDS", "arm_kind", "make_arm"]
