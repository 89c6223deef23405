"""The fenced code of the documents, and the remark that stands before each block and says whether a test runs it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = ("bash", "python")

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
