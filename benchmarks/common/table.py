"""Results as one table: plain text for a terminal, Markdown for a document."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.common.ratio import Ratio, paired_ratio
from benchmarks.common.records import BYTES, Case, Outcome, Peer, Side

HEADS = (
    "what", "side", "median", "reviews/s", "useful tokens/s", "useful GFLOP/s", "of the peak", "ours is better by",
)  # fmt: skip
NONE = "-"
NOT_RUN = "not run"
TRAIN_ROWS = 25_000


@dataclass(frozen=True)
class Line:
    """A row of the table; its cells stand under HEADS."""

    cells: tuple[str, ...]


def lines(outcomes: Sequence[Outcome]) -> list[Line]:
    """Each case: ours, then each peer."""
    return [line for outcome in outcomes for case in outcome.cases for line in case_lines(case)]


def case_lines(case: Case) -> list[Line]:
    """The rows of one case."""
    first = f"{case.benchmark}: {case.what}"
    ours = [Line((first, *cells(case, case.ours), "1"))] if case.ours is not None else []
    if case.ours is None:
        ours = [Line((first, f"lightune, {NOT_RUN}", *[NONE] * 6))]
    return ours + [peer_line(case, peer) for peer in case.peers]


def peer_line(case: Case, peer: Peer) -> Line:
    """A peer's row."""
    if peer.side is None:
        return Line(("", f"{peer.title}, {NOT_RUN}", *[NONE] * 6))
    ratio = ratio_of(case, peer.side)
    return Line(("", *cells(case, peer.side), NONE if ratio is None else str(ratio)))


def ratio_of(case: Case, side: Side) -> Ratio | None:
    """How many times less ours took, turn by turn."""
    return None if case.ours is None else paired_ratio(case.ours.values, side.values)


def cells(case: Case, side: Side) -> tuple[str, ...]:
    """Side, median and rates."""
    middle = statistics.median(side.values)
    if case.unit == BYTES:
        return (side.title, f"{middle / 2**20:,.0f} MiB", NONE, NONE, NONE, NONE)
    work = case.work
    rates = [f"{count / middle:,.{digits}f}" if count else NONE for count, digits in ((work.rows, 1), (work.tokens, 0))]
    flops = 0 if side.facts.get("no_model") else work.flops
    speed = f"{flops / middle / 1e9:,.1f}" if flops else NONE
    return (side.title, f"{middle:,.2f} s", *rates, speed, share_of_peak(case, side))


def share_of_peak(case: Case, side: Side) -> str:
    """Useful FLOPs a second over what matrix products reached in the same turn; the median of the turns."""
    if not case.work.flops or not case.peak or side.facts.get("no_model"):
        return NONE
    each = [case.work.flops / taken / 1e9 / peak for taken, peak in zip(side.values, case.peak, strict=True)]
    return f"{100 * statistics.median(each):.0f} %"


def absence_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Why sides were not run."""
    cases = [case for outcome in outcomes for case in outcome.cases]
    ours = [f"Not run: lightune ({case.what}): {case.absent}." for case in cases if case.ours is None]
    missing = [(peer.title, peer.absent) for case in cases for peer in case.peers if peer.side is None]
    return [*ours, *(f"Not run: {title}: {(reason or '').rstrip('.')}." for title, reason in missing)]


def compile_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """For sides that compile: how long that took, and the ratio with it counted over one epoch of 25,000 reviews."""
    notes = []
    for outcome in outcomes:
        for case in outcome.cases:
            for peer in case.peers:
                if peer.side is not None and case.ours is not None and peer.side.facts.get("compiles"):
                    notes.append(compile_note(case, case.ours, peer.side))
    return notes


def compile_note(case: Case, ours: Side, side: Side) -> str:
    """One such sentence."""
    turns = TRAIN_ROWS / case.work.rows
    compiling = max(0.0, float(side.facts["warm_up_seconds"]) - statistics.median(side.values))
    counted = (compiling + turns * statistics.median(side.values)) / (turns * statistics.median(ours.values))
    return (
        f"{side.title} ({case.what}) compiled for {compiling:,.0f} s before its first turn. With that counted over one "
        f"epoch of {TRAIN_ROWS:,} reviews, ours is better by {counted:.2f}."
    )


def peak_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What matrix products reached, by library."""
    notes = []
    for outcome in outcomes:
        peaks = [peak for case in outcome.cases for peak in case.peak]
        if not peaks:
            continue
        by_library = outcome.facts.get("peak", {}).get("by_library", {})
        each = "; ".join(f"{name} {one['gflops']:.0f} at {one['shape']}" for name, one in by_library.items())
        spread = f"{statistics.median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f})"
        notes.append(
            f"The peak of matrix products in float32, {outcome.benchmark}: {spread}. In the last turn: {each}."
        )
    return notes


def plain(outcomes: Sequence[Outcome]) -> str:
    """The table with columns of equal width, and the notes below it."""
    rows = [HEADS, *(line.cells for line in lines(outcomes))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    rule = "  ".join("-" * width for width in widths)
    written = ["  ".join(fitted(cell, widths[at], at) for at, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([written[0], rule, *written[1:], "", *notes(outcomes)])


def fitted(cell: str, width: int, column: int) -> str:
    """Words to the left, numbers to the right."""
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The same as Markdown."""
    rows = [HEADS, ("---", "---", *["---:"] * 6), *(line.cells for line in lines(outcomes))]
    written = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*written, "", *(f"- {note}" for note in notes(outcomes))])


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What stands below the table."""
    how = "A ratio is the median of the turns' own, side by side in one run; in brackets the smallest and the largest."
    return [how, *compile_notes(outcomes), *absence_notes(outcomes), *peak_notes(outcomes)]
