"""The stock Trainer with peft's LoRA, as its documents have it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session
from benchmarks.sides.stepping import Stepping

EVERY_LINEAR = ["c_attn", "c_proj", "c_fc"]


def run(spec: dict[str, Any], session: Session) -> None:
    """Train until nobody asks for another turn.

    spec: as of own_training, and padding (`batch`: to the longest of a batch, `max_length`), batch (rows a device
    takes at once; step_rows / batch of them are accumulated), sampling (train_sampling_strategy), compile.
    """
    from transformers import TrainerCallback

    stepping = Stepping(session, spec["steps"], spec["warm"])

    class Steps(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
            stepping.step(peak_bytes=peak_bytes())

    trainer(spec, [Steps()]).train()


def peak_bytes() -> int:
    """This process's peak resident memory so far (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def trainer(spec: dict[str, Any], callbacks: list[Any]) -> Any:
    """A stock Trainer for the spec, ready to train."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, default_data_collator

    if spec["compile"]:
        # A cache of its own: a warm one would hide what compiling costs, one of another environment may not fit.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(spec["scratch"]) / "inductor")
    tokenizer, dataset = data(spec)
    arguments = TrainingArguments(
        output_dir=spec["scratch"],
        max_steps=spec["total_steps"],
        per_device_train_batch_size=spec["batch"],
        gradient_accumulation_steps=spec["step_rows"] // spec["batch"],
        learning_rate=spec["learning_rate"],
        train_sampling_strategy=spec["sampling"],
        torch_compile=spec["compile"],
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        seed=spec["seed"],
    )
    to_batch = spec["padding"] == "batch"
    return Trainer(
        model=model(spec),
        args=arguments,
        train_dataset=dataset,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer) if to_batch else default_data_collator,
        callbacks=callbacks,
    )


def model(spec: dict[str, Any]) -> Any:
    """The classifier with LoRA on the layers named, its head trained with it."""
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForSequenceClassification, set_seed

    set_seed(spec["seed"])
    off = {} if spec["dropout"] else {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    base = AutoModelForSequenceClassification.from_pretrained(spec["model"], num_labels=2, **off)
    base.config.pad_token_id = base.config.eos_token_id
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=8,
        lora_alpha=16,
        target_modules=list(spec["targets"] or EVERY_LINEAR),
        modules_to_save=["score"],
        fan_in_fan_out=True,
    )
    return get_peft_model(base, config)


def data(spec: dict[str, Any]) -> tuple[Any, Any]:
    """Tokenizer, and the rows as a data set of tokens."""
    from datasets import Dataset, disable_progress_bars
    from transformers import AutoTokenizer

    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    tokenizer.pad_token = tokenizer.eos_token
    held = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))
    padding = "max_length" if spec["padding"] == "max_length" else False

    def tokenise(rows: dict[str, Any]) -> Any:
        return tokenizer(rows["text"], truncation=True, max_length=spec["max_length"], padding=padding)

    texts = Dataset.from_dict({"text": held["texts"], "label": held["labels"]})
    return tokenizer, texts.map(tokenise, batched=True, remove_columns=["text"])
