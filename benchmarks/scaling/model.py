"""A small model of how long work takes: operations over what a device does of them, memory traffic, communication and
fixed costs; fitted to measurements, and asked for devices that were not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from benchmarks.scaling.points import FULL, INFERENCE, KINDS, Fixed, Measured, Point, Size, operations

# Bytes of a number in memory, on links and in files: weights are held in float32.
BYTES = 4
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Speed:
    """How fast a device is at one kind of work. products, attention: operations a second that it comes to. states:
    numbers of hidden states a second, for all that moves them without a product. call: seconds of each step."""

    products: float
    attention: float
    states: float
    call: float

    def seconds(self, kind: str, size: Size | Point, length: int, tokens: float) -> float:
        """Of a step on one device."""
        weighed, attended = operations(kind, size.weights, size.width, size.blocks, length, tokens)
        moved = tokens * size.blocks * size.width
        return weighed / self.products + attended / self.attention + moved / self.states + self.call

    def share(self, kind: str, size: Size, length: int, peak: float) -> float:
        """The share of `peak` that useful operations come to, without the cost of a call: rises with the width."""
        counted = sum(operations(kind, size.weights, size.width, size.blocks, length, 1.0))
        return counted / (self.seconds(kind, size, length, 1.0) - self.call) / peak


@dataclass(frozen=True)
class Link:
    """What devices exchange numbers over: bytes a second between two of a node, and of each node with the others."""

    inside: float
    between: float


@dataclass(frozen=True)
class Errors:
    """Of what the fit says against what was measured, as shares of that. median, largest: of the points it has seen;
    held_out_median, held_out_largest: of those it has not. seen, held_out: how many these are."""

    median: float
    largest: float
    held_out_median: float
    held_out_largest: float
    seen: int
    held_out: int


@dataclass(frozen=True)
class Fitted:
    """What came of the measurements. speeds: by kind, of one process. efficiency: of several processes on this machine,
    as a share of as many times one, by kind. start, a_parameter: seconds of a run beside its training, and more for
    each parameter. tokenised: tokens a second that texts are cut into."""

    speeds: dict[str, Speed]
    errors: dict[str, Errors]
    efficiency: dict[str, float]
    start: float
    a_parameter: float
    tokenised: float


def fit(measured: Measured) -> Fitted:
    """Least squares on the points that are not held out, of relative errors, with coefficients of 0 or more. Raises
    ValueError for a kind with fewer than 4 points of one process."""
    speeds, errors = {}, {}
    for kind in KINDS:
        alone = [point for point in measured.points if point.kind == kind and point.processes == 1]
        speeds[kind] = _speed(kind, [point for point in alone if not point.held_out])
        errors[kind] = _errors(speeds[kind], alone)
    start, slope = _line(measured.fixed)
    efficiency = {kind: _efficiency(kind, measured.points, speeds) for kind in KINDS}
    return Fitted(speeds, errors, efficiency, start, slope, measured.tokenised)


def _speed(kind: str, points: Sequence[Point]) -> Speed:
    if len(points) < 4:
        raise ValueError(f"{kind}: at least 4 points are expected for 4 coefficients, got {len(points)}.")
    rows = []
    for point in points:
        weighed, attended = operations(kind, point.weights, point.width, point.blocks, point.length, point.tokens)
        rows.append([weighed, attended, float(point.tokens * point.blocks * point.width), 1.0])
    seconds = np.array([point.seconds for point in points])
    table = np.array(rows) / seconds[:, None]
    scale = table.max(axis=0)
    found, _ = nnls(table / scale, np.ones(len(points)))
    products, attention, states, call = found / scale
    return Speed(*(1 / value if value > 0 else np.inf for value in (products, attention, states)), float(call))


def _errors(speed: Speed, points: Sequence[Point]) -> Errors:
    def off(held_out: bool) -> list[float]:
        kept = [point for point in points if point.held_out == held_out]
        return [
            abs(speed.seconds(point.kind, point, point.length, point.tokens) / point.seconds - 1) for point in kept
        ] or [float("nan")]

    seen, unseen = off(False), off(True)
    number = sum(point.held_out for point in points)
    return Errors(
        float(np.median(seen)), max(seen), float(np.median(unseen)), max(unseen), len(points) - number, number
    )


def _efficiency(kind: str, points: Sequence[Point], speeds: dict[str, Speed]) -> float:
    """The median over points of several processes: one process's time over theirs, a process. 1 where none was
    measured."""
    many = [point for point in points if point.kind == kind and point.processes > 1]
    found = [
        speeds[kind].seconds(kind, point, point.length, point.tokens) / (point.processes * point.seconds)
        for point in many
    ]
    return float(np.median(found)) if found else 1.0


def _line(points: Sequence[Fixed]) -> tuple[float, float]:
    """Seconds of a run beside its training: a start, and what each parameter adds."""
    if not points:
        return 0.0, 0.0
    table = np.array([[1.0, point.parameters / 1e6] for point in points])
    found, _ = nnls(table, np.array([point.seconds for point in points]))
    return float(found[0]), float(found[1]) / 1e6


@dataclass(frozen=True)
class Fleet:
    """Devices of one kind. speeds: of one, by kind of work. memory: bytes of one. a_node: devices of a node. price: of
    a device and hour. start, a_parameter: as in Fitted. tokenised: as there, for each device."""

    name: str
    speeds: dict[str, Speed]
    memory: float
    link: Link
    a_node: int
    devices: int
    price: float
    start: float
    a_parameter: float
    tokenised: float


def needs_sharing(size: Size, kind: str, memory: float) -> bool:
    """Whether a copy of the model with what its training holds (gradient, two moments of Adam) is more than 0.7 of a
    device's memory; the rest is for activations."""
    held = size.parameters + (3 * _trained(size, kind) if kind != INFERENCE else 0)
    return BYTES * held > 0.7 * memory


def fits(size: Size, kind: str, fleet: Fleet) -> bool:
    """Whether the model, shared out over all devices where one does not hold it, fits at all."""
    return not needs_sharing(size, kind, fleet.memory * fleet.devices)


def communication(size: Size, kind: str, fleet: Fleet) -> float:
    """Seconds a step that devices exchange numbers, none of them hidden behind computing.

    Data parallel: each gradient goes round once to be added and once to be known, 2 (n - 1) / n of the bytes trained.
    Sharing out (FSDP): all weights come in for the forward pass and again for the backward pass, and gradients of what
    is trained go back: (n - 1) / n of each. Inference in data parallel exchanges nothing.
    """
    n = fleet.devices
    if n == 1:
        return 0.0
    if needs_sharing(size, kind, fleet.memory):
        passes = 1 if kind == INFERENCE else 2
        numbers = passes * size.parameters + (_trained(size, kind) if kind != INFERENCE else 0)
    elif kind == INFERENCE:
        return 0.0
    else:
        numbers = 2 * _trained(size, kind)
    # A ring through all nodes goes at the pace of its slowest link.
    slowest = fleet.link.inside if n <= fleet.a_node else min(fleet.link.inside, fleet.link.between)
    return (n - 1) / n * BYTES * numbers / slowest


def _trained(size: Size, kind: str) -> int:
    return size.parameters if kind == FULL else size.adapted


@dataclass(frozen=True)
class Work:
    """What is to be done: `texts` of `length` tokens, each `passes` times, in steps of `rows` texts a device."""

    texts: int
    length: int
    passes: float = 1.0
    rows: int = 16


@dataclass(frozen=True)
class Answer:
    """hours of the whole, and their cost. busy: the share of the time in which devices compute for this work. shared:
    the model is shared out among devices."""

    hours: float
    cost: float
    busy: float
    shared: bool


def answer(size: Size, kind: str, work: Work, fleet: Fleet) -> Answer | None:
    """How long `work` takes on `fleet`; None where the model does not fit there."""
    if not fits(size, kind, fleet):
        return None
    steps = -(-work.texts * work.passes // (work.rows * fleet.devices))
    tokens = work.texts * work.passes * work.length / fleet.devices
    speed = fleet.speeds[kind]
    # The cost of a call is one step's; the rest goes by tokens, so that a last step that is not full counts less.
    computing = speed.seconds(kind, size, work.length, tokens) + (steps - 1) * speed.call
    waiting = steps * communication(size, kind, fleet)
    # Each text is cut into tokens once, whatever the number of passes, by a process for each device.
    tokenising = work.texts * work.length / (fleet.tokenised * fleet.devices)
    whole = computing + waiting + tokenising + fleet.start + fleet.a_parameter * size.parameters
    hours = whole / SECONDS_AN_HOUR
    return Answer(
        hours, hours * fleet.price * fleet.devices, computing / whole, needs_sharing(size, kind, fleet.memory)
    )
