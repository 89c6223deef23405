"""The devices that the table has: this machine as measured, and GPUs by their makers' data sheets.

Nothing about a GPU here was measured. Peaks (bfloat16, dense), memory and bandwidths are those of NVIDIA's data sheets
for L4, A100 80GB SXM and H100 SXM. What share of a peak the products come to, how many bytes a hidden state moves, how
long a step takes to start, what a network brings and what an hour costs are assumptions, named below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.scaling.model import BYTES, Fitted, Fleet, Link, Speed
from benchmarks.scaling.points import FULL, INFERENCE, LORA

# Assumed of every GPU.
SHARE = {INFERENCE: 0.5, LORA: 0.4, FULL: 0.4}  # of the peak, for large products
ATTENTION_SHARE = 0.25
# Bytes to and from memory for each number of a block's hidden states, by all that is no product: norms, activations,
# residuals, the MLP's inner states; two bytes a number, read and written some times.
TRAFFIC = {INFERENCE: 60.0, LORA: 180.0, FULL: 180.0}
CALL = {INFERENCE: 0.01, LORA: 0.03, FULL: 0.03}  # seconds of a step that no computing hides
START = 120.0  # seconds of a run: processes, libraries, certificate
READING = 0.5e9  # bytes a second that weights come from a shared disk
NETWORK = 50e9  # bytes a second between nodes: one link of 400 Gb/s


@dataclass(frozen=True)
class Sheet:
    """From a data sheet. peak: operations a second. bandwidth: bytes a second of its memory. inside: bytes a second
    to its neighbours in a node, one way. price: of an hour, assumed."""

    name: str
    peak: float
    bandwidth: float
    memory: float
    inside: float
    a_node: int
    price: float


SHEETS = (
    Sheet("L4", 121e12, 300e9, 24e9, 32e9, 8, 0.80),
    Sheet("A100 80GB", 312e12, 2039e9, 80e9, 300e9, 8, 2.50),
    Sheet("H100", 989e12, 3350e9, 80e9, 450e9, 8, 4.00),
)
COUNTS = (1, 8, 64)
CPU_PRICE = 0.10  # of an hour of a machine as measured, assumed
CPU_MEMORY = 16e9


def cpu(fitted: Fitted, price: float = CPU_PRICE) -> Fleet:
    """The machine that was measured, one process of it."""
    alone = Link(1e9, 1e9)  # it exchanges nothing
    beside = (fitted.start, fitted.a_parameter, fitted.tokenised)
    return Fleet("this CPU, measured", fitted.speeds, CPU_MEMORY, alone, 1, 1, price, *beside)


def gpus(sheet: Sheet, devices: int, tokenised: float, price: float | None = None) -> Fleet:
    """So many GPUs of a kind, as assumed. tokenised: tokens a second of the process that each one has."""
    speeds = {
        kind: Speed(sheet.peak * SHARE[kind], sheet.peak * ATTENTION_SHARE, sheet.bandwidth / TRAFFIC[kind], CALL[kind])
        for kind in SHARE
    }
    link = Link(sheet.inside, NETWORK)
    name = f"{devices} x {sheet.name}"
    asked = sheet.price if price is None else price
    return Fleet(name, speeds, sheet.memory, link, sheet.a_node, devices, asked, START, BYTES / READING, tokenised)


def fleets(fitted: Fitted, prices: dict[str, float]) -> list[Fleet]:
    """The table's columns. prices: by the device's name, in place of those assumed; `CPU` is this machine."""
    found = [cpu(fitted, prices.get("CPU", CPU_PRICE))]
    found += [gpus(sheet, count, fitted.tokenised, prices.get(sheet.name)) for sheet in SHEETS for count in COUNTS]
    return [replace(fleet, name=fleet.name.removeprefix("1 x ")) for fleet in found]
