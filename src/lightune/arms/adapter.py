"""Arms that adapt a frozen base with few parameters: LoRA, its variants, and every other method of the catalogue."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.divergence import NOTHING_MEASURED, kept_best
from lightune.arms.fitted_model import FittedModel, load_base
from lightune.arms.frozen_trunk import FrozenTrunk
from lightune.arms.rate_search import VALIDATION_ROWS, best_rate, rate_trials, search, trial_steps
from lightune.arms.trained_model import Lesson, Pupil, best_of, planned, prepare, teach, train_model
from lightune.artifacts import ADAPTER, DELTA, HEAD_FILE, save_adapter_artifact, save_delta_artifact
from lightune.catalogue import METHODS, PROMPT, Method
from lightune.compute import Encoder
from lightune.config import StudyConfig
from lightune.errors import Diverged, RunError
from lightune.methods import (
    CHANGES_BASE,
    after_step,
    as_plain_lora,
    attach,
    factors,
    initialise_from_texts,
    linear_layers,
    rate_factors,
    stock_route,
)
from lightune.models import NF4, Classifier, drop_frozen_dropout, longest_input, quantise
from lightune.progress import NOTE, Progress, silent
from lightune.records import Plan, RateTrial, Rows
from lightune.runtime import move
from lightune.training import LORA_RATES, Demands, RowCollator, TokenRows

# Texts that EVA looks at before it begins.
EVA_ROWS, EVA_BATCH = 128, 16


class AdapterArm:
    """A method of the catalogue on the frozen base, and the head."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context
        self.method = METHODS[context.spec]
        # Made with the first model that the method is on, and shared with the trials.
        self.trunk: FrozenTrunk | None = None

    def fit(self, train: Rows, validation: Rows) -> FittedModel:
        """Search for the learning rate where the study asks for it, train, keep the best by `validation`.

        Raises RunError when the training diverges.
        """
        context = self.context
        base, encoder = load_base(context)
        encoder = self._with_room(base, encoder)
        start = time.perf_counter()
        lesson = prepare(context, base, encoder, self._rates, train, validation)
        prepared = time.perf_counter() - start
        if rate_trials(context.config):
            del base  # each trial has one of its own, and two at once would be counted as the method's memory
            gc.collect()
            trials = self._search(lesson)
            base, _ = load_base(context)
        else:
            trials = ()
        chosen = best_rate(trials)
        if trials and chosen is None:
            raise RunError(
                f"The training diverged at each learning rate tried "
                f"({', '.join(f'{trial.learning_rate:g}' for trial in trials)}). Give a smaller --learning-rate."
            )
        if chosen is not None:
            lesson = lesson.at_rate(chosen)
        start = time.perf_counter() - prepared
        model = self.adapted(base, lesson)
        before = factors(model) if self._changes_base else {}

        def again() -> Pupil:
            base, _ = load_base(context)
            return Pupil(base, self.adapted(base, lesson))

        try:
            pupil, facts = train_model(
                context, Pupil(base, model), lesson, start, again, self.demands(model), trials, self.trunk
            )
        except Diverged as error:
            pupil = best_of(error, context, Pupil(base, model), again)
            best = partial(self._fitted, pupil, encoder, NOTHING_MEASURED, before)
            raise kept_best(error, context, best) from error
        facts = _with_search(facts, context.config)
        return self._fitted(pupil, encoder, facts, before)

    def _fitted(self, pupil: Pupil, encoder: Encoder, facts: FitFacts, before: Mapping[str, Any]) -> FittedAdapter:
        base, model = pupil.base, pupil.model
        if self._changes_base:
            base, _ = load_base(self.context)
            model = as_plain_lora(model, before, base.model, base.head.modules)
        return FittedAdapter(self.context, base, model, encoder, facts, self.method)

    def plan(self, train: Rows, validation: Rows) -> Plan:
        """What a training on `train` would be computed by on this machine; trains nothing."""
        base, encoder = load_base(self.context)
        lesson = prepare(self.context, base, self._with_room(base, encoder), self._rates, train, validation)
        return planned(base, self.adapted(base, lesson), lesson)

    @property
    def _rates(self) -> list[tuple[float, float]]:
        return [(width, rate * self.method.rate) for width, rate in LORA_RATES]

    def _with_room(self, base: Classifier, encoder: Encoder) -> Encoder:
        """The encoder with a cut that leaves the method's virtual tokens their positions."""
        if self.method.targets != PROMPT:
            return encoder
        options = {**self.method.options, **options_of(self.method, self.context.config)}
        most = longest_input(base.source.config, base.tokenizer) - int(options.get("num_virtual_tokens", 0))
        return replace(encoder, max_length=min(encoder.max_length, most))

    @property
    def _changes_base(self) -> bool:
        return self.method.options.get("init_lora_weights") in CHANGES_BASE

    def adapted(self, base: Classifier, lesson: Lesson) -> nn.Module:
        """The method put on `base`, as a training of `lesson` begins."""
        config = self.context.config
        if not config.training.frozen_dropout:
            drop_frozen_dropout(base.model)
        if self.method.quantised:
            quantise(base.model, linear_layers(base.model, base.head.modules))
            move(base.model)
        model = attach(
            base.model,
            base.head.modules,
            self.method,
            options_of(self.method, config),
            steps=lesson.recipe.steps,
            seed=self.context.seed,
            target_modules=config.lora.target_modules if self.method.peft == "LORA" else None,
            top_blocks=config.training.top_blocks,
        )
        if self.trunk is None:
            self.trunk = FrozenTrunk(
                self.context, base, lesson.max_length, converted=bool(getattr(model, "converted_layers", ()))
            )
        if self.method.options.get("init_lora_weights") == "eva":
            initialise_from_texts(model, _batches(lesson.train, int(base.tokenizer.pad_token_id)))
        return model

    def demands(self, model: nn.Module) -> Demands:
        """What the method asks of the training of `model`."""
        return Demands(self.method.own_loss, rate_factors(self.method), after_step(model))

    def _search(self, lesson: Lesson) -> tuple[RateTrial, ...]:
        count = rate_trials(self.context.config)
        if count == 0:
            return ()
        folder = self.context.scratch / "checkpoints" / "trials"
        if self.context.group.first:
            folder.mkdir(parents=True, exist_ok=True)
        steps = trial_steps(lesson.recipe.steps)
        held_out = np.random.default_rng(self.context.seed).permutation(len(lesson.validation))[:VALIDATION_ROWS]

        def attempt(rate: float) -> RateTrial:
            tried = self._try(lesson.shorter(steps, rate, np.sort(held_out)), folder / f"{rate:g}")
            gc.collect()  # its model is held in circles, and so would be that of the next one beside it
            return tried

        def say(note: str) -> None:
            self.context.progress("train", 0, 1, {NOTE: note})

        return search(lesson.recipe.learning_rate, count, attempt, folder / "trials.json", say, self.context.group)

    def _try(self, lesson: Lesson, folder: Path) -> RateTrial:
        """Train on a fresh base for a few steps."""
        base, _ = load_base(self.context)
        start = time.perf_counter()
        model = self.adapted(base, lesson)
        rate, steps = lesson.recipe.learning_rate, lesson.recipe.steps
        try:
            trained = teach(
                self.context, base, model, lesson, folder, self._told(rate), self.demands(model), self.trunk
            )
        except Diverged:
            return RateTrial(rate, math.nan, steps, time.perf_counter() - start)
        looks = [point.validation for point in trained.facts.history if point.validation is not None]
        seconds = time.perf_counter() - start + trained.seconds_before
        return RateTrial(rate, float(looks[-1]["loss"]), steps, seconds, trained.tokens, trained.rows)

    def _told(self, rate: float) -> Progress:
        def progress(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:  # noqa: ARG001
            told = {name: fact for name, fact in facts.items() if name == NOTE}
            self.context.progress(f"try rate {rate:g}", done, total, told)

        return progress if self.context.progress is not silent else silent


class FittedAdapter(FittedModel):
    """An adapter with its head."""

    def __init__(
        self, context: ArmContext, base: Classifier, model: nn.Module, encoder: Encoder, facts: FitFacts, method: Method
    ) -> None:
        super().__init__(context, base, model, encoder, facts, (context.seed,))
        self.method = method

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save peft's files with the head where peft leaves it out; of BitFit the parameters it trained."""
        tokenizer = self.base.tokenizer
        if self.method.peft is None:
            names = {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}
            top_blocks = self.context.config.training.top_blocks
            own = {"top_blocks": top_blocks} if top_blocks is not None else {}
            manifest = self.manifest(DELTA, settings=own, temperature=temperature)
            save_delta_artifact(folder, names, tokenizer, manifest)
        else:
            head = None if self.method.saves_head else HEAD_FILE
            settings = {"quantised": NF4} if self.method.quantised else {}
            manifest = self.manifest(ADAPTER, head=head, settings=settings, temperature=temperature)
            save_adapter_artifact(folder, self.model, self.base.head.modules, tokenizer, manifest)
        return self.stock_route()

    def stock_route(self) -> str:
        """How stock libraries come to its answers, as `save` returns it."""
        if self.base.source.untrained:
            return "none: the base's folder holds no weights that stock peft could load"
        return stock_route(self.model, self.method)


def _with_search(facts: FitFacts, config: StudyConfig) -> FitFacts:
    """The facts with what a search before the study had to do with them."""
    trials, over = config.methods.searched, config.methods.searched_over
    if not trials:
        return facts
    note = (
        f"Its settings were chosen in a search of {trials:,} trials{f' over {over}' if over else ''}, by "
        f"{config.training.select_by} on the validation rows alone; the test rows had no part in it. The search's time "
        "is not counted here."
    )
    use = f"chose the settings among those of {trials:,} trials; {facts.validation_use}"
    return replace(facts, notes=(*facts.notes, note), validation_use=use)


def options_of(method: Method, config: StudyConfig) -> dict[str, Any]:
    """What the user has set for a method: LoRA's options for its whole family, and those by name."""
    lora = config.lora
    own = config.methods.options.get(method.name, {})
    family = {"r": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout}
    return {**(family if method.peft == "LORA" else {}), **own}


def _batches(rows: TokenRows, pad_id: int) -> list[dict[str, Any]]:
    """The first rows without their labels."""
    collate = RowCollator(pad_id)
    count = min(EVA_ROWS, len(rows))
    batches = [
        collate([rows[at] for at in range(start, min(start + EVA_BATCH, count))])
        for start in range(0, count, EVA_BATCH)
    ]
    return [{name: batch[name] for name in ("input_ids", "attention_mask")} for batch in batches]
