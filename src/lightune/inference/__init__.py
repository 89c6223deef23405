"""From a saved artefact to labels for new texts."""

from lightune.inference.batch import (
    CHECK,
    LABEL,
    PIPE,
    WRITE,
    BatchRequest,
    predict_file,
    predict_to_pipe,
)
from lightune.inference.classifier import Answer, TextClassifier, answer, load_classifier_folder
from lightune.inference.finding import arm_of, arms_of, baseline_of, default_arm, find_artifact, load, study_of
from lightune.inference.folders import Counts, FolderRequest, Workers, predict_folder, ray_engine
from lightune.inference.label_next import label_next
from lightune.inference.occlusion import Piece, occlude
from lightune.inference.wanted import ABSTAIN, Wanted, answer_fields, check_wanted

__all__ = [
    "ABSTAIN",
    "CHECK",
    "LABEL",
    "PIPE",
    "WRITE",
    "Answer",
    "BatchRequest",
    "Counts",
    "FolderRequest",
    "Piece",
    "TextClassifier",
    "Wanted",
    "Workers",
    "answer",
    "answer_fields",
    "arm_of",
    "arms_of",
    "baseline_of",
    "check_wanted",
    "default_arm",
    "find_artifact",
    "label_next",
    "load",
    "load_classifier_folder",
    "occlude",
    "predict_file",
    "predict_folder",
    "predict_to_pipe",
    "ray_engine",
    "study_of",
]
