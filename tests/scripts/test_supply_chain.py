"""What is locked has hashes and licences, and what looks for holes says when it could not."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_HASH = "torch"  # its builds differ by system and index


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The scripts can be imported."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield
    for name in ("audit", "licences"):
        sys.modules.pop(name, None)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {plain(name): version for name, version in pairs}


def test_every_locked_package_but_torch_has_hashes_of_its_version() -> None:
    text = (ROOT / "requirements.hashes").read_text()
    found = re.findall(r"^(\S+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    assert {plain(name): version for name, version, _ in found} == {
        name: version for name, version in locked().items() if name != NO_HASH
    }
    rest = [line for line in text.splitlines() if not re.match(r"#|\S+==\S+ \\$|    --hash=sha256:", line)]
    assert rest == []


def test_the_page_of_licences_is_in_step_with_what_is_locked() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (\d[^|]*) \| ([^|]+) \|$", (ROOT / "docs/licences.md").read_text(), re.MULTILINE)
    assert {plain(name): version for name, version, _ in rows} == locked()
    assert all(licence not in ("not said", "") for _, _, licence in rows)


def test_a_licence_is_taken_from_wherever_a_package_says_it(scripts: None) -> None:
    from email.message import Message

    from licences import licence

    def package(**fields: str | list[str]) -> Message:
        made = Message()
        for name, values in fields.items():
            for value in [values] if isinstance(values, str) else values:
                made[name.replace("_", "-")] = value
        return made

    osi = "License :: OSI Approved"
    assert licence(package(License_Expression="MIT AND Zlib", License="else")) == "MIT AND Zlib"
    assert licence(package(Classifier=["Topic :: x", osi, f"{osi} :: MIT License"], License="else")) == "MIT"
    assert licence(package(License="BSD 3-Clause License\n\nCopyright")) == "BSD-3-Clause"
    assert licence(package(Name="x")) == "not said"


def test_the_audit_says_when_its_service_is_out_of_reach(scripts: None) -> None:
    from audit import verdict

    assert verdict(0, "No known vulnerabilities found") == (0, "No known vulnerabilities found")
    assert verdict(1, "x 1.0 CVE-2026-1") == (1, "x 1.0 CVE-2026-1")
    code, said = verdict(1, "Traceback …\nrequests.exceptions.ConnectionError: …")
    assert (code, said.count("\n")) == (1, 0)
    assert "could not reach" in said


def test_bandit_is_asked_for_all_of_the_package() -> None:
    said = subprocess.run(["make", "-n", "check-security"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"bandit .*--configfile pyproject\.toml --recursive src$", said, re.MULTILINE)
    assert "scripts/audit.py" in said
