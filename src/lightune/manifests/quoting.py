"""Any string as one word of a shell, one value of YAML, one argument in a pod: it comes out there as it was, whatever
it holds, and starts nothing."""

from __future__ import annotations

import json
import shlex

import yaml

# So wide that no line is folded.
_WIDE = 10**9


def shell(value: object) -> str:
    """One word for bash, on one line and of printable characters."""
    text = str(value)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_ansi_c(sign) for sign in text) + "'"


def path(value: str) -> str:
    """A path that no program takes for an option."""
    return f"./{value}" if value.startswith("-") else value


def yaml_text(value: object) -> str:
    """One value of YAML, always a text, on one line."""
    return yaml.safe_dump(str(value), default_style='"', allow_unicode=True, width=_WIDE).rstrip("\n")


def argument(value: object) -> str:
    """One argument or variable of a container, where Kubernetes itself replaces `$(NAME)` and reads `$$` as `$`."""
    return yaml_text(str(value).replace("$", "$$"))


def block(text: str, indent: int) -> str:
    """A text of several lines as a value of YAML: as it reads where each line is printable, else on one line."""
    lines = text.split("\n")
    if not text.endswith("\n") or text.endswith("\n\n") or lines[0][:1] in ("", " ") or not _printable(lines):
        return yaml_text(text)
    return "|\n" + "\n".join(" " * indent + line if line else "" for line in lines[:-1])


def remark(value: object) -> str:
    """A string inside a comment: on one line, its own bounds visible, of plain ASCII."""
    return json.dumps(str(value))


def _printable(lines: list[str]) -> bool:
    return all(line.isprintable() for line in lines)


def _ansi_c(sign: str) -> str:
    if sign in "\\'":
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    return "".join(f"\\{byte:03o}" for byte in sign.encode("utf-8", "surrogateescape"))
