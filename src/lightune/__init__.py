"""lightune: is fine-tuning a pre-trained model worth it on your texts, with which method, at what cost?

    import lightune

    config = lightune.StudyConfig(
        model=lightune.ModelConfig("embedded"), data=lightune.DataConfig("embedded"), arms=("pretrained", "lora")
    )
    result = lightune.run_study(config, "runs/first")
    classifier = lightune.load("runs/first")
    print(classifier.predict(["I expected a disaster and got a delight."])[0].label)

Names are imported when they are first used, so that `import lightune` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lightune.version import VERSION as __version__

if TYPE_CHECKING:
    from lightune.certification import verify
    from lightune.config import (
        AnalysisConfig,
        CurveConfig,
        DataConfig,
        LoraConfig,
        MethodsConfig,
        ModelConfig,
        ProbeConfig,
        StudyConfig,
        TrainingConfig,
        ZeroShotConfig,
    )
    from lightune.data import load_splits
    from lightune.errors import ConfigError, DataError, InputError, LightuneError, ModelError, RunError
    from lightune.evaluation import compare, point_metrics, score
    from lightune.inference import Answer, TextClassifier, load
    from lightune.inspection import inspect_data
    from lightune.records import ArmResult, Certificate, Comparison, Metric, Predictions, Rows, Splits, StudyResult
    from lightune.report import load_result, write_report
    from lightune.search import run_search
    from lightune.study import run_study

_HOMES = {
    "AnalysisConfig": "config",
    "Answer": "inference",
    "ArmResult": "records",
    "Certificate": "records",
    "Comparison": "records",
    "ConfigError": "errors",
    "CurveConfig": "config",
    "DataConfig": "config",
    "DataError": "errors",
    "InputError": "errors",
    "LightuneError": "errors",
    "LoraConfig": "config",
    "MethodsConfig": "config",
    "Metric": "records",
    "ModelConfig": "config",
    "ModelError": "errors",
    "Predictions": "records",
    "Rows": "records",
    "ProbeConfig": "config",
    "RunError": "errors",
    "Splits": "records",
    "StudyConfig": "config",
    "StudyResult": "records",
    "TextClassifier": "inference",
    "TrainingConfig": "config",
    "ZeroShotConfig": "config",
    "compare": "evaluation",
    "inspect_data": "inspection",
    "load": "inference",
    "load_result": "report",
    "load_splits": "data",
    "point_metrics": "evaluation",
    "run_search": "search",
    "run_study": "study",
    "score": "evaluation",
    "verify": "certification",
    "write_report": "report",
}

__all__ = [
    "AnalysisConfig",
    "Answer",
    "ArmResult",
    "Certificate",
    "Comparison",
    "ConfigError",
    "CurveConfig",
    "DataConfig",
    "DataError",
    "InputError",
    "LightuneError",
    "LoraConfig",
    "MethodsConfig",
    "Metric",
    "ModelConfig",
    "ModelError",
    "Predictions",
    "ProbeConfig",
    "Rows",
    "RunError",
    "Splits",
    "StudyConfig",
    "StudyResult",
    "TextClassifier",
    "TrainingConfig",
    "ZeroShotConfig",
    "__version__",
    "compare",
    "inspect_data",
    "load",
    "load_result",
    "load_splits",
    "point_metrics",
    "run_search",
    "run_study",
    "score",
    "verify",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lightune' has no attribute {name!r}")
    value = getattr(import_module(f"lightune.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
