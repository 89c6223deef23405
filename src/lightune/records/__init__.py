"""The frozen records that the stages exchange. Plain data: no torch, no transformers, nothing that computes.

Everything here is picklable, and everything but the texts and the predictions goes to JSON and back
(`to_json`, `from_json`).
"""

from lightune.records.acquisition import Ranked
from lightune.records.certificate import FAIL, NOT_APPLICABLE, PASS, Certificate, Check, Observed
from lightune.records.data import DataFacts, Rows, SplitFacts, Splits
from lightune.records.findings import (
    AloneRight,
    AnsweredRow,
    Behaviour,
    BehaviourFailure,
    BehaviourScore,
    BehaviourTest,
    Curve,
    CurvePoint,
    Findings,
    LabelIssue,
    LabelIssues,
    Overlap,
    Repeat,
    Slice,
)
from lightune.records.plain import dumps, from_json, to_json
from lightune.records.results import SCHEMA_VERSION, ArmResult, CrossValidation, StudyResult
from lightune.records.runs import (
    SEEDS_FOLDER,
    Cost,
    Predictions,
    RateTrial,
    RunKey,
    RunRecord,
    TrainingFacts,
    TrainingPoint,
)
from lightune.records.scores import (
    Calibration,
    Comparison,
    Frontier,
    Metric,
    ReliabilityBin,
    Scores,
    SeedComparison,
    SeedScores,
    TellingRow,
    Verdict,
)
from lightune.records.side_by_side import Difference, OtherTruth, SharedPair, SharedScore, SideBySide, StudySide

__all__ = [
    "FAIL",
    "NOT_APPLICABLE",
    "PASS",
    "SCHEMA_VERSION",
    "SEEDS_FOLDER",
    "AloneRight",
    "AnsweredRow",
    "ArmResult",
    "Behaviour",
    "BehaviourFailure",
    "BehaviourScore",
    "BehaviourTest",
    "Calibration",
    "Certificate",
    "Check",
    "Comparison",
    "Cost",
    "CrossValidation",
    "Curve",
    "CurvePoint",
    "DataFacts",
    "Difference",
    "Findings",
    "Frontier",
    "LabelIssue",
    "LabelIssues",
    "Metric",
    "Observed",
    "OtherTruth",
    "Overlap",
    "Predictions",
    "Ranked",
    "RateTrial",
    "ReliabilityBin",
    "Repeat",
    "Rows",
    "RunKey",
    "RunRecord",
    "Scores",
    "SeedComparison",
    "SeedScores",
    "SharedPair",
    "SharedScore",
    "SideBySide",
    "Slice",
    "SplitFacts",
    "Splits",
    "StudyResult",
    "StudySide",
    "TellingRow",
    "TrainingFacts",
    "TrainingPoint",
    "Verdict",
    "dumps",
    "from_json",
    "to_json",
]
