import shlex
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lightune.cli.main import main
from tests.fixtures.bases import bases
from tests.fixtures.batch import bag, lora
from tests.study.shared import finished, three_labels

__all__ = ["bag", "bases", "command", "finished", "lora", "three_labels"]


@dataclass(frozen=True)
class Said:
    """What a command left with and said."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run `lightune` in this process: words, or one string of them as a shell would split it."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> Said:
        capsys.readouterr()
        split = (
            shlex.split(words[0]) if len(words) == 1 and isinstance(words[0], str) else [str(word) for word in words]
        )
        code = main(split)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
