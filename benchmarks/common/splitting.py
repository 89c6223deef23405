"""How many rows of a step the stock Trainer can take at once on this machine."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common.flops import Shape

# Bytes that stock's activations take for each token and width: 848 KB a token at GPT-2's 768 and 12 blocks, measured.
ACTIVATION = 848_000 / (768 * 12)
# Bytes for each token and token before it: with dropout, attention keeps its weights, 5.4 GB at 16 x 512.
ATTENTION = 5.4e9 / (16 * 512 * 512 * 12 * 768)
SHARE = 0.6


def fitting_batch(shape: Shape, max_length: int, rows: int, memory: int | None = None) -> int:
    """The largest of rows, rows/2, rows/4, ... whose padded activations fit into 0.6 of the machine's memory.

    What is left over is accumulated, as people do whose memory is too small. memory: bytes; None: asked of the system.
    """
    whole = machine_bytes() if memory is None else memory
    batch = rows
    while batch > 1 and estimated_bytes(shape, batch, max_length) > SHARE * whole:
        batch //= 2
    return batch


def estimated_bytes(shape: Shape, batch: int, tokens: int) -> float:
    """What one forward pass keeps for its backward."""
    return batch * tokens * shape.width * shape.blocks * (ACTIVATION + ATTENTION * tokens)


def machine_bytes() -> int:
    """The memory there is (MemTotal): what is free just now would make a run depend on its neighbours."""
    facts = Path("/proc/meminfo").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in facts.splitlines() if line.startswith("MemTotal:"))
