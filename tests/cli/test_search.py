"""`lightune search` from the command line: what it says, writes and leaves with."""

import io
import json
import time

import pytest

from lightune.cli import search_view
from lightune.cli.output import PlainConsole
from lightune.cli.search_view import trials_view
from lightune.search import Searched, Trial
from tests.study.shared import write_reviews

OPTIONS = "--max-steps 4 --validation-size 12 --behaviour none"


@pytest.mark.full
def test_a_search_tells_of_its_trials_and_then_of_the_study(command, tiny_gpt2, tmp_path):
    data, out = write_reviews(tmp_path / "reviews", 40, 20), tmp_path / "out"
    words = f"search --model {tiny_gpt2} --data {data} --out {out} --trials 2 --top-blocks 1 {OPTIONS} --json"
    said = command(words)
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    trials = [line for line in lines if line["event"] == "trial"]
    assert [line["number"] for line in trials][:2] == [0, 1]
    assert set(trials[0]["values"]) == {"training.learning_rate", "lora.rank", "training.head_rate"}
    assert max(line["step"] for line in trials) == 4
    results = json.loads((out / "results.json").read_text())
    assert [arm["name"] for arm in results["arms"]] == ["lora"]
    assert results["config"]["methods"]["searched"] == 2
    assert results["arms"][0]["training"]["recipe"]["top_blocks"] == 1
    again = command(words)
    assert again.code == 0
    assert not any(json.loads(line)["event"] == "trial" for line in again.out.splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--trials 0", "--trials: at least 1 is expected, got 0."),
        ("--minutes 0", "--minutes: more than 0 is expected, got 0."),
        ("--workers 0", "--workers: at least 1 is expected, got 0."),
        ("--search rank=x", "--search rank: whole numbers from 1 on with commas between them are expected, got 'x'."),
        ("--search method=lora,full", "--method: one of lora, "),
        ("--method dora --search method=lora,ia3", "--method dora: it is none of --search method=lora,ia3."),
        ("--search target-modules=all,nothing", "--target-modules: 'nothing' is none of this model's linear layers"),
        ("--search top-blocks=1,9", "--top-blocks 9: the model has 2 blocks."),
        ("--storage nonsense", "--storage: a database's URL is expected"),
        ("--method full", "--method: one of lora, "),
        ("--top-blocks 9", "--top-blocks 9: the model has 2 blocks."),
    ],
)
def test_what_cannot_be_searched_leaves_with_2_and_writes_nothing(command, tiny_gpt2, tmp_path, words, said):
    data, out = write_reviews(tmp_path / "reviews", 40, 20), tmp_path / "out"
    found = command(f"search --model {tiny_gpt2} --data {data} --out {out} --top-blocks 1 {OPTIONS} {words}")
    assert found.code == 2
    assert said in found.err
    assert len(found.err.splitlines()) == 1
    assert not out.exists()


def test_each_look_at_a_trial_is_a_line(capsys):
    searched = Searched("", "accuracy", (3, 9))
    values = {"training.learning_rate": 1e-3, "lora.rank": 8}
    with trials_view(quiet=False, as_json=False) as on_trial:
        on_trial(Trial(0, values, (0.5, 0.75), 61.0), searched)
        on_trial(Trial(1, values, (float("nan"),), 1.0, "failed"), searched)
        on_trial(Trial(2, values, tries=1, reason="Its process was killed."), searched)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "trial 1: learning rate 0.001, rank 8: accuracy 0.7500 by step 9 of 9 (1.0 min)",
        "trial 2: learning rate 0.001, rank 8: diverged by step 3 of 9 (1.0 s)",
        "trial 3: learning rate 0.001, rank 8: tried again: Its process was killed. (0.0 s)",
    ]


def test_a_terminal_shows_that_it_is_at_work_before_the_first_look(monkeypatch):
    shown = io.StringIO()
    console = PlainConsole(force_terminal=True, file=shown, width=100)
    monkeypatch.setattr(search_view, "progress_console", lambda: console)
    with trials_view(quiet=False, as_json=False) as on_trial:
        until = time.monotonic() + 10  # another thread draws it
        while "reading the texts and the model" not in shown.getvalue():
            assert time.monotonic() < until
            time.sleep(0.01)
        on_trial(Trial(0, {"lora.rank": 8}, (0.5,), 1.0), Searched("", "accuracy", (3, 9)))
    assert "trial 1: rank 8: accuracy 0.5000 by step 3 of 9" in shown.getvalue()
