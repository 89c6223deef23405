"""The configuration of a study."""

from lightune.config.checks import arm_name
from lightune.config.options import (
    CLASS_WEIGHTS,
    DEFAULT_ARMS,
    EMBEDDED,
    NONE,
    POOLINGS,
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    AnalysisConfig,
    CurveConfig,
    DataConfig,
    LoraConfig,
    ModelConfig,
    ProbeConfig,
    StudyConfig,
    TrainingConfig,
    ZeroShotConfig,
)
from lightune.config.plain import config_from_dict, config_from_yaml, config_to_dict, config_to_yaml

__all__ = [
    "CLASS_WEIGHTS",
    "DEFAULT_ARMS",
    "EMBEDDED",
    "NONE",
    "POOLINGS",
    "SCHEDULES",
    "SELECTION_METRICS",
    "TRUNCATIONS",
    "AnalysisConfig",
    "CurveConfig",
    "DataConfig",
    "LoraConfig",
    "ModelConfig",
    "ProbeConfig",
    "StudyConfig",
    "TrainingConfig",
    "ZeroShotConfig",
    "arm_name",
    "config_from_dict",
    "config_from_yaml",
    "config_to_dict",
    "config_to_yaml",
]
