"""From a saved artefact to labels for new texts."""

from lightune.inference.classifier import Answer, TextClassifier, answer, load_classifier_folder
from lightune.inference.files import predict_file
from lightune.inference.finding import arm_of, arms_of, baseline_of, default_arm, find_artifact, load, study_of
from lightune.inference.label_next import label_next
from lightune.inference.occlusion import Piece, occlude

__all__ = [
    "Answer",
    "Piece",
    "TextClassifier",
    "answer",
    "arm_of",
    "arms_of",
    "baseline_of",
    "default_arm",
    "find_artifact",
    "label_next",
    "load",
    "load_classifier_folder",
    "occlude",
    "predict_file",
    "study_of",
]
