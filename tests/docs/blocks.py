"""The fenced code of the documents, and the remark that stands before each block and says whether a test runs it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = ("bash", "python")
# A block may take so long on a machine that has other work.
SECONDS = 400

_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<remark>[^>]*?) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block. remark: `run`, `skip: REASON`, or "" where nothing is said."""

    document: str
    line: int
    language: str
    remark: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.document}, line {self.line}"

    @property
    def runs(self) -> bool:
        return self.remark == "run"


def blocks(document: str) -> list[Block]:
    """The bash and Python blocks of a document, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = [
        Block(document, text.count("\n", 0, match.start()) + 1, match["language"], match["remark"] or "", match["code"])
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if block.language in RUNNABLE]


def environment() -> dict[str, str]:
    """This interpreter's programs first, and no hub."""
    programs = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}


def run(block: Block, folder: Path) -> str:
    """Run a block in `folder`; what it printed. A block that fails, or shows a traceback, fails the test."""
    command = ["bash", "-euo", "pipefail", "-c", block.code]
    if block.language == "python":
        command = [sys.executable, "-c", block.code]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{block.place}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{block.place}\n{done.stderr}"
    return done.stdout
