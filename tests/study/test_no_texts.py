"""`--no-texts`: nothing below the study's folder tells what anybody wrote."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from lightune.study import in_process, run_study
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import quick_config

pytestmark = pytest.mark.full

SECRET = "Xq7 Zanzibar"


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "reviews"
    folder.mkdir()
    for name, seed in (("train", 0), ("test", 1)):
        rows = [(f"{SECRET} {text}", label) for text, label in make_reviews(30, seed)]
        write_csv(folder / f"{name}.csv", rows)
    return folder


def _tells(folder):
    """Files below `folder` that hold the distinctive words; Parquet, which is compressed, by its values."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            values = repr(pq.read_table(path).to_pydict()).encode() if path.suffix == ".parquet" else path.read_bytes()
            if SECRET.encode() in values:
                found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def test_no_text_is_kept_and_the_report_says_so(tiny_gpt2, data, tmp_path):
    config = quick_config(tiny_gpt2, data, arms=("pretrained", "lora"), keep_texts=False)
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert [arm.status for arm in result.arms] == ["done", "done"]
    assert _tells(tmp_path / "out") == []
    assert not (tmp_path / "out" / "data").exists()
    for name in ("report.md", "report.html"):
        assert "kept without its texts" in (tmp_path / "out" / name).read_text()


def test_texts_that_are_kept_stand_in_the_data_and_in_the_report(tiny_gpt2, data, tmp_path):
    config = quick_config(tiny_gpt2, data, arms=("pretrained", "lora"))
    run_study(config, tmp_path / "out", executor=in_process)
    assert "data/test.parquet" in _tells(tmp_path / "out")
    assert set(_tells(tmp_path / "out")) <= {"data/test.parquet", "report.html", "report.md"}


def test_an_interrupted_study_keeps_no_text_either(tiny_gpt2, data, tmp_path):
    def stopped(spec, progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(quick_config(tiny_gpt2, data, keep_texts=False), tmp_path / "out", executor=stopped)
    assert _tells(tmp_path / "out") == []
