"""What docs/behaviour.md says is true."""

import re
from pathlib import Path

import numpy as np

from lightune.behaviour import suite_from_yaml, texts
from lightune.behaviour.alterations import ALTERATIONS
from lightune.behaviour.applicability import NEGATIVE, NEUTRAL, POSITIVE
from lightune.behaviour.checking import CASES, MOST_TESTS, TOLERANCE
from lightune.behaviour.suite import KINDS
from tests.behaviour.helpers import built_in
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_its_suite_loads_and_has_each_kind_and_change() -> None:
    suite = suite_from_yaml(block("yaml"))
    assert {test.kind for test in suite.tests} == set(KINDS)
    assert all(test.cases for test in suite.tests)
    about = next(test for test in suite.tests if test.name == "Requests")
    assert {case.label for case in about.cases} == {"billing", "technical"}


def test_its_python_runs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("helpdesk.yaml").write_text(block("yaml"), encoding="utf-8")
    names = {"probabilities": np.full((len(texts(suite_from_yaml(block("yaml")))), 3), 1 / 3)}
    exec(block("python"), names)
    assert all(test.scores["lora"].rate.value == 0 for test in names["tests"] if test.kind != KINDS[0])


def test_its_numbers_and_names_are_the_program_s() -> None:
    tests = built_in().tests
    capabilities = {test.capability for test in tests}
    assert {len(test.cases) for test in tests} == {CASES}
    assert f"{len(tests)} tests of {CASES} cases in {len(capabilities)} capabilities" in PAGE
    for name in capabilities:
        assert re.sub("^The ", "", name).lower() in " ".join(PAGE.split())
    for name in (*KINDS, *ALTERATIONS):
        assert f"`{name}`" in PAGE
    for name in (*NEGATIVE, *POSITIVE, *NEUTRAL):
        assert name in PAGE
    assert f"{TOLERANCE} unless given" in PAGE
    assert f"{CASES} unless given" in PAGE
    assert f"up to {MOST_TESTS}" in PAGE
