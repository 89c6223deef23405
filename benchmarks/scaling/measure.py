"""Measures what the model of time is fitted to: steps of training and inference of models from 2M to 124M parameters,
by one process and by two, and whole studies of one step.

`python -m benchmarks.scaling.measure --output FILE` wants the machine for itself; `--tiny` only tries it, with sizes
from which nothing follows. Weights are drawn with a seed: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common.surroundings import ROOT, surroundings
from benchmarks.scaling.points import INFERENCE, KINDS, LORA, POSITIONS, Fixed, Measured, Point, Size, gpt2_size, write
from benchmarks.sides import gemm_peak

WORDS = 8192  # of the embedded model's tokenizer, which they all have
# From 2M to 124M parameters: widths, and depths at one width, so that both can be told apart.
SIZES = (
    gpt2_size("2M", 128, 2, WORDS),
    gpt2_size("5M", 256, 3, WORDS),
    gpt2_size("9M", 256, 8, WORDS),
    gpt2_size("14M", 384, 6, WORDS),
    gpt2_size("30M", 512, 8, WORDS),
    gpt2_size("35M", 768, 4, WORDS),
    gpt2_size("124M", 768, 12),
)
LENGTHS = (64, 256, 512)
TINY_SIZES = (gpt2_size("tiny", 32, 1, WORDS), gpt2_size("small", 32, 2, WORDS))
TINY_LENGTHS = (8, 16)
STEP_TOKENS = 2048
TURNS = 5
WIDTH_OF_HEADS = 64  # as in GPT-2
LABELS = ("negative", "positive")


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--processes", type=int, default=2, help="as many at once, beside one alone; 1: one alone")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--tiny", action="store_true", help="only try it")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.one is not None:
        _work(json.loads(asked.one), asked.output)
        return
    write(measure(asked.processes, asked.threads, asked.tiny), asked.output)


def measure(processes: int, threads: int, tiny: bool) -> Measured:
    """All points, one process or group of processes at a time."""
    sizes, lengths = (TINY_SIZES, TINY_LENGTHS) if tiny else (SIZES, LENGTHS)
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        work = Path(folder)
        points: list[Point] = []
        for size in sizes:
            make_model(work / size.name, size)
            counts = [1] if processes == 1 else [1, processes]
            for count in counts:
                points += _started(work, size, lengths, count, threads, tiny)
        peak, tokenised = _peak(sizes[-1], threads), _tokenised(work / sizes[-1].name, 50 if tiny else 3000)
        fixed = tuple(_whole_study(work, size, threads) for size in (sizes[0], sizes[-1]))
    return Measured(
        platform.processor() or platform.machine(), threads, peak, tokenised, tuple(held_out(points)), fixed
    )


def held_out(points: Sequence[Point]) -> list[Point]:
    """The same points with those marked that the fit is not to see: a third of each kind's, another length from size to
    size, and the whole of the largest model."""
    sizes, lengths = (sorted({getattr(point, name) for point in points}) for name in ("weights", "length"))

    def unseen(point: Point) -> bool:
        turn = sizes.index(point.weights) + lengths.index(point.length) + KINDS.index(point.kind)
        return turn % 3 == 1 or point.weights == sizes[-1]

    return [replace(point, held_out=unseen(point)) for point in points]


def make_model(folder: Path, size: Size) -> None:
    """A folder without weights: GPT-2's configuration of this size, the embedded model's tokenizer."""
    from transformers import GPT2Config

    from lightune.models import find_model
    from lightune.models.tokenizers import load_tokenizer

    tokenizer = load_tokenizer(find_model("embedded"))
    config = GPT2Config(
        vocab_size=(size.parameters - size.weights) // size.width - POSITIONS,
        n_positions=POSITIONS,
        n_embd=size.width,
        n_layer=size.blocks,
        n_head=max(1, size.width // WIDTH_OF_HEADS),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _started(work: Path, size: Size, lengths: Sequence[int], count: int, threads: int, tiny: bool) -> list[Point]:
    """Steps of one size in a process of its own, or in several that torchrun starts and DDP puts together."""
    spec = {"model": str(work / size.name), "lengths": list(lengths), "tokens": 64 if tiny else STEP_TOKENS}
    output = work / f"{size.name}-{count}.json"
    # Each size on one process and on several is started alike, so that both are the same program.
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m"]
    told = ["benchmarks.scaling.measure", "--output", str(output), "--one", json.dumps(spec)]
    command = [sys.executable, *(launcher if count > 1 else ["-m"]), *told]
    subprocess.run(command, env=surroundings(threads), cwd=ROOT, check=True, timeout=3600)
    return [
        Point(
            kind=one["kind"],
            width=size.width,
            blocks=size.blocks,
            weights=size.weights,
            trained=one["trained"],
            length=one["length"],
            tokens=one["tokens"],
            processes=count,
            seconds=one["seconds"],
        )
        for one in json.loads(output.read_text(encoding="utf-8"))
    ]


def _work(spec: dict[str, Any], output: Path) -> None:
    """In the process, or in each of several: every kind of step at every length."""
    import torch
    from torch import distributed

    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several:
        distributed.init_process_group("gloo")
    torch.manual_seed(0)
    found = []
    for kind in KINDS:
        step, trained = _step(spec["model"], kind, several)
        for length in spec["lengths"]:
            rows = max(1, spec["tokens"] // length)
            seconds = _seconds(lambda step=step, rows=rows, length=length: step(rows, length), several)
            processes = distributed.get_world_size() if several else 1
            tokens = rows * length * processes
            found.append({"kind": kind, "length": length, "tokens": tokens, "seconds": seconds, "trained": trained})
    if not several or distributed.get_rank() == 0:
        output.write_text(json.dumps(found), encoding="utf-8")
    if several:
        distributed.destroy_process_group()


def _step(folder: str, kind: str, several: bool) -> tuple[Callable[[int, int], None], int]:
    """What does a step over so many texts of a length, as lightune computes it; and how many numbers it trains."""
    import numpy as np
    import torch
    from torch.nn.parallel import DistributedDataParallel

    from lightune.catalogue import METHODS
    from lightune.compute import Layout, quicken
    from lightune.methods import attach
    from lightune.models import drop_frozen_dropout, find_model, load_classifier

    base = load_classifier(find_model(folder), LABELS, 0)
    model: torch.nn.Module = base.model
    drop_frozen_dropout(base.model)
    if kind == LORA:
        model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 8, "lora_alpha": 16})
    quicken(model)
    model.train(kind != INFERENCE)
    trained = [weight for weight in model.parameters() if weight.requires_grad] if kind != INFERENCE else []
    run = DistributedDataParallel(model) if several and trained else model
    optimizer = torch.optim.AdamW(trained, lr=1e-5) if trained else None
    layout, draw = Layout(packed=True), np.random.default_rng(0)

    def step(rows: int, length: int) -> None:
        ids = draw.integers(5, 4000, size=(rows, length)).astype(np.int32)
        inputs = layout.inputs(list(ids), 0)
        if optimizer is None:
            with torch.inference_mode():
                run(**inputs)
            return
        run(**inputs).logits.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step, sum(weight.numel() for weight in trained)


def _seconds(step: Callable[[], None], several: bool) -> float:
    """The median of some turns after one to warm up; of several processes they begin together."""
    from torch import distributed

    taken = []
    for _ in range(TURNS + 1):
        if several:
            distributed.barrier()
        start = time.perf_counter()
        step()
        if several:
            distributed.barrier()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def _peak(size: Size, threads: int) -> float:
    import torch

    torch.set_num_threads(threads)
    with torch.inference_mode():
        best = gemm_peak.search([(size.width, 4 * size.width)])
        return 1e9 * float(gemm_peak.again(best)["gflops"])


def _tokenised(folder: Path, texts: int) -> float:
    """Tokens a second of texts as a study cuts them, in one process, nothing kept from before."""
    from lightune.compute import Encoder
    from lightune.config import DataConfig
    from lightune.data import load_splits
    from lightune.models import find_model
    from lightune.models.tokenizers import load_tokenizer

    rows = load_splits(DataConfig("embedded", train_size=texts)).train.texts
    encoder = Encoder(load_tokenizer(find_model(str(folder))), 512, "head")
    start = time.perf_counter()
    tokens = int(encoder.encode(rows).lengths.sum())
    return tokens / (time.perf_counter() - start)


def _whole_study(work: Path, size: Size, threads: int) -> Fixed:
    """A study of LoRA alone with one step, from the command to its end, certificate included."""
    out = work / f"study-{size.name}"
    given = ["--model", str(work / size.name), "--data", "embedded", "--train-size", "64", "--test-size", "64"]
    steps = ["--max-steps", "1", "--evaluations", "1", "--validation-size", "20", "--behaviour", "none", "--quiet"]
    command = [sys.executable, "-m", "lightune", "study", *given, *steps, "--arms", LORA, "--out", str(out)]
    start = time.perf_counter()
    subprocess.run(command, env=surroundings(threads), cwd=ROOT, check=True, timeout=3600)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return Fixed(size.parameters, seconds)


if __name__ == "__main__":
    main()
