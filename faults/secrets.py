"""Secrets of the environment and of addresses, looked for in all that the program writes and says."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
TOKENS = ("hf_PlantedTokenOfTheHub00000000000", "planted-token-in-an-address", "planted-key-of-the-server")
ENVIRONMENT = {
    "HF_TOKEN": TOKENS[0],
    "HUGGING_FACE_HUB_TOKEN": TOKENS[0],
    "HUGGINGFACE_HUB_TOKEN": TOKENS[0],
    "HF_ENDPOINT": f"https://user:{TOKENS[1]}@hub.test",
    "HTTPS_PROXY": f"http://user:{TOKENS[1]}@127.0.0.1:9",
    "LIGHTUNE_API_KEY": TOKENS[2],
    "HF_HUB_OFFLINE": "1",
}


def commands(out: Path) -> list[list[str]]:
    """What a user does with a small study, and one that cannot be."""
    study, wrong = str(out / "study"), f"https://user:{TOKENS[1]}@hub.test/rows.csv"
    small = ["--train-size", "48", "--validation-size", "20", "--test-size", "64", "--behaviour", "none"]
    small += ["--max-steps", "2", "--evaluations", "1"]
    rows = out / "in.csv"
    rows.write_text("text\nIt drags.\n", encoding="utf-8")
    return [
        ["study", "--model", "embedded", "--data", "embedded", *small, "--arms", "majority,lora", "--out", study],
        ["report", study],
        ["compare", study, study, "--out", str(out / "both.html")],
        ["predict", study, "--input", str(rows), "--output", str(out / "labelled.csv")],
        ["export", study, "--format", "merged", "--out", str(out / "merged")],
        ["study", "--model", wrong, "--data", "embedded", "--arms", "lora", *small, "--out", str(out / "no-model")],
        ["study", "--model", "embedded", "--data", wrong, "--arms", "tfidf", "--out", str(out / "no-data")],
    ]


def written(out: Path, short: bool = False) -> tuple[int, list[str]]:
    """Do all that with secrets planted, or the study alone (`short`). How many files were written, and those that hold
    one; what was said counts for a file each, but for the commands that were given one as a word."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": f"{ROOT / 'src'}"}
    out.mkdir()
    found = []
    for words in commands(out)[: 1 if short else None]:
        done = subprocess.run(
            [sys.executable, "-m", "lightune", *words], env=environment, capture_output=True, text=True, check=False
        )
        given = any(token in word for word in words for token in TOKENS)
        if done.returncode != (2 if given else 0):
            raise RuntimeError(f"lightune {' '.join(words)}: {done.returncode}: {done.stderr}")
        if not given and any(token in done.stdout + done.stderr for token in TOKENS):
            found.append(f"what `lightune {words[0]}` says")
    files = [path for path in out.rglob("*") if path.is_file()]
    return len(files), found + holding(files, TOKENS)


def holding(files: Sequence[Path], tokens: Sequence[str]) -> list[str]:
    """Those of the files that hold a token, in their names, as bytes, or within what is compressed."""
    return [str(path) for path in files if any(token in f"{path.name} {_content(path)}" for token in tokens)]


def _content(path: Path) -> str:
    data = path.read_bytes()
    if data[:4] == b"PAR1":
        table = pq.read_table(path)
        return f"{table.schema.metadata} {table.to_pylist()}"
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
