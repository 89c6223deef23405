"""What a study needs of the machine, against what is free: looked at before any work, without loading a weight."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lightune.arms import arm_kind
from lightune.config import StudyConfig
from lightune.disk import check_room, check_writable
from lightune.errors import ConfigError, MachineError
from lightune.records import Rows, Splits
from lightune.runtime import available_memory_bytes, pick_device, swap_bytes
from lightune.study.checkpoints import CHECKPOINTS
from lightune.study.chosen import held_copies
from lightune.study.folder import StudyFolder
from lightune.study.plan import PlannedRun, is_kept

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# torch, transformers and peft in memory, as a worker has them before it loads a model.
LIBRARIES_BYTES = 500_000_000
# What zstd leaves of texts, at least; of what people write about 0.4.
COMPRESSED = 0.1
# Weights and AdamW's two running means.
CHECKPOINT_COPIES = 3
FLOAT32 = 4


def check_machine(folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun]) -> list[str]:
    """Look whether what `runs`, those not done yet, need is there.

    Raises ConfigError for a folder that cannot be written, MachineError for what surely does not fit into memory or on
    the disk. Returns a sentence for what may not.
    """
    check_disk(folder, config, splits, runs)
    if not any(arm_kind(run.arm).needs_model for run in runs):
        return []
    return list(_check_memory(config, runs, *_model(config, splits)))


def check_disk(folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun]) -> None:
    """Raise ConfigError for a folder that cannot be written, MachineError for what surely does not fit on its disk."""
    check_writable("--out", folder.root)
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise ConfigError(f"TMPDIR: no folder for temporary files can be written ({error.strerror}).") from error
    if runs:
        weights = _model(config, splits)[1] if any(arm_kind(run.arm).needs_model for run in runs) else 0
        _check_room(folder, config, splits, runs, weights)


def run_bytes(config: StudyConfig, splits: Splits, arm: str, *, on_gpu: bool) -> int:
    """Bytes of a machine's memory that a run of `arm` takes at least: libraries, the texts, the model's weights as
    often as the arm holds them, and one text of the greatest length in training. on_gpu: it computes there, so that the
    machine's memory holds the weights alone."""
    texts = sum(map(_text_bytes, (splits.train, splits.validation, *splits.evaluated().values())))
    if not arm_kind(arm).needs_model:
        return LIBRARIES_BYTES + texts
    asked, weights = _model(config, splits)
    if on_gpu:
        return LIBRARIES_BYTES + texts + weights
    training = _activations(config, asked) if arm_kind(arm).trained else 0
    return LIBRARIES_BYTES + texts + held_copies(arm) * weights + training


def _model(config: StudyConfig, splits: Splits) -> tuple[PreTrainedConfig, int]:
    """The model's configuration, and the bytes of its weights."""
    from lightune.models import find_model, weight_bytes

    asked = find_model(config.model.source).config
    return asked, weight_bytes(asked, len(splits.label_names))


def _check_memory(
    config: StudyConfig, runs: Sequence[PlannedRun], asked: PreTrainedConfig, weights: int
) -> Iterator[str]:
    if pick_device().name == "cuda":
        return  # to ask a GPU takes a place on it, for as long as the study lives, that its workers may not get
    free, swap = available_memory_bytes(), swap_bytes()
    arms = dict.fromkeys(run.arm for run in runs if arm_kind(run.arm).needs_model)
    for arm in sorted(arms, key=held_copies):  # the smaller ones first, so that the largest is what a warning is of
        held = held_copies(arm) * weights
        if held > free + swap:
            raise MachineError(
                f"--arms {arm}: it does not fit into memory. Its weights{_with_optimizer(arm)} take {held / 1e9:.1f} "
                f"GB, and {(free + swap) / 1e9:.1f} GB are free. Take a smaller --model, leave {arm} out, or make room."
            )
    arm = max(arms, key=held_copies)
    text = _activations(config, asked) if arm_kind(arm).trained else 0
    needs = held_copies(arm) * weights + LIBRARIES_BYTES + text
    if needs > free:
        yield (
            f"{arm} may not fit into memory: {needs / 1e9:.1f} GB (weights{_with_optimizer(arm)}, libraries"
            f"{', one text in training' if text else ''}), and {free / 1e9:.1f} GB are free. A smaller --max-length or "
            "--model, or --top-blocks, takes less."
        )


def _with_optimizer(arm: str) -> str:
    return ", gradients and the optimizer's state" if held_copies(arm) > 1 else ""


def _activations(config: StudyConfig, asked: Any) -> int:
    """Bytes that one text of the greatest length keeps at least: the states between the blocks, and those of one block
    that is computed again, some 16 widths a token. Attention over it is left out."""
    limit = getattr(asked, "max_position_embeddings", None) or 512
    tokens = min(config.model.max_length or limit, limit)
    return FLOAT32 * int(tokens) * int(asked.hidden_size) * (int(asked.num_hidden_layers) + 16)


def _check_room(
    folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun], weights: int
) -> None:
    rows = {"train": splits.train, "validation": splits.validation, **splits.evaluated()}
    texts = sum(map(_text_bytes, rows.values()))
    if config.keep_texts:
        texts += sum(map(_text_bytes, splits.evaluated().values()))
    answers = len(runs) * sum(len(one) for one in splits.evaluated().values()) * 8 * len(splits.label_names)
    full = [run for run in runs if run.arm == "full"]
    held = 0
    if full:
        # At the second look both checkpoints are there for a moment.
        checkpoints = min(config.training.evaluations, 2) * CHECKPOINT_COPIES * weights
        files = (path for path in (folder.run(full[0].key) / CHECKPOINTS).rglob("*") if path.is_file())
        there = sum(path.stat().st_size for path in files)
        saved = sum(is_kept(run, config, len(splits.train)) for run in full)
        held = max(checkpoints - there, 0) + saved * weights
    needs = int(COMPRESSED * texts) + answers + held
    parts = f"texts {COMPRESSED * texts / 1e6:,.1f} MB, predictions {answers / 1e6:,.1f} MB"
    if held:
        parts += f", checkpoints and artefacts of full {held / 1e6:,.1f} MB"
    check_room("--out", folder.root, needs, parts)


def _text_bytes(rows: Rows) -> int:
    return sum(len(text) for text in rows.texts)
