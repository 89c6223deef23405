"""The table of time and cost, from a measurement to a page.

`python -m benchmarks.scaling.table MEASURED.json` prints it; `--write docs/scaling.md` puts it between that page's
markers. `--price NAME=NUMBER` is what an hour of a device costs, `CPU` the machine that was measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.scaling import devices
from benchmarks.scaling.model import Answer, Fitted, Fleet, Work, answer, fit
from benchmarks.scaling.points import FULL, INFERENCE, KINDS, LORA, Measured, Size, gpt2_size, llama_size, read

BEGIN, END = "<!-- scaling table: begin -->", "<!-- scaling table: end -->"
MODELS = (
    gpt2_size("GPT-2 small (124M)", 768, 12),
    gpt2_size("GPT-2 XL (1.6B)", 1600, 48),
    llama_size("Llama 3.2 1B", 2048, 16, 8192, 512, 128_256),
    llama_size("Llama 3.1 8B", 4096, 32, 14_336, 1024, 128_256),
)
TEXTS = (25_000, 1_000_000, 100_000_000)
LENGTH = 256
# Texts of a device and step: as a study trains by default, and as many as lightune answers for at once on a GPU.
ROWS = {LORA: 16, FULL: 16, INFERENCE: 32_768 // LENGTH}
TITLES = {LORA: "LoRA, one pass", FULL: "Full fine-tune, one pass", INFERENCE: "Labels for all of them"}


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measured", type=Path, help="what benchmarks.scaling.measure wrote")
    parser.add_argument("--write", type=Path, help="a page with the markers")
    parser.add_argument("--price", action="append", default=[], metavar="NAME=NUMBER", help="of a device and hour")
    asked = parser.parse_args(words)
    prices = _prices(asked.price)
    text = page(read(asked.measured), prices)
    if asked.write is None:
        print(text)
        return
    asked.write.write_text(between(asked.write.read_text(encoding="utf-8"), text), encoding="utf-8")


def _prices(given: Iterable[str]) -> dict[str, float]:
    """Raises SystemExit, with a sentence, for what is no price."""
    known = {"CPU", *(sheet.name for sheet in devices.SHEETS)}
    found = {}
    for one in given:
        name, _, number = one.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise SystemExit(f"--price: NAME=NUMBER is expected, got {one!r}.") from None
        if name not in known or not 0 <= found[name] < float("inf"):
            raise SystemExit(f"--price: one of {', '.join(sorted(known))} and 0 or more is expected, got {one!r}.")
    return found


def between(old: str, text: str) -> str:
    """`old` with `text` between its markers. Raises ValueError unless each stands there once, in order."""
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise ValueError(f"a page with one {BEGIN} before one {END} is expected.")
    before, after = old[: old.index(BEGIN)], old[old.index(END) :]
    return f"{before}{BEGIN}\n{text}\n{after}"


def page(measured: Measured, prices: dict[str, float]) -> str:
    """Everything between the markers: how well the fit holds, and a table for each kind of work."""
    fitted = fit(measured)
    fleets = devices.fleets(fitted, prices)
    parts = [errors(fitted, measured), *(table(kind, fleets) for kind in (LORA, FULL, INFERENCE))]
    return "\n\n".join(parts)


def errors(fitted: Fitted, measured: Measured) -> str:
    """What the fit says against what was measured."""
    lines = [
        "| work | points fitted | median error | largest | points held out | median error | largest | "
        "of the peak at width 768 | two processes against twice one |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    several = {point.kind for point in measured.points if point.processes > 1}
    for kind in KINDS:
        found = fitted.errors[kind]
        share = fitted.speeds[kind].share(kind, MODELS[0], LENGTH, measured.peak)
        beside = f"{fitted.efficiency[kind]:.0%}" if kind in several else "not measured"
        lines.append(
            f"| {kind} | {found.seen} | {found.median:.0%} | {found.largest:.0%} | {found.held_out} | "
            f"{found.held_out_median:.0%} | {found.held_out_largest:.0%} | {share:.0%} | {beside} |"
        )
    return "\n".join(lines)


def table(kind: str, fleets: Sequence[Fleet], models: Sequence[Size] = MODELS, texts: Sequence[int] = TEXTS) -> str:
    """One kind of work: a row a model and number of texts, a column a fleet."""
    head = "| model | texts | " + " | ".join(fleet.name for fleet in fleets) + " |"
    lines = [f"**{TITLES[kind]}**", "", head]
    lines.append("|---|---:|" + "---:|" * len(fleets))
    for model in models:
        for number in texts:
            cells = [cell(answer(model, kind, Work(number, LENGTH, rows=ROWS[kind]), fleet)) for fleet in fleets]
            lines.append(f"| {model.name} | {number:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(found: Answer | None) -> str:
    """Time and cost; a star where the model is shared out among devices; a dash where it does not fit."""
    if found is None:
        return "–"
    return f"{_time(found.hours)}, ${_rounded(found.cost)}{'*' if found.shared else ''}"


def _time(hours: float) -> str:
    if hours < 1:
        return f"{_rounded(60 * hours)} min"
    return f"{_rounded(hours)} h" if hours < 72 else f"{_rounded(hours / 24)} d"


def _rounded(value: float) -> str:
    """Two figures: no more are known."""
    if value < 0.095:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 9.95 else f"{float(f'{value:.2g}'):,.0f}"


if __name__ == "__main__":
    main()
