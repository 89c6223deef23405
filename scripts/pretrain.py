"""Pre-train a small GPT-2 from scratch on the unlabelled IMDb reviews, within a time budget.

    python scripts/pretrain.py --data path/to/imdb --out path/to/model --minutes 75

The steps, in the order of this file: read the unlabelled reviews and drop those that also stand in train or test; train
a byte-level BPE tokenizer; pack the reviews into rows of tokens; train the model (Muon for the blocks' matrices, AdamW
for the rest) on a schedule that follows the clock; measure the loss on reviews held out; save a folder that stock
transformers loads. No label is read at any point.

`--minutes` is the time of training. Reading, the tokenizer and the last measurement come on top: about a minute for
all of IMDb. Exit codes: 0 done; 1 the training or the machine failed; 2 the request is at fault (one sentence says
how); 130 interrupted: a half-trained model is of no use, so nothing is saved.
"""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
import torch
import transformers
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

END = "<|endoftext|>"
END_ID = 0
# As many as the embedded model's tokenizer was trained on.
TOKENIZER_REVIEWS = 20_000
HELD_OUT_REVIEWS = 500
MUON_RATE = 0.02
ADAM_RATE = 3e-3


class Refused(Exception):
    """The request is at fault; the message says what is wrong and what to do."""


class Failed(Exception):
    """The training broke down; the message says how."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the model, besides the reviews and the speed of the machine. `minutes` is training time."""

    minutes: float
    layers: int
    width: int
    heads: int
    context: int
    vocabulary: int
    batch: int
    seed: int
    precision: str

    def check(self) -> None:
        """Raise Refused for the first setting that no model can have."""
        for name in ("minutes", "layers", "width", "heads", "batch"):
            if getattr(self, name) <= 0:
                raise Refused(f"--{name} must be above 0, not {getattr(self, name)}.")
        if self.width % self.heads:
            raise Refused(f"--width {self.width} must be a multiple of --heads {self.heads}.")
        if self.context < 8:
            raise Refused(f"--context must be at least 8 tokens, not {self.context}.")
        # The 256 bytes and the end-of-text token; token ids are kept in 16 bits.
        if not 257 <= self.vocabulary <= 65_536:
            raise Refused(f"--vocabulary must be from 257 to 65,536, not {self.vocabulary:,}.")


# ---------------------------------------------------------------------------------------------------------- 1. reviews


@dataclass(frozen=True)
class Reviews:
    """Unlabelled reviews to train on and to hold out, and how many were dropped and why."""

    train: list[str]
    held_out: list[str]
    leaked: int
    repeated: int


def read_parquet(files: list[Path]) -> list[str]:
    """The `text` column of parquet files, in order."""
    texts: list[str] = []
    for file in files:
        try:
            texts += pq.read_table(file, columns=["text"])["text"].to_pylist()
        except (pa.ArrowException, KeyError) as error:
            raise Refused(f"{file} is not a parquet file with a column 'text': {error}") from error
    return [text for text in texts if text]


def read_splits(data: Path) -> dict[str, list[str]]:
    """The texts of `train`, `test` and `unsupervised`, from the hub's parquet layout or from a raw aclImdb folder."""
    if not data.is_dir():
        raise Refused(f"--data {data} is not a folder: name one with IMDb's parquet files, or an aclImdb folder.")
    parquet = {split: sorted(data.glob(f"**/{split}*.parquet")) for split in ("train", "test", "unsupervised")}
    if all(parquet.values()):
        return {split: read_parquet(files) for split, files in parquet.items()}
    raw = data / "aclImdb" if (data / "aclImdb").is_dir() else data
    folders = {
        "train": [raw / "train" / "pos", raw / "train" / "neg"],
        "test": [raw / "test" / "pos", raw / "test" / "neg"],
        "unsupervised": [raw / "train" / "unsup"],
    }
    if all(folder.is_dir() for several in folders.values() for folder in several):
        return {
            split: [file.read_text("utf-8") for folder in several for file in sorted(folder.glob("*.txt"))]
            for split, several in folders.items()
        }
    # train and test are needed too: without them nobody can tell which reviews a test would meet again.
    raise Refused(
        f"{data} has neither train-, test- and unsupervised-*.parquet (the hub's layout) "
        "nor train/unsup and the labelled folders of aclImdb."
    )


def read_reviews(data: Path, seed: int) -> Reviews:
    """The unlabelled reviews, each once, less those whose text stands in train or test, with some held out."""
    splits = read_splits(data)
    labelled = set(splits["train"]) | set(splits["test"])
    allowed = [text for text in splits["unsupervised"] if text not in labelled]
    # A repeated review could otherwise be trained on and held out at once.
    unique = list(dict.fromkeys(allowed))
    if len(unique) < 2:
        raise Refused(
            f"{data} has {len(unique)} unlabelled reviews that stand neither in train nor in test: "
            "at least 2 are needed."
        )
    order = np.random.default_rng(seed).permutation(len(unique))
    held_out = max(1, min(HELD_OUT_REVIEWS, len(unique) // 20))
    return Reviews(
        train=[unique[i] for i in order[held_out:]],
        held_out=[unique[i] for i in order[:held_out]],
        leaked=len(splits["unsupervised"]) - len(allowed),
        repeated=len(allowed) - len(unique),
    )


# -------------------------------------------------------------------------------------------------------- 2. tokenizer


def train_tokenizer(texts: list[str], vocabulary: int, context: int) -> GPT2Tokenizer:
    """A byte-level BPE tokenizer of at most `vocabulary` tokens; the end-of-text token has id 0."""
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        # All 256 bytes, seen or not: every text can be written in this vocabulary.
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(texts[:TOKENIZER_REVIEWS], trainer)
    learned = json.loads(learner.to_str())["model"]
    merges: Any = [tuple(pair) for pair in learned["merges"]]
    # Built anew as transformers' own class, so that what is saved is what `from_pretrained` gives back.
    return GPT2Tokenizer(
        vocab=learned["vocab"],
        merges=merges,
        model_max_length=context,
    )


# ------------------------------------------------------------------------------------------------------------- 3. rows


def pack(texts: list[str], tokenizer: GPT2Tokenizer, context: int) -> torch.Tensor:
    """All reviews in one stream, each begun by the end-of-text token, cut into rows: [rows, context], int64.

    Packing leaves no padding. A row's tokens see the end of the review before: a mask against that would lose the fast
    causal attention. The last, incomplete row is dropped unless it is the only one.
    """
    parts: list[np.ndarray] = []
    for first in range(0, len(texts), 1000):
        # By the thousand: the encodings carry offsets and words, which for all reviews at once are gigabytes.
        for ids in tokenizer(texts[first : first + 1000], return_attention_mask=False, verbose=False).input_ids:
            parts.append(np.asarray([END_ID, *ids], dtype=np.uint16))
    stream = np.concatenate(parts)
    if len(stream) < context:
        stream = np.resize(stream, context)
    rows = len(stream) // context
    return torch.from_numpy(stream[: rows * context].astype(np.int64).reshape(rows, context))


def endless_batches(rows: torch.Tensor, batch: int, seed: int) -> Iterator[torch.Tensor]:
    """Batches of rows for ever, in a new order each epoch."""
    generator = torch.Generator().manual_seed(seed)
    batch = min(batch, len(rows))
    while True:
        order = torch.randperm(len(rows), generator=generator)
        # The last, smaller batch of an epoch is left out: its step would count as much as a full one.
        for first in range(0, len(rows) - batch + 1, batch):
            yield rows[order[first : first + batch]]


# ----------------------------------------------------------------------------------------------- 4. model and optimizer


def build_model(recipe: Recipe) -> GPT2LMHeadModel:
    """A freshly initialised GPT-2 with tied embeddings and no dropout (no review is seen often enough to overfit)."""
    torch.manual_seed(recipe.seed)
    config = GPT2Config(
        vocab_size=recipe.vocabulary,
        n_positions=recipe.context,
        n_embd=recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        # The maths of GPT-2's own `gelu_new` in one fused kernel, several times faster on a CPU.
        activation_function="gelu_pytorch_tanh",
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=END_ID,
        eos_token_id=END_ID,
        use_cache=False,
    )
    return GPT2LMHeadModel(config)


def orthogonalised(
    update: torch.Tensor, coefficients: tuple[float, float, float], steps: int, floor: float
) -> torch.Tensor:
    """Muon's Newton-Schulz iteration: about the nearest matrix whose singular values are all 1.

    As in torch.optim (source: Keller Jordan's post on Muon), but in the type of `update`, not in bfloat16.
    """
    a, b, c = coefficients
    wide = update if update.size(0) <= update.size(1) else update.T
    wide = wide / wide.norm().clamp(min=floor)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide if update.size(0) <= update.size(1) else wide.T


class Float32Muon(torch.optim.Muon):
    """torch.optim.Muon with its iteration in float32, for machines without bfloat16 arithmetic.

    The library always iterates in bfloat16. Where a CPU has to emulate that type, the optimizer's step takes longer
    than the forward and the backward pass together (5.2 s beside 3.3 s at the default size, oneDNN held to AVX2;
    this one takes 0.3 s).
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the closure, if any, computes the loss anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                update = matrix.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
                update = orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rate = group["lr"] * math.sqrt(max(1.0, matrix.size(0) / matrix.size(1)))
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
        return loss


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether Muon's iteration takes at most twice as long in bfloat16 as in float32.

    Timed as a whole, since PyTorch does not tell: where a CPU emulates bfloat16, some of the products run at a third of
    float32's speed and the whole at a thirtieth. On one thread and in its own processor time, so that other work on the
    machine does not blur it.
    """
    if device.type != "cpu":
        return True
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.eye(256, 1024, dtype=dtype)
        trials = []
        for _ in range(3):
            start = time.thread_time()
            orthogonalised(matrix, (3.4445, -4.775, 2.0315), steps=1, floor=1e-7)
            trials.append(time.thread_time() - start)
        seconds[dtype] = min(trials)
    torch.set_num_threads(threads)
    return seconds[torch.bfloat16] <= 2 * seconds[torch.float32]


def build_optimizers(model: GPT2LMHeadModel, device: torch.device) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, biases and norms."""
    matrices = [p for p in model.transformer.h.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in inside]
    muon = torch.optim.Muon if bfloat16_is_fast(device) else Float32Muon
    # Muon scales a matrix's rate by sqrt(max(1, outputs / inputs)) and takes rows for outputs, as in nn.Linear; GPT-2's
    # Conv1D lies the other way round. Correcting for that changed nothing (held-out loss 6.10 corrected, 6.07 as it is,
    # after 70 steps of 16 x 128 tokens), so the library's rule stands.
    optimizers: list[torch.optim.Optimizer] = [
        muon(matrices, lr=MUON_RATE, momentum=0.95, nesterov=True, ns_steps=5, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


# --------------------------------------------------------------------------------------------------------- 5. training


def rate_share(done: float) -> float:
    """The share of the peak learning rate when `done` (0 to 1) of the time is over.

    Warm-up in the first 4 %, constant to the half, then linear to zero. It follows the clock and not a count of steps,
    so that a slow machine, too, gets the whole of the schedule.
    """
    warm_up = max(done / 0.04, 0.025)
    cool_down = (1.0 - done) / 0.5
    return max(0.0, min(1.0, warm_up, cool_down))


def token_loss(model: GPT2LMHeadModel, rows: torch.Tensor) -> torch.Tensor:
    """The mean loss of each next token, in nats. Without a mask attention takes its fast causal path."""
    # On a GPU the products run in bfloat16; on most CPUs that would be slower, not faster.
    with torch.autocast(rows.device.type, torch.bfloat16, enabled=rows.device.type == "cuda"):
        logits = model(input_ids=rows).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), rows[:, 1:].flatten())


@dataclass(frozen=True)
class Trained:
    """What the training took: steps, tokens seen, seconds, and the mean loss of the last tenth of the steps."""

    steps: int
    tokens: int
    seconds: float
    last_loss: float


def train(model: GPT2LMHeadModel, rows: torch.Tensor, recipe: Recipe, device: torch.device) -> Trained:
    """Train until the time is up, with a line of progress every 10 seconds (20 lines at least)."""
    budget = recipe.minutes * 60
    optimizers = build_optimizers(model, device)
    losses: list[float] = []
    tokens = 0
    model.train()
    start = time.monotonic()
    next_line = pause = min(10.0, budget / 20)
    for batch in endless_batches(rows, recipe.batch, recipe.seed):
        share = rate_share((time.monotonic() - start) / budget)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
        loss = token_loss(model, batch.to(device))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        tokens += batch.numel()
        if not math.isfinite(losses[-1]):
            raise Failed(f"the loss is {losses[-1]} at step {len(losses)}: the training has diverged.")
        elapsed = time.monotonic() - start
        if elapsed >= next_line or elapsed >= budget:
            recent = np.mean(losses[-20:])
            print(
                f"step {len(losses):>5}  loss {recent:.3f}  rate {share:4.0%}  {tokens / elapsed:,.0f} tokens/s  "
                f"{max(0.0, budget - elapsed) / 60:.1f} minutes left",
                flush=True,
            )
            next_line = elapsed + pause
        if elapsed >= budget:
            break
    tail = losses[-max(1, len(losses) // 10) :]
    return Trained(len(losses), tokens, time.monotonic() - start, float(np.mean(tail)))


@torch.inference_mode()
def held_out_loss(model: GPT2LMHeadModel, rows: torch.Tensor, batch: int, device: torch.device) -> float:
    """The mean loss a token over rows that were not trained on, in nats."""
    model.eval()
    total = 0.0
    for part in torch.split(rows, batch):
        total += token_loss(model, part.to(device)).item() * len(part)
    return total / len(rows)


# ----------------------------------------------------------------------------------------------------------- 6. saving

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags:
- gpt2
- causal-lm
- small
---
# A small GPT-2 pre-trained on movie reviews

A GPT-2 of {layers} blocks, width {width}, {heads} heads, context {context}, vocabulary {vocabulary:,} (own byte-level
BPE), tied embeddings: {parameters:,} parameters, stored as {stored}; the config asks for computation in float32.

Pre-trained from scratch as a causal language model on IMDb's unlabelled reviews (Maas et al., 2011), each once, less
the {leaked:,} whose text also stands in train or test and {repeated:,} repeats: {reviews:,} reviews, {available:,}
tokens. No labelled review was seen.

| | |
|---|---|
| training | {minutes:.1f} minutes, {steps:,} steps, {tokens:,} tokens ({epochs:.2f} epochs), seed {seed} |
| optimizer | Muon (lr {muon_rate}) for the blocks' matrices, AdamW (lr {adam_rate}) for the rest |
| schedule | warm-up over 4 % of the time, constant to the half, then linear to zero |
| loss of the last tenth of the steps | {last_loss:.3f} nats a token |
| loss on {held_out:,} held-out reviews | {loss:.3f} nats a token (perplexity {perplexity:.1f}) |

Meant for demonstrations and tests that must run offline and on a CPU. It writes no usable text, knows little beyond
movie reviews, and repeats what such reviews say about people.

Made with `scripts/pretrain.py` of lightune.
"""


def save(model: GPT2LMHeadModel, tokenizer: GPT2Tokenizer, card: str, out: Path) -> None:
    """Write the folder beside `out` and rename it at the end, so that `out` is whole or absent."""
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        config = json.loads((partial / "config.json").read_text("utf-8"))
        # float32, or stock transformers would compute in the file's half precision; GPT-2's own name for the same GELU;
        # the cache, off while training, on for those who generate.
        config |= {"dtype": "float32", "activation_function": "gelu_new", "use_cache": True}
        (partial / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
        (partial / "README.md").write_text(card, "utf-8")
        # mkdtemp and safetensors keep their files to the user; a model is for others too.
        partial.chmod(0o755)
        (partial / "model.safetensors").chmod(0o644)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def prepare_target(out: Path) -> None:
    """Raise Refused unless a folder can be written at `out`: better now than after the training."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused(f"--out {out} exists and is not an empty folder: name a new one.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out {out} cannot be made: {error.strerror}.") from error
    if not os.access(out.parent, os.W_OK):
        raise Refused(f"--out {out} cannot be made: {out.parent} is not writable.")


# ------------------------------------------------------------------------------------------------------------ 7. whole


def pretrain(data: Path, out: Path, recipe: Recipe) -> None:
    """All steps; prints what it does and the figures."""
    recipe.check()
    reviews = read_reviews(data, recipe.seed)
    prepare_target(out)
    print(
        f"{len(reviews.train):,} reviews to train on, {len(reviews.held_out):,} held out; dropped: {reviews.leaked:,} "
        f"that stand in train or test, {reviews.repeated:,} repeats",
        flush=True,
    )
    tokenizer = train_tokenizer(reviews.train, recipe.vocabulary, recipe.context)
    rows = pack(reviews.train, tokenizer, recipe.context)
    held_out_rows = pack(reviews.held_out, tokenizer, recipe.context)
    print(f"{len(tokenizer):,} tokens in the vocabulary, {rows.numel():,} tokens to train on", flush=True)

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_model(recipe)
    torch.nn.Module.to(model, device)
    parameters = sum(p.numel() for p in model.parameters())
    trained = train(model, rows, recipe, device)
    if recipe.precision == "half":
        # float16, not bfloat16: the weights are of moderate size, so the longer mantissa is worth more than the range.
        # Rounded before the measurement: the figure is that of the file.
        model = model.half().float()
    loss = held_out_loss(model, held_out_rows, recipe.batch, device)
    card = CARD.format(
        **vars(recipe) | {"minutes": trained.seconds / 60},
        parameters=parameters,
        stored="float16" if recipe.precision == "half" else "float32",
        leaked=reviews.leaked,
        repeated=reviews.repeated,
        reviews=len(reviews.train),
        available=rows.numel(),
        steps=trained.steps,
        tokens=trained.tokens,
        epochs=trained.tokens / rows.numel(),
        muon_rate=MUON_RATE,
        adam_rate=ADAM_RATE,
        last_loss=trained.last_loss,
        held_out=len(reviews.held_out),
        loss=loss,
        perplexity=math.exp(loss),
    )
    save(model.half() if recipe.precision == "half" else model, tokenizer, card, out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{trained.steps:,} steps, {trained.tokens:,} tokens in {trained.seconds:,.0f} seconds")
    print(f"held-out loss {loss:.3f} nats a token, perplexity {math.exp(loss):.1f}")
    print(f"saved {parameters:,} parameters, {size / 1e6:.1f} MB, in {out}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Pre-train a small GPT-2 on IMDb's unlabelled reviews.")
    parser.add_argument("--data", type=Path, required=True, help="IMDb: the hub's parquet layout, or aclImdb")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; absent or empty")
    parser.add_argument("--minutes", type=float, default=75.0, help="time of training (default 75)")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--context", type=int, default=512, help="tokens a row, and the longest text (default 512)")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=16, help="rows a step (default 16)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=["half", "single"], default="half", help="of the saved weights")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the script; returns the exit code."""
    transformers.utils.logging.disable_progress_bar()
    options = vars(parse(arguments))
    data, out = options.pop("data"), options.pop("out")
    try:
        pretrain(data, out, Recipe(**options))
    except Refused as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except (Failed, OSError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was saved", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
