"""What is measured, and what a model of transformers amounts to: records between the measurement and the fit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

INFERENCE, LORA, FULL = "inference", "lora", "full"
POSITIONS = 1024  # that GPT-2 can tell apart
KINDS = (INFERENCE, LORA, FULL)
# Floating-point operations a weight and token: forward 2, backward through the activations 2, for weights that are
# trained 2 more. LoRA's own weights are too few to count.
PER_WEIGHT = {INFERENCE: 2, LORA: 4, FULL: 6}
# Of attention's forward pass; its backward pass is twice that.
ATTENTION_PASSES = {INFERENCE: 1, LORA: 3, FULL: 3}


@dataclass(frozen=True)
class Size:
    """A decoder. width: of the hidden states. weights: of all blocks that each token is multiplied with. parameters:
    all there are, embeddings too. adapted: those that LoRA of rank 8 on every linear layer trains."""

    name: str
    width: int
    blocks: int
    weights: int
    parameters: int
    adapted: int


def gpt2_size(name: str, width: int, blocks: int, vocabulary: int = 50257) -> Size:
    """GPT-2's architecture: four products of attention in two layers, two of the MLP, whose inner width is 4 widths."""
    weights = 12 * width**2 * blocks
    adapted = 8 * blocks * ((width + 3 * width) + 2 * width + 2 * (width + 4 * width))
    return Size(name, width, blocks, weights, weights + (vocabulary + POSITIONS) * width, adapted)


def llama_size(name: str, width: int, blocks: int, inner: int, key_width: int, vocabulary: int) -> Size:
    """Llama's: queries and outputs of the whole width, keys and values of `key_width`, three products of the MLP.
    A classifier has one table of embeddings and no output layer."""
    weights = blocks * (2 * width**2 + 2 * width * key_width + 3 * width * inner)
    adapted = 8 * blocks * (2 * 2 * width + 2 * (width + key_width) + 3 * (width + inner))
    return Size(name, width, blocks, weights, weights + vocabulary * width, adapted)


@dataclass(frozen=True)
class Point:
    """One measurement: `seconds` for a step over `tokens` useful tokens in texts of `length`, by `processes` processes
    together, each of as many threads. held_out: the fit does not see it."""

    kind: str
    width: int
    blocks: int
    weights: int
    trained: int
    length: int
    tokens: int
    processes: int
    seconds: float
    held_out: bool = False


@dataclass(frozen=True)
class Fixed:
    """A whole study of one arm with one step: what a run takes beside its training. parameters: of the model."""

    parameters: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """All of a run of the measurement, of processes of so many threads. peak: operations a second of the fastest
    float32 product. tokenised: tokens a second that texts are cut into."""

    machine: str
    threads: int
    peak: float
    tokenised: float
    points: tuple[Point, ...]
    fixed: tuple[Fixed, ...]


def operations(kind: str, weights: int, width: int, blocks: int, length: int, tokens: float) -> tuple[float, float]:
    """Useful floating-point operations: of products with weights, and of attention under a causal mask."""
    attention = 2.0 * blocks * width * (length + 1) * tokens
    return float(PER_WEIGHT[kind]) * weights * tokens, ATTENTION_PASSES[kind] * attention


def write(measured: Measured, path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(asdict(measured), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Measured:
    """What `write` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    points = tuple(Point(**one) for one in found.pop("points"))
    fixed = tuple(Fixed(**one) for one in found.pop("fixed"))
    return Measured(points=points, fixed=fixed, **found)
