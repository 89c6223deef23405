"""An output that is a symbolic link: what it points to is written, and the link stays."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from lightune.errors import ConfigError
from lightune.inference import BatchRequest, predict_file


@pytest.fixture
def request_to(bag, tmp_path):
    given = tmp_path / "in.csv"
    given.write_text("text\ngood\nbad\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    return lambda target: BatchRequest({"": bag}, given, target)


@pytest.mark.parametrize("there", [False, True])
def test_a_link_stays_and_what_it_points_to_is_written(request_to, tmp_path, there):
    real, link = tmp_path / "elsewhere" / "real.csv", tmp_path / "out.csv"
    if there:
        real.write_text("an earlier one", encoding="utf-8")
    link.symlink_to(real)
    assert predict_file(request_to(link)) == 2
    assert link.is_symlink()
    assert not real.is_symlink()
    with real.open(encoding="utf-8", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ["good", "bad"]
    assert [path.name for path in tmp_path.glob("**/*.parts")] == []


def test_it_is_the_same_as_without_a_link(request_to, tmp_path):
    link = tmp_path / "out.csv"
    link.symlink_to("elsewhere/real")  # whatever its ending: the link's is what was asked for
    request = request_to(link)
    predict_file(request)
    predict_file(replace(request, target=tmp_path / "plain.csv"))
    assert (tmp_path / "elsewhere" / "real").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_a_link_that_leads_nowhere_is_refused(request_to, tmp_path):
    round_about, nowhere, to_input = (tmp_path / f"{name}.csv" for name in ("round", "nowhere", "same"))
    round_about.symlink_to(round_about)
    nowhere.symlink_to(tmp_path / "absent" / "out.csv")
    to_input.symlink_to(tmp_path / "in.csv")
    for link, said in (
        (round_about, "a link that leads back to itself"),
        (nowhere, "absent does not exist"),
        (to_input, "another file than the input"),
    ):
        with pytest.raises(ConfigError, match=said):
            predict_file(request_to(link))
    assert (tmp_path / "in.csv").read_text(encoding="utf-8") == "text\ngood\nbad\n"
