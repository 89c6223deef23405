"""The table: what stands in it, in plain text and in Markdown; and results to disk and back."""

import pytest
from benchmarks.common.records import BYTES, SECONDS, Case, Outcome, Peer, Side, Work
from benchmarks.common.results import read, write
from benchmarks.common.table import HEADS, markdown, plain

WORK = Work(rows=16, tokens=4000, flops=1_400_000_000_000)
OURS = Side("own", "lightune", (10.0, 20.0, 10.0))
COMPILED = Side(
    "compiled", "best stock, torch.compile", (15.0, 30.0, 20.0), facts={"compiles": True, "warm_up_seconds": 520.0}
)
FLOOR = Side("tfidf", "TF-IDF", (0.1, 0.1, 0.1), facts={"no_model": True})


def outcome(
    *peers: Peer, ours: Side | None = OURS, unit: str = SECONDS, peak: tuple[float, ...] = (200.0, 100.0, 200.0)
):
    case = Case("training", "LoRA cut at 512", unit, WORK, ours, peers, peak, None if ours else "not built yet")
    return Outcome(
        "training", True, (case,), {"peak": {"by_library": {"oneDNN": {"gflops": 200.0, "shape": "512 x 8"}}}}
    )


def row(text: str, side: str) -> list[str]:
    """The cells of the Markdown line of a side."""
    (line,) = [line for line in text.splitlines() if f"| {side}" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rates_share_of_the_peak_and_ratio_are_those_of_the_turns():
    text = markdown([outcome(Peer(COMPILED, COMPILED.title))])
    # 16 reviews, 4,000 tokens and 1,400 GFLOP in 10 s; 140 of 200, 70 of 100 and 140 of 200 GFLOP/s.
    assert row(text, "lightune") == [
        "training: LoRA cut at 512", "lightune", "10.00 s", "1.6", "400", "140.0", "70 %", "1",
    ]  # fmt: skip
    assert row(text, "best stock")[2:] == ["20.00 s", "0.8", "200", "70.0", "47 %", "1.50 (1.50 to 2.00)"]


def test_compilation_is_counted_over_an_epoch_and_said_apart():
    text = plain([outcome(Peer(COMPILED, COMPILED.title))])
    # 520 s warm-up, of which 20 s were the steps; 1,562.5 turns of 20 s beside 10 s.
    assert "compiled for 500 s" in text
    assert f"better by {(500 + 1562.5 * 20) / (1562.5 * 10):.2f}." in text


def test_a_peer_without_a_model_has_no_flops():
    assert row(markdown([outcome(Peer(FLOOR, FLOOR.title))]), "TF-IDF")[5:7] == ["-", "-"]


def test_a_peer_that_could_not_run_says_why_and_so_does_ours():
    text = plain([outcome(Peer(None, "OpenVINO", "pip failed"))])
    assert "OpenVINO, not run " in text
    assert "Not run: OpenVINO: pip failed." in text
    text = markdown([outcome(Peer(COMPILED, COMPILED.title), ours=None)])
    assert row(text, "lightune, not run")[2:] == ["-"] * 6
    assert "- Not run: lightune (LoRA cut at 512): not built yet." in text
    assert row(text, "best stock")[-1] == "-"


def test_memory_is_written_in_mebibytes_and_compared_alike():
    ours = Side("own", "lightune", (2.0**30,))
    theirs = Side("stock", "stock Trainer", (3 * 2.0**30,))
    text = markdown([outcome(Peer(theirs, theirs.title), ours=ours, unit=BYTES, peak=())])
    assert row(text, "stock Trainer")[2:] == ["3,072 MiB", "-", "-", "-", "-", "3.00 (3.00 to 3.00)"]


def test_plain_columns_stand_below_each_other():
    text = plain([outcome(Peer(COMPILED, COMPILED.title), Peer(FLOOR, FLOOR.title))]).splitlines()
    assert text[0].split()[0] == HEADS[0]
    side = text[0].index("side")
    assert [line[side:].split("  ")[0] for line in text[2:5]] == ["lightune", COMPILED.title, "TF-IDF"]
    assert any("100 to 200" in line and "oneDNN 200 at 512 x 8" in line for line in text)


def test_results_are_the_same_after_a_way_over_the_disk(tmp_path):
    made = outcome(Peer(COMPILED, COMPILED.title), Peer(None, "OpenVINO", "pip failed"))
    path = write(made, tmp_path / "run")
    assert path.name == "training-short.json"
    assert plain([read(path)]) == plain([made])


def test_turns_that_one_side_lacks_are_no_table():
    short = Side("own", "lightune", (1.0,))
    with pytest.raises(ValueError):
        plain([outcome(Peer(COMPILED, COMPILED.title), ours=short)])
