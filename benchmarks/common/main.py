"""From the command line to the table, for every command."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.common.records import Outcome
from benchmarks.common.results import write
from benchmarks.common.setting import Setting, parser, setting_of
from benchmarks.common.table import plain


def command(description: str | None, measure: Callable[[Setting], Outcome]) -> None:
    """Read the options, measure, write the result and print its table."""
    options = parser(description or "").parse_args()
    result = measure(setting_of(options))
    write(result, options.results)
    print(plain([result]))
