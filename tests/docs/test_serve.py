"""What docs/serve.md shows works against a server, and what it says is as the code has it."""

import json
from dataclasses import replace

import pytest
from soak.fake import FakeHost
from soak.served import real, serving

from lightune.server.app import Service
from lightune.server.limits import Limits
from lightune.server.pace import BATCH_SECONDS, LEAST_TOKENS
from tests.docs.blocks import ROOT, blocks, run
from tests.study.shared import finished

__all__ = ["finished"]

DOCUMENT = "docs/serve.md"
TEXT = " ".join((ROOT / DOCUMENT).read_text(encoding="utf-8").split())


@pytest.mark.full
def test_serve_runs(finished, tmp_path):
    shown = [block for block in blocks(DOCUMENT) if block.runs]
    with serving(real(finished.folder), tmp_path / "log", threads=1) as server:
        said = [
            run(replace(block, code=block.code.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")), tmp_path)
            for block in shown
        ]
    predicted, explained = json.loads(said[0]), json.loads(said[1])
    assert predicted["models"] == ["lora", "pretrained"]
    assert len(predicted["answers"]) == 2
    assert "".join(piece["text"] for piece in explained["pieces"]) == "I expected a disaster and got a delight."
    assert said[2].strip() in ("bad", "good")


@pytest.mark.full
def test_every_path_and_metric_is_told():
    service = Service(FakeHost())
    assert [
        path
        for path in service.app.openapi()["paths"]
        if f"`{path}`" not in TEXT.replace("GET ", "").replace("POST ", "")
    ] == []
    names = [metric.name for metric in service.metrics.registry.collect()]
    assert [name for name in names if f"`{name}" not in TEXT] == []


def test_the_limits_are_told_as_they_are():
    most = Limits()
    for said in (
        f"up to {most.texts} `texts`", f"at most {most.characters:,} characters",
        f"`/v1/models`, at most {most.models}",
        f"a body above {most.body_bytes // 2**20} MiB or in more than {most.chunks:,} chunks",
        f"headers above {most.header_bytes // 2**10} KiB",
        f"within {most.header_seconds:.0f} s of a request's first byte",
        f"the whole request within {most.request_seconds:.0f} s", f"closed after {most.idle_seconds:.0f} s",
        f"takes nothing of its answer for {most.write_seconds:.0f} s", f"At most {most.connections:,} connections",
        f"when {most.waiting} wait", f"more than {most.wait_seconds:.0f} s", f"more than {most.drain_seconds:.0f} s",
        f"cannot be done within {most.drain_seconds:.0f} s", f"at least {LEAST_TOKENS:,} tokens",
    ):  # fmt: skip
        assert said in TEXT, said
    assert BATCH_SECONDS == 0.5
    assert "takes half a second" in TEXT
