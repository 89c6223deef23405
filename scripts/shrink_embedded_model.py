"""Halve a small pre-trained model for shipping, and measure what that costs.

    python scripts/shrink_embedded_model.py --model FLOAT32_FOLDER --out FOLDER [--data IMDB_FOLDER]

The weights are stored in half precision, and `config.json` says `"dtype": "float32"`, so that stock transformers reads
half the bytes and computes in float32. With `--data` (an IMDb folder in the hub's layout) three things are compared
between the original and the shipped file, both computed in float32 by stock transformers:

* the largest difference of a logit and of a last hidden state over a few hundred test reviews;
* the language model's loss on the same reviews;
* the accuracy of a logistic regression on mean-pooled hidden states (2,000 train and 1,000 test reviews).

The model card is not written here: it is a text that a person answers for.
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModelForCausalLM, AutoTokenizer

HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}
MAX_TOKENS = 512
BATCH = 16


class Refused(Exception):
    """The request cannot be met; the message says what is wrong and what to do."""


# -------------------------------------------------------------------------------------------------------- shrinking


def shrink(source: Path, out: Path, dtype: torch.dtype) -> None:
    """Write `source` to `out` with half-precision weights and a config that asks for float32 computation."""
    if not (source / "model.safetensors").is_file():
        raise Refused(f"{source} has no model.safetensors: name the folder of a saved float32 model.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused(f"{out} exists and is not an empty folder: name a new one.")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Written beside the target and renamed at the end: a half-written model folder is never seen under its name.
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        weights = load_file(source / "model.safetensors")
        # Tied: the output matrix is the embedding. transformers ties them again at load, so one copy is enough.
        weights.pop("lm_head.weight", None)
        halved = {name: tensor.to(dtype).contiguous() for name, tensor in weights.items()}
        save_file(halved, partial / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((source / "config.json").read_text("utf-8")) | {"dtype": "float32"}
        (partial / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
        # The tokenizer's pretty printing is more than half of its file.
        tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8"))
        minified = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
        (partial / "tokenizer.json").write_text(minified, "utf-8")
        for name in ("tokenizer_config.json", "generation_config.json"):
            shutil.copyfile(source / name, partial / name)
        # mkdtemp and safetensors make their files private to the user; these are to be shipped.
        partial.chmod(0o755)
        (partial / "model.safetensors").chmod(0o644)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


# -------------------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Reviews:
    """Texts with their labels (0 negative, 1 positive)."""

    texts: list[str]
    labels: np.ndarray


def draw(data: Path, split: str, count: int, seed: int = 0) -> Reviews:
    """`count` reviews of a split, half of each label, drawn without replacement (the file is ordered by label)."""
    files = sorted(data.glob(f"**/{split}-*.parquet"))
    if not files:
        raise Refused(f"{data} has no {split}-*.parquet: --data is an IMDb folder in the hub's layout.")
    table = pq.read_table(files)
    labels = table["label"].to_numpy()
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.choice(np.flatnonzero(labels == k), count // 2, replace=False) for k in (0, 1)])
    return Reviews(table["text"].take(chosen).to_pylist(), labels[chosen])


def batches(tokenizer: Any, texts: list[str], start: list[int]) -> list[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """(rows, ids, mask) of right-padded batches; texts of like length together, so that little is padding."""
    ids = [(start + row)[:MAX_TOKENS] for row in tokenizer(texts, truncation=True, max_length=MAX_TOKENS).input_ids]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    made = []
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        width = max(len(ids[i]) for i in rows)
        padded = torch.tensor([ids[i] + [0] * (width - len(ids[i])) for i in rows])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (width - len(ids[i])) for i in rows])
        made.append((rows, padded, mask))
    return made


@torch.inference_mode()
def differences(tokenizer: Any, one: Any, other: Any, texts: list[str]) -> dict[str, float]:
    """Largest logit and hidden-state difference of two models over the texts' tokens, and each one's loss."""
    worst = {"logit": 0.0, "hidden": 0.0}
    loss = np.zeros(2)
    tokens = 0
    # Each review starts with the end-of-text token, as in pre-training.
    for _, ids, mask in batches(tokenizer, texts, [tokenizer.bos_token_id]):
        real = mask.bool()
        hidden = [model.transformer(ids, attention_mask=mask).last_hidden_state for model in (one, other)]
        logits = [model.lm_head(state) for model, state in zip((one, other), hidden, strict=True)]
        worst["logit"] = max(worst["logit"], float((logits[0] - logits[1])[real].abs().max()))
        worst["hidden"] = max(worst["hidden"], float((hidden[0] - hidden[1])[real].abs().max()))
        targets = ids[:, 1:].masked_fill(~real[:, 1:], -100).flatten()
        tokens += int((targets != -100).sum())
        for which in (0, 1):
            flat = logits[which][:, :-1].flatten(0, 1)
            loss[which] += float(torch.nn.functional.cross_entropy(flat, targets, reduction="sum"))
    return worst | {"loss_one": loss[0] / tokens, "loss_other": loss[1] / tokens, "tokens": tokens}


@torch.inference_mode()
def pooled(tokenizer: Any, model: Any, texts: list[str]) -> np.ndarray:
    """The mean of each text's last hidden states: [texts, width], float32."""
    features = np.zeros((len(texts), model.config.n_embd), dtype=np.float32)
    for rows, ids, mask in batches(tokenizer, texts, []):
        states = model.transformer(ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).float()
        features[rows] = ((states * weight).sum(1) / weight.sum(1)).numpy()
    return features


def probe(tokenizer: Any, model: Any, train: Reviews, test: Reviews) -> np.ndarray:
    """The labels that a logistic regression on the model's pooled states gives to the test reviews."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    classifier.fit(pooled(tokenizer, model, train.texts), train.labels)
    return np.asarray(classifier.predict(pooled(tokenizer, model, test.texts)))


def compare(source: Path, out: Path, data: Path) -> None:
    """Print the three comparisons of the original folder and the shipped one."""
    tokenizer = AutoTokenizer.from_pretrained(out)
    original, shipped = (AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (source, out))
    if shipped.dtype != torch.float32:
        raise Refused(f"{out} loads as {shipped.dtype}: its config must say float32.")
    few = draw(data, "test", 300, seed=1)
    seen = differences(tokenizer, original, shipped, few.texts)
    print(f"{len(few.texts)} test reviews, {seen['tokens']:,} tokens")
    print(f"largest difference: logit {seen['logit']:.2e}, last hidden state {seen['hidden']:.2e}")
    for name, loss in (("original", seen["loss_one"]), ("shipped", seen["loss_other"])):
        print(f"{name}: loss {loss:.5f} nats a token, perplexity {np.exp(loss):.3f}")
    train, test = draw(data, "train", 2000), draw(data, "test", 1000)
    answers = [probe(tokenizer, model, train, test) for model in (original, shipped)]
    for name, labels in zip(("original", "shipped"), answers, strict=True):
        print(f"{name}: probe accuracy {np.mean(labels == test.labels):.3f}")
    print(f"probe answers that differ: {int((answers[0] != answers[1]).sum())} of {len(test.labels)}")


def main(arguments: list[str] | None = None) -> int:
    """Shrink, then compare if reviews are given; returns the exit code."""
    parser = argparse.ArgumentParser(description="Store a small model in half precision and measure the difference.")
    parser.add_argument("--model", type=Path, required=True, help="folder of the float32 model")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; absent or empty")
    parser.add_argument("--dtype", choices=sorted(HALF), default="float16")
    parser.add_argument("--data", type=Path, help="IMDb folder in the hub's layout: compare both on its reviews")
    options = parser.parse_args(arguments)
    try:
        shrink(options.model, options.out, HALF[options.dtype])
        size = sum(file.stat().st_size for file in options.out.iterdir())
        print(f"{options.out}: {options.dtype}, {size / 1e6:.2f} MB")
        if options.data is not None:
            compare(options.model, options.out, options.data)
    except Refused as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
