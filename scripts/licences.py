"""Lists the licences of all locked packages, from what they say themselves: `python scripts/licences.py --write`.

They must be installed. docs/licences.md is what it writes; a test compares that with requirements.lock.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, PAGE = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
PREFIX = "License :: "
# Longer ones are a licence's whole text; its first line names it.
LONGEST = 80
# What classifiers and free text say, as SPDX names it.
SPDX = {
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "new BSD License": "BSD-3-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
INTRODUCTION = """# Licences

What the packages in `requirements.lock` say of their licences: all that lightune, its tests and its optional parts use.
`pip install lightune` takes some of them. None is part of lightune. Written by `python scripts/licences.py --write`.

"""


def locked() -> list[tuple[str, str]]:
    """Name and version of each locked package, in the order of the file."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [(name, version) for name, _, version in (line.partition("==") for line in lines) if version]


def licence(package: PackageMetadata) -> str:
    """The licence that a package names: as an SPDX expression where it has one, else in its own words."""
    expression = package.get("License-Expression")
    if expression:
        return str(expression)
    named = [one.rpartition(" :: ")[2] for one in package.get_all("Classifier", []) if one.startswith(PREFIX)]
    text = str(package.get("License") or "").strip()
    first = text.splitlines()[0].strip() if text else ""
    found = [one for one in named if one != "OSI Approved"] or ([first] if 0 < len(first) <= LONGEST else [])
    return " OR ".join(dict.fromkeys(SPDX.get(one, one) for one in found)) or "not said"


def page() -> str:
    """The whole page. Raises SystemExit where a package is not installed as locked."""
    rows = []
    for name, version in locked():
        try:
            package = metadata(name)
        except PackageNotFoundError as error:
            raise SystemExit(f"{name} is not installed. Run `make install` first.") from error
        if re.sub(r"\+.*", "", package["Version"]) != version:
            raise SystemExit(f"{name} is installed as {package['Version']}, and locked as {version}.")
        rows.append((name, version, licence(package)))
    counts = Counter(kind for _, _, kind in rows).most_common()
    shares = "".join(f"| {kind} | {count} |\n" for kind, count in counts)
    table = "".join(f"| {name} | {version} | {kind} |\n" for name, version, kind in rows)
    return (
        f"{INTRODUCTION}| licence | packages |\n|---|---|\n{shares}\n"
        f"| package | version | licence |\n|---|---|---|\n{table}"
    )


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}, instead of printing it")
    text = page()
    if made.parse_args().write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
