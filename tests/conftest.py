"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real reviews and models; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LIGHTUNE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the shared folder with IMDb stands beside the checkout only in CI")
    return folder
