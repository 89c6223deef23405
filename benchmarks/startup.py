"""How long a command makes people wait before it says anything: `python -m benchmarks.startup`."""

from __future__ import annotations

from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Work
from benchmarks.common.results import outcome
from benchmarks.common.setting import Setting
from benchmarks.common.turns import Entry, say, take_turns

SHORT_TURNS, TURNS = 3, 11
CALLS = {
    "own-help": ("lightune --help", ["-m", "lightune", "--help"]),
    "stock-imports": (
        "what a stock training script imports",
        ["-c", "from datasets import Dataset; from peft import get_peft_model; from transformers import Trainer"],
    ),
    "python": ("Python alone", ["-c", "pass"]),
}


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting) -> Outcome:
    """The help beside the imports that a script of one's own waits for."""
    say("start-up")
    entries = [
        Entry(name, title, "command", {"arguments": arguments}, setting.env())
        for name, (title, arguments) in CALLS.items()
    ]
    taken = take_turns(entries, setting.turns or (SHORT_TURNS if setting.short else TURNS), setting.log)
    peers = tuple(taken.peer(entry) for entry in entries[1:])
    case = Case("start-up", "until the help is there", SECONDS, Work(0, 0), taken.sides["own-help"], peers)
    return outcome("startup", setting, [case])


if __name__ == "__main__":
    main()
