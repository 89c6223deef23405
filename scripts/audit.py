"""Looks for known holes in the locked packages with pip-audit: `python scripts/audit.py`, in `make check-security`.

Exit code 0: none is known. 1: some are, or the service that knows them is out of reach, which is said.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
# What pip-audit raises, or the libraries below it, where there is no network; and what it says where an index that has
# no such service answers in its place.
UNREACHABLE = (
    "ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError", "HTTPError", "ServiceError",
    "Dependency not found on PyPI",
)  # fmt: skip


def command() -> list[str]:
    """Every line of the lock file, as it stands; nothing is installed or resolved for it."""
    return [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--no-deps", "--disable-pip", "--strict"]


def verdict(code: int, said: str) -> tuple[int, str]:
    """The exit code, and what to print, of what pip-audit ended with and said."""
    if code and any(name in said for name in UNREACHABLE):
        return 1, "pip-audit could not reach its service of known vulnerabilities, so nothing is known: run it online."
    return code, said


def main() -> int:
    """The command."""
    ended = subprocess.run(command(), capture_output=True, text=True, check=False)
    code, said = verdict(ended.returncode, ended.stdout + ended.stderr)
    print(said.rstrip(), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
