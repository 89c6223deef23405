"""Numbers as people read them. All are total: NaN, infinity and None become a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DASH = "–"
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
KIB, MIB, GIB = 2**10, 2**20, 2**30


def defined(value: float | None) -> bool:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def decimal(value: float | None, digits: int = 3) -> str:
    """A plain number: 0.4312 -> "0.431"; never "-0.000"."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:,.{digits}f}"
    if not float(text.replace(",", "")):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def percent(value: float | None, digits: int = 1) -> str:
    """A share: 0.813 -> "81.3 %"."""
    return decimal(value * 100, digits) + f"{SPACE}%" if value is not None and math.isfinite(value) else DASH


def bare_percent(value: float | None) -> str:
    """A share without its sign, for the ends of an interval: 0.813 -> "81.3"."""
    return decimal(value * 100, 1) if value is not None else DASH


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign: 0.31 -> "+31.0"; nothing before a zero."""
    if value is None or not math.isfinite(value):
        return DASH
    text = bare_percent(value)
    return text if text.startswith(MINUS) or not float(text.replace(",", "")) else f"+{text}"


def share(part: int, whole: int) -> str:
    """A part of a whole, small ones with one significant digit: 0.0002 -> "0.02 %"."""
    if whole <= 0:
        return DASH
    value = part / whole
    if part == 0 or value >= 0.001:
        return percent(value)
    return f"<{SPACE}0.01{SPACE}%" if value < 0.0001 else percent(value, 2)


def scientific(value: float | None) -> str:
    """A difference that should be close to nothing: "2.4e−07", "0"."""
    if value is None or not math.isfinite(value):
        return DASH
    return "0" if value == 0 else f"{value:.1e}".replace("-", MINUS)


def general(value: float | None) -> str:
    """A setting or a limit in as few digits as it has: "0.0005", "1e−05"."""
    return f"{value:g}".replace("-", MINUS) if value is not None and math.isfinite(value) else DASH


def limit(value: float | None) -> str:
    """A tolerance: "1e−05", "2.5e−04", "0"."""
    return scientific(value).replace(".0e", "e")


def count(value: float | None) -> str:
    """A whole number with thousands set off: 1234567 -> "1,234,567"."""
    return decimal(value, 0)


def rate(value: float | None) -> str:
    """Things a second: three digits are enough to read (12.3, 4,510)."""
    if value is None or not math.isfinite(value):
        return DASH
    return decimal(value, 1 if abs(value) < 100 else 0)


def p_value(value: float) -> str:
    """Two significant digits: "0.57", "0.0012", "< 0.001"."""
    if not math.isfinite(value):
        return DASH
    if value < 0.001:
        return f"<{SPACE}0.001"
    return f"{value:.{max(1, 1 - math.floor(math.log10(value)))}f}"


def p_phrase(value: float) -> str:
    """The same for a sentence: "p < 0.001", "p = 0.023"."""
    text = p_value(value)
    return f"p{SPACE}{text}" if text.startswith("<") else f"p{SPACE}={SPACE}{text}"


def seconds(value: float | None) -> str:
    """A time: "3 ms", "0.42 s", "42 s", "3 min 20 s", "1 h 12 min"."""
    if value is None or not math.isfinite(value) or value < 0:
        return DASH
    if value == 0:
        return f"0{SPACE}s"
    if value < 0.00995:
        return f"{'<' + SPACE if value < 0.001 else ''}{max(1, round(value * 1000))}{SPACE}ms"
    if value < 9.95:
        return decimal(value, 2 if value < 0.995 else 1) + f"{SPACE}s"
    whole = round(value)
    if whole < 60:
        return f"{whole}{SPACE}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours:,}{SPACE}h {minutes}{SPACE}min"


def size(value: float | None) -> str:
    """Bytes in binary units: "18.4 MiB", "296 MiB", "1.24 GiB", "12 KiB"."""
    if value is None or not math.isfinite(value) or value < 0:
        return DASH
    if value >= GIB:
        return decimal(value / GIB, 2) + f"{SPACE}GiB"
    if value >= MIB / 10:
        return decimal(value / MIB, 0 if value >= 100 * MIB else 1) + f"{SPACE}MiB"
    return decimal(math.ceil(value / KIB), 0) + f"{SPACE}KiB"


def setting(value: Any) -> str:
    """A configuration's value as plain words: None -> a dash, lists joined by commas, small floats short."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else DASH
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(item)}" for key, item in value.items()) or DASH
    if isinstance(value, list | tuple):
        return ", ".join(setting(item) for item in value) or DASH
    return str(value)
