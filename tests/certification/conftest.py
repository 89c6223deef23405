"""Arms trained once a session for all tests that look at their certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certification.trained import Made, base_model, learn
from tests.cli.conftest import command
from tests.study.shared import finished

__all__ = ["command", "finished"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Made]:
    """Give an arm on a kind of base, trained for a few steps and saved; each once a session."""
    root = tmp_path_factory.mktemp("trained")
    made: dict[tuple[str, str], Made] = {}

    def get(arm: str, kind: str = "gpt2") -> Made:
        if (arm, kind) not in made:
            made[arm, kind] = learn(arm, base_model(root, kind), root / kind / arm)
        return made[arm, kind]

    return get


@pytest.fixture(scope="session")
def lora(trained: Callable[[str, str], Made]) -> Made:
    """LoRA on GPT-2."""
    return trained("lora", "gpt2")


@pytest.fixture(scope="session")
def bases_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where bases for trainings of a test's own lie."""
    return tmp_path_factory.mktemp("own-bases")
