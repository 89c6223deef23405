"""The faults of checkpoints in a short form; and that they speak where something is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.full


def in_a_process_of_its_own(script: str) -> subprocess.CompletedProcess[str]:
    """Who forks must not have computed with torch, as other tests have."""
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_short_command_holds():
    found = in_a_process_of_its_own("import sys; from faults.checkpoints import main; sys.exit(main(['--short']))")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.count("  ok") == 3


# What checkpoints without their digests, or without the rename, would do.
BROKEN = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from faults import checkpoints
from lightune.data import load_splits
from lightune.training import checkpoints as own
{breaks}
with TemporaryDirectory() as folder:
    line = checkpoints.{check}
print(line.seen)
sys.exit(0 if line.holds else 3)
"""


# File by file, the manifest first, as a checkpoint that is written in place.
IN_PLACE = """
real = own.os.rename
def rename(old, new):
    Path(new).mkdir()
    for path in sorted(Path(old).iterdir(), key=lambda path: path.name != own.MANIFEST):
        real(path, Path(new) / path.name)
    Path(old).rmdir()
own.os.rename = rename
"""


@pytest.mark.parametrize(
    ("breaks", "check"),
    [
        ("own._check = lambda *_: None", "_damaged(Path(folder), load_splits(checkpoints.CONFIG.data), True)"),
        (
            IN_PLACE,
            "_at_writes(Path(folder), load_splits(checkpoints.CONFIG.data), 18)",
        ),
    ],
    ids=["no digests", "no rename"],
)
def test_a_guard_that_is_gone_is_seen(breaks, check):
    found = in_a_process_of_its_own(BROKEN.format(breaks=breaks, check=check))
    assert found.returncode == 3, found.stdout + found.stderr
