"""Every benchmark, one after the other, and one table: `python -m benchmarks.all`; `make bench` adds --short."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks import inference, memory, serving, startup, sweep, tokenising, training
from benchmarks.common.records import Outcome
from benchmarks.common.results import write
from benchmarks.common.setting import Setting, parser, setting_of
from benchmarks.common.table import markdown, plain
from benchmarks.common.turns import say

COMMANDS: dict[str, Callable[[Setting], Outcome]] = {
    "startup": startup.measure,
    "tokenising": tokenising.measure,
    "training": training.measure,
    "inference": inference.measure,
    "serving": serving.measure,
    "memory": memory.measure,
    "sweep": sweep.measure,
}


def main() -> None:
    """The command."""
    made = parser(__doc__ or "")
    made.add_argument("--only", default=",".join(COMMANDS), help="which, separated by commas")
    options = made.parse_args()
    setting = setting_of(options)
    outcomes = []
    for name in options.only.split(","):
        start = time.perf_counter()
        outcomes.append(COMMANDS[name](setting))
        write(outcomes[-1], options.results)
        say(f"{name}: {time.perf_counter() - start:,.0f} s")
    (options.results / f"table{'-short' if options.short else ''}.md").write_text(markdown(outcomes) + "\n")
    print(plain(outcomes))


if __name__ == "__main__":
    main()
