"""How near `lightune study --estimate` comes: studies estimated, then run.

    python benchmarks/estimating.py [--shared FOLDER] [--only 1,4] [--json FILE] [--repeat N]

Prints predicted and actual seconds and peak memory for each arm, the relative errors, and how many are within 25 %.
`--shared` names a folder with `models/tiny-gpt2-imdb`, `models/gpt2-untrained` and `data/imdb`; the configurations
that need them are left out without it. Run it on a quiet machine: whatever else computes falls on one side alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lightune.config import (
    NONE,
    AnalysisConfig,
    DataConfig,
    LoraConfig,
    MethodsConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
)
from lightune.study import estimate_study, run_study

WITHIN = 0.25
# A thing that takes less than this is noise of the clock, and of no use to anybody who plans.
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Case:
    name: str
    model: str
    data: str
    arms: tuple[str, ...]
    train: int
    test: int
    length: int
    training: TrainingConfig
    changes: dict[str, Any]


def case(
    name: str, model: str, data: str, arms: str, sizes: tuple[int, int, int], changes: Any = None, **how: Any
) -> Case:
    training = TrainingConfig(**{"patience": 0, **how})
    train, test, length = sizes
    return Case(name, model, data, tuple(arms.split(",")), train, test, length, training, changes or {})


TINY, GPT2, IMDB = "models/tiny-gpt2-imdb", "models/gpt2-untrained", "data/imdb"
CASES = [
    case("usual arms", "embedded", "embedded", "tfidf,pretrained,probe,lora", (900, 250, 96), max_steps=90),
    case("large batches", "embedded", "embedded", "lora", (1500, 200, 128), max_steps=60, batch_size=64),
    case("accumulated", "embedded", "embedded", "full", (600, 200, 64), max_steps=50, accumulation=4),
    case("three methods", "embedded", "embedded", "lora,ia3,vera", (400, 200, 64), max_steps=80, evaluations=2),
    case("searched", "embedded", "embedded", "lora", (500, 200, 64), {"methods": MethodsConfig({}, 2)}, max_steps=100),
    case("real reviews", TINY, IMDB, "tfidf,probe,lora", (600, 300, 256), max_steps=60),
    case("long reviews", TINY, IMDB, "lora,full", (500, 150, 400), max_steps=24, batch_size=12),
    case("many looks", TINY, IMDB, "lora", (1000, 100, 128), max_steps=80, evaluations=20),
    case("gpt2, lora", GPT2, IMDB, "probe,lora", (64, 32, 256), max_steps=8, evaluations=2),
    case(
        "gpt2, short", GPT2, IMDB, "lora,full", (96, 32, 96), {"lora": LoraConfig(rank=32)}, max_steps=10, evaluations=1
    ),
    # The method was looked over on those above. These were chosen before they were first run.
    case("padded methods", "embedded", "embedded", "prefix-tuning,bitfit", (500, 150, 96), max_steps=60),
    case("two seeds", "embedded", "embedded", "majority,probe,pissa", (700, 250, 80), {"seeds": 2}, max_steps=70),
    case("small batches", TINY, IMDB, "tfidf,lora", (2000, 300, 128), max_steps=150, batch_size=8),
    case("top blocks", TINY, IMDB, "lora", (900, 200, 256), max_steps=80, top_blocks=2, evaluations=4),
    case("long and accumulated", TINY, IMDB, "dora,full", (300, 100, 512), max_steps=15, accumulation=2),
    case("gpt2, long", GPT2, IMDB, "lora", (48, 24, 512), max_steps=6, evaluations=2),
    # What saving and certifying take, and padded methods' memory, were looked over once more on those above. These were
    # chosen before they were first run, and run once.
    case("padded, real", TINY, IMDB, "prefix-tuning,p-tuning", (800, 200, 160), max_steps=60, batch_size=12),
    case("ranks that move", "embedded", "embedded", "adalora,loha", (600, 300, 80), max_steps=80, batch_size=24),
    case("no models", TINY, IMDB, "majority,tfidf", (6000, 2000, 256)),
    case("wide batches", TINY, IMDB, "rslora", (1200, 300, 200), max_steps=40, batch_size=48, evaluations=3),
    case("biases", TINY, IMDB, "bitfit,ln-tuning", (700, 250, 192), max_steps=60),
    case("many steps", "embedded", "embedded", "lora,full", (1500, 300, 64), max_steps=300, evaluations=6),
    case("one block", TINY, IMDB, "lora", (1500, 300, 200), max_steps=120, top_blocks=1),
    case("three seeds", TINY, IMDB, "lora", (400, 150, 300), {"seeds": 3}, max_steps=30),
    case("gpt2, accumulated", GPT2, IMDB, "dora", (64, 40, 200), max_steps=5, accumulation=2, batch_size=8),
    case("gpt2, padded", GPT2, IMDB, "prefix-tuning", (64, 32, 160), max_steps=8, batch_size=8, evaluations=2),
    # After these a certificate was counted by kind of arm, and trainings were found to hold what a plan had measured.
    # Once more chosen before they were first run, and run once.
    case("the ladder", "embedded", "embedded", "majority,tfidf,pretrained,probe,lora", (800, 300, 72), max_steps=70),
    case("two adapters", TINY, IMDB, "lora,ia3", (600, 200, 176), max_steps=40),
    case("features", TINY, IMDB, "pretrained,probe", (2500, 500, 224)),
    case("a prompt", "embedded", "embedded", "prompt-tuning", (500, 200, 72), max_steps=60),
    case("six a step", TINY, IMDB, "dora", (900, 250, 144), max_steps=90, batch_size=6),
    case("all weights", TINY, IMDB, "full", (700, 200, 208), max_steps=50, batch_size=20),
    case("one look", TINY, IMDB, "vera", (400, 120, 480), max_steps=20, evaluations=1),
    case("three blocks", TINY, IMDB, "rslora", (1000, 250, 176), max_steps=70, top_blocks=3),
    case("searched, real", TINY, IMDB, "lora", (500, 200, 128), {"methods": MethodsConfig({}, 3)}, max_steps=60),
    case("gpt2, biases", GPT2, IMDB, "probe,bitfit", (64, 32, 144), max_steps=6, batch_size=8),
]


def config_of(one: Case, shared: Path | None) -> StudyConfig | None:
    places = []
    for place in (one.model, one.data):
        if place == "embedded":
            places.append(place)
        elif shared is None:
            return None
        else:
            places.append(str(shared / place))
    config = StudyConfig(
        ModelConfig(places[0], one.length),
        DataConfig(places[1], train_size=one.train, test_size=one.test, validation_size=max(one.test // 2, 16)),
        one.arms,
        one.training,
        analysis=AnalysisConfig(behaviour=NONE),
    )
    return replace(config, **one.changes)


def measured(one: Case, config: StudyConfig) -> list[dict[str, Any]]:
    """A line for each arm and figure: predicted, actual, and the relative error."""
    estimate = estimate_study(config)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        result = run_study(config, out)
    took = time.perf_counter() - start
    lines = [compared(one, "(study)", "study_seconds", estimate.seconds, took)]
    for predicted, arm in zip(estimate.arms, result.arms, strict=True):
        if predicted.run is None or arm.cost is None:
            lines.append({"case": one.name, "arm": arm.name, "figure": predicted.reason or arm.reason or "no cost"})
            continue
        for figure in ("fit_seconds", "predict_seconds", "peak_memory_bytes"):
            lines.append(compared(one, arm.name, figure, getattr(predicted.run, figure), getattr(arm.cost, figure)))
    return lines


def compared(one: Case, arm: str, figure: str, predicted: float, actual: float) -> dict[str, Any]:
    error = predicted / actual - 1 if actual > 0 else 0.0
    return {
        "case": one.name, "arm": arm, "figure": figure, "predicted": predicted, "actual": actual, "error": error,
    }  # fmt: skip


def show(line: dict[str, Any]) -> None:
    if "error" not in line:
        print(f"{line['case']:<14} {line['arm']:<11} {line['figure']}", flush=True)
        return
    unit = 2**20 if line["figure"] == "peak_memory_bytes" else 1
    print(
        f"{line['case']:<14} {line['arm']:<11} {line['figure']:<18} {line['predicted'] / unit:>9.2f} "
        f"{line['actual'] / unit:>9.2f} {100 * line['error']:>+7.1f} %",
        flush=True,
    )


def summary(lines: list[dict[str, Any]]) -> None:
    for figure in ("study_seconds", "fit_seconds", "predict_seconds", "peak_memory_bytes"):
        counted = [
            abs(line["error"])
            for line in lines
            if line["figure"] == figure and (figure == "peak_memory_bytes" or line["actual"] >= LEAST_SECONDS)
        ]
        if counted:
            inside = sum(error <= WITHIN for error in counted)
            print(
                f"{figure}: {inside} of {len(counted)} within {WITHIN:.0%}, median error "
                f"{statistics.median(counted):.1%}, largest {max(counted):.1%}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--only", default="", help="numbers from 1, with commas")
    parser.add_argument("--json", type=Path, help="where to write all lines")
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    wanted = {int(number) for number in asked.only.split(",") if number} or set(range(1, len(CASES) + 1))
    print(f"{'case':<14} {'arm':<11} {'figure':<18} {'predicted':>9} {'actual':>9} {'error':>9}   (seconds, MiB)")
    lines: list[dict[str, Any]] = []
    for number, one in enumerate(CASES, 1):
        config = config_of(one, asked.shared) if number in wanted else None
        for _ in range(asked.repeat if config is not None else 0):
            found = measured(one, config)
            lines += found
            for line in found:
                show(line)
            if asked.json is not None:
                asked.json.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    summary(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
