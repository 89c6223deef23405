"""The tutorial's commands run, in an empty folder. A file of its own, so that it runs beside those of README."""

import pytest

from tests.docs.blocks import blocks, run


@pytest.mark.full
def test_tutorial_runs(tmp_path):
    for block in blocks("docs/tutorial.md"):
        if block.runs:
            run(block, tmp_path)
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()
    assert (tmp_path / "labelled.csv").is_file()
