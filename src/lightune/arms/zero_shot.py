"""Arm `zero-shot`: the language model's own answer to a prompt, before anything was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_scorer import FittedScorer, make_manifest
from lightune.arms.prompts import Prompts, polarity_words, resolve_prompts
from lightune.artifacts import ZERO_SHOT, save_zero_shot_artifact
from lightune.compute import ZeroShotScorer
from lightune.config import StudyConfig
from lightune.models import find_model, load_language_model, resolve_max_length
from lightune.records import Rows

SEPARATOR = "|"
CHOSEN = "These default prompts were chosen once, with the labels of 600 IMDb training reviews."


class ZeroShotArm:
    """Learns nothing and chooses nothing here: templates and words are given, or the defaults (`prompts`)."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedZeroShot:  # noqa: ARG002
        """Load the language model. Raises ConfigError, ModelError."""
        config = self.context.config
        prompts = prompts_of(config, self.context.label_names)
        language = load_language_model(find_model(config.model.source))
        limit = resolve_max_length(config.model.max_length, language.source.config, language.tokenizer)
        scorer = ZeroShotScorer(
            language, prompts.templates, prompts.words, config.zero_shot.calibration, limit, config.model.truncate
        )
        words = "; ".join(
            f"{name}: {', '.join(own)}" for name, own in zip(self.context.label_names, prompts.words, strict=True)
        )
        facts = FitFacts(
            fit_seconds=0.0,
            trainable_parameters=0,
            total_parameters=sum(parameter.numel() for parameter in language.model.parameters()),
            notes=(
                f"Templates: {'; '.join(repr(template) for template in prompts.templates)}. Words: {words}.",
                "Contextually calibrated." if config.zero_shot.calibration else "Not calibrated.",
                *((CHOSEN,) if config.zero_shot.templates is None and polarity_words(self.context.label_names) else ()),
            ),
        )
        return FittedZeroShot(self.context, scorer, facts)


class FittedZeroShot(FittedScorer):
    """The language model with its prompts."""

    scorer: ZeroShotScorer

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save prompts and tokenizer; the base is named in the manifest."""
        scorer = self.scorer
        manifest = make_manifest(
            self.context,
            ZERO_SHOT,
            scorer.language.source,
            max_length=scorer.max_length,
            truncate=scorer.truncate,
            settings={
                "templates": list(scorer.templates),
                "words": [list(words) for words in scorer.words],
                "calibration": scorer.calibration,
            },
            temperature=temperature,
        )
        save_zero_shot_artifact(folder, scorer.language.tokenizer, manifest)
        return "none: the artefact is the base itself with prompts; no classifier of transformers gives this answer"


def prompts_of(config: StudyConfig, label_names: Sequence[str]) -> Prompts:
    """The study's prompts for these labels. Raises ConfigError."""
    asked = config.zero_shot
    words = {name: own.split(SEPARATOR) for name, own in asked.words.items()} if asked.words is not None else None
    return resolve_prompts(label_names, asked.templates, words)
