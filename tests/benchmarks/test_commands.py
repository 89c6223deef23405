"""The commands from rows to table, on a tiny model: every side is started, warmed up and has its turns."""

import pytest
from benchmarks.common.records import Outcome
from benchmarks.common.rows import Reviews
from benchmarks.common.setting import C_ATTN, Setting, with_model
from benchmarks.common.surroundings import surroundings
from benchmarks.common.table import plain
from benchmarks.common.turns import Entry, take_turns, why
from benchmarks.common.worker import SideFailed, Worker

from benchmarks import inference, memory, serving, sweep, tokenising, training
from tests.fixtures.reviews import make_reviews

CUT = 24


@pytest.fixture(scope="module")
def setting(tiny_gpt2, tmp_path_factory) -> Setting:
    work = tmp_path_factory.mktemp("benchmarks")
    made = make_reviews(64)
    pool = Reviews(tuple(text for text, _ in made), tuple(int(label == "good") for _, label in made))
    setting = Setting(work / "tiny" / "base", pool, lambda: pool, work, 1, None, 0, True, C_ATTN)
    return with_model(setting, tiny_gpt2)


def sides(outcome: Outcome) -> dict[str, tuple[float, ...]]:
    """Every side's values; all peers have run."""
    found = {}
    for case in outcome.cases:
        assert case.ours is not None
        for side in (case.ours, *(peer.side for peer in case.peers)):
            assert side is not None
            found[side.name] = side.values
    return found


@pytest.mark.full
def test_training_runs_both_sides_in_turns(setting):
    case, _ = training.random_batches(setting, CUT)
    assert case.ours is not None
    (peer,) = case.peers
    assert peer.side is not None, peer.absent
    assert len(case.ours.values) == len(peer.side.values) == len(case.peak) == training.SHORT_TURNS
    assert case.work.rows == 16
    assert case.work.tokens <= peer.side.facts["tokens_with_padding"] <= 16 * CUT
    assert peer.side.facts["peak_bytes"] > 0
    assert "stock Trainer" in plain([training.outcome("training", setting, [case])])


@pytest.mark.full
def test_the_best_stock_is_grouped_and_compiled(setting):
    case, _ = training.best_stock(setting, CUT)
    assert [peer.absent for peer in case.peers] == [None, None]
    assert [peer.side.facts["compiles"] for peer in case.peers if peer.side] == [False, True]


@pytest.mark.full
def test_inference_compares_answers_with_the_pipelines(setting):
    outcome = inference.measure(setting, CUT, optimum=())
    assert set(sides(outcome)) == {"own-inference", "pipeline-16", "pipeline-1", "tfidf"}
    assert all(peer.side.facts.get("largest_difference", 0) < 1e-4 for peer in outcome.cases[0].peers if peer.side)


@pytest.mark.full
def test_the_server_answers_as_the_library_does(setting):
    outcome = serving.measure(setting, CUT)
    assert set(sides(outcome)) == {"own-serving", "own-inference"}


@pytest.mark.full
def test_memory_and_tokenising_and_the_stock_side_of_a_sweep(setting):
    found = memory.measure(setting, CUT)
    whole, extra = (case.ours.values[0] for case in found.cases if case.ours)
    assert 0 < extra < whole
    assert set(sides(tokenising.measure(setting, CUT))) == {"own-tokens", "call-one", "map-one", "call", "map"}
    (case,) = sweep.measure(setting, CUT).cases
    assert case.peers[0].side is not None


@pytest.mark.full
def test_a_peer_that_fails_is_left_out_with_its_reason_and_ours_is_not(tmp_path):
    env = surroundings(1)
    good = Entry("good", "good", "command", {"arguments": ["-c", "pass"]}, env)
    bad = Entry("bad", "bad", "command", {"arguments": ["-c", "raise SystemExit(3)"]}, env)
    taken = take_turns([good, bad], 2, lambda name: tmp_path / f"{name}.log")
    assert len(taken.sides["good"].values) == 2
    assert "exit status 3" in taken.absent["bad"]
    with pytest.raises(SideFailed, match="exit status 3"):
        take_turns([bad, good], 1, lambda name: tmp_path / f"{name}.log")


def test_the_reason_is_the_error_and_not_the_advice_below_it():
    said = SideFailed(
        "it ended with -9. log ends with:\nKeyError: 1\ntorch.InductorError: no compiler\nSet VERBOSE=1\n"
    )
    assert why(said) == "it ended with -9: torch.InductorError: no compiler"
    assert why(SideFailed("it ended with 3. log ends with:\n\nall I know")) == "it ended with 3: all I know"
    assert why(SideFailed("it never began")) == "it never began"


def test_what_a_side_prints_does_not_stand_between_its_answers(tmp_path):
    spec = {"arguments": ["-c", "print('loud')"]}
    with Worker("command", spec, surroundings(1), tmp_path / "log") as worker:
        assert worker.turn()["seconds"] > 0


def test_every_side_gets_the_same_threads_and_no_allocator_of_its_own(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/other.so")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    env = surroundings(3, extra={"TOKENIZERS_PARALLELISM": "false"})
    assert env["OMP_NUM_THREADS"] == env["MKL_NUM_THREADS"] == "3"
    assert not {"MALLOC_ARENA_MAX", "LD_PRELOAD", "OMP_WAIT_POLICY"} & set(env)
    assert surroundings(1, "/usr/lib/one.so")["LD_PRELOAD"] == "/usr/lib/one.so"
