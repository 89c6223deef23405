"""One file an arm family; each is fitted on rows and answers for texts."""

from lightune.arms.registry import KINDS, ArmKind, arm_kind, make_arm, settled, trains_by_gradients

__all__ = ["KINDS", "ArmKind", "arm_kind", "make_arm", "settled", "trains_by_gradients"]
