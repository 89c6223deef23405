"""What each verb says and writes when all is well, and how `study` ends when it is not."""

from __future__ import annotations

import csv
import json
import os
import signal
from functools import partial

import pytest

import lightune
from lightune.arms.adapter import AdapterArm
from lightune.errors import RunError
from lightune.study import in_process
from lightune.version import VERSION
from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import done_by, never, snapshot, unchanged, write_reviews

pytestmark = pytest.mark.full

TEXTS = ("the plot is dull", 'a "joy"\nin two lines, größer 👍', "")


def _again(finished) -> list[str]:
    """The command that made the study."""
    config = finished.config
    return [
        *("study", "--model", config.model.source, "--data", config.data.source, "--arms", "pretrained,lora"),
        *("--behaviour", "none"),
        *("--max-steps", "80", "--learning-rate", "0.01", "--evaluations", "4", "--out", str(finished.folder)),
    ]


@pytest.fixture
def here(monkeypatch):
    """Let `lightune study` work in this process, with this executor."""

    def use(executor) -> None:
        monkeypatch.setattr("lightune.study.run_study", done_by(executor))

    return use


@pytest.fixture
def quick(tiny_gpt2, tmp_path, here) -> list[str]:
    """A study of two quick arms in this process."""
    here(in_process)
    data = write_reviews(tmp_path / "reviews", 30, 10)
    return [
        *("study", "--model", str(tiny_gpt2), "--data", str(data), "--arms", "lora,pretrained"),
        *("--max-steps", "2", "--evaluations", "1", "--out", str(tmp_path / "out")),
    ]


# ---------------------------------------------------------------------------------------------------------- study


def test_the_same_command_again_changes_nothing_and_says_that_it_kept_what_it_had(finished, command, here):
    here(never)
    with unchanged(finished.folder):
        said = command(*_again(finished))
    assert said.code == 0
    assert said.err.count("kept") == 2
    assert str(finished.folder / "report.html") in said.out.replace("\n", "")
    for arm in finished.result.arms:
        assert arm.name in said.out
        assert f"{100 * arm.metrics['accuracy'].value:.1f}" in said.out


def test_quiet_says_nothing(quick, command, tmp_path):
    said = command(*quick, "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (tmp_path / "out" / "results.json").exists()


def test_json_is_a_line_an_event_with_the_results_last(quick, command, tmp_path):
    said = command(*quick, "--json")
    assert (said.code, said.err) == (0, "")
    lines = [json.loads(line) for line in said.out.splitlines()]
    kinds = [line["event"] for line in lines]
    told = [kind for kind in kinds if kind not in ("progress", "evaluate")]
    assert told == ["data", *["start", "done"] * 2, "written", "result"]
    assert "metrics" in [line["phase"] for line in lines if line["event"] == "evaluate"]
    assert lines[0]["data"]["label_names"] == ["bad", "good"]
    steps = [line["done"] for line in lines if line.get("phase") == "train"]
    assert steps[-1] == 2
    assert lines[-1]["result"] == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert lines[-1]["out"] == str(tmp_path / "out")
    costs = {line["run"]["arm"]: line["cost"]["fit_seconds"] for line in lines if line["event"] == "done"}
    assert costs["lora"] > costs["pretrained"] == 0


@pytest.mark.parametrize("how", [[], ["--quiet"], ["--json"]])
def test_an_arm_that_failed_is_code_1_and_named_and_the_others_are_written(quick, command, tmp_path, monkeypatch, how):
    def broken(self, train, validation):
        raise RunError("It went wrong [for] a reason.")

    monkeypatch.setattr(AdapterArm, "fit", broken)
    said = command(*quick, *how)
    assert said.code == 1
    assert "Traceback" not in said.err + said.out
    assert "It went wrong [for] a reason." in (said.out if how == ["--json"] else said.err)
    if how == ["--quiet"]:
        assert (said.out, said.err.count("\n")) == ("", 1)
    result = lightune.load_result(tmp_path / "out")
    assert {arm.name: arm.status for arm in result.arms} == {"lora": "failed", "pretrained": "done"}


def _interrupt(spec, progress):
    raise KeyboardInterrupt


def _terminate(spec, progress):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("executor", "code"), [(_interrupt, 130), (_terminate, 143)])
def test_being_stopped_has_its_own_code_and_a_sentence(quick, command, here, executor, code):
    here(executor)
    before = signal.getsignal(signal.SIGTERM)
    said = command(*quick, "--quiet", "--debug")
    assert said.code == code
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "The same command goes on" in said.err
    assert signal.getsignal(signal.SIGTERM) is before


def test_only_a_study_promises_to_go_on(command, finished, monkeypatch):
    monkeypatch.setattr(lightune.inference, "load_classifier_folder", partial(_interrupt, None))
    said = command("predict", finished.folder, TEXTS[0])
    assert (said.code, said.err) == (130, "lightune: Interrupted.\n")


@pytest.mark.parametrize("before", ["--plan", "--estimate"])
def test_what_keeps_nothing_promises_nothing(command, quick, monkeypatch, before):
    for name in ("study_plan", "estimate_study"):
        monkeypatch.setattr(f"lightune.study.{name}", lambda *asked: _interrupt(None, None))
    said = command(*quick, before)
    assert (said.code, said.err) == (130, "lightune: Interrupted.\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("odd"), "odd"), (OSError(28, "No space left", "/full"), "cannot be written: No space left")],
)
def test_a_fault_of_the_program_or_the_machine_is_code_1_and_a_sentence(quick, command, monkeypatch, error, said):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("lightune.study.run_study", broken)
    plain, debug = command(*quick, "--quiet"), command(*quick, "--quiet", "--debug")
    assert (plain.code, plain.out, plain.err.count("\n")) == (1, "", 1)
    assert plain.err.startswith("lightune: ")
    assert said in plain.err
    assert debug.code == 1
    assert "Traceback" in debug.err


def test_a_reader_that_has_seen_enough_is_no_fault(quick, command, monkeypatch):
    def broken(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("lightune.study.run_study", broken)
    said = command(*quick, "--json")
    assert (said.code, said.out, said.err) == (0, "", "")


# -------------------------------------------------------------------------------------------------------- predict


def test_predict_as_json_is_a_line_a_text_with_exactly_these_keys(finished, command):
    said = command("predict", finished.folder, *TEXTS, "--json")
    assert (said.code, said.err) == (0, "")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["text"] for line in lines] == list(TEXTS)
    for line in lines:
        assert list(line) == ["text", "label", "score", "probabilities"]
        assert list(line["probabilities"]) == ["bad", "good"]
        assert sum(line["probabilities"].values()) == pytest.approx(1)
        assert line["score"] == line["probabilities"][line["label"]] == max(line["probabilities"].values())
    assert [line["label"] for line in lines] == [one.label for one in lightune.load(finished.folder).predict(TEXTS)]


def test_predict_with_the_baseline_has_its_answer_beside_the_arm_s(finished, command):
    (line,) = command("predict", finished.folder, TEXTS[0], "--json", "--baseline").out.splitlines()
    values = json.loads(line)
    assert list(values) == ["text", "label", "score", "probabilities", "baseline"]
    assert list(values["baseline"]) == ["label", "score", "probabilities"]
    own = lightune.load(finished.folder, "pretrained").predict([TEXTS[0]])[0]
    assert values["baseline"]["probabilities"] == pytest.approx(own.probabilities, abs=1e-6)
    assert values["baseline"]["probabilities"] != pytest.approx(values["probabilities"], abs=1e-6)


def test_predict_says_when_nothing_vouches_for_the_artefact(finished, command, tmp_path):
    stranger = save_classifier(tmp_path / "stranger", ("bad", "good"))
    said = command("predict", stranger, TEXTS[0], "--json")
    assert said.code == 0
    assert f"{stranger} is unverified" in said.err
    assert json.loads(said.out)["label"] in ("bad", "good")
    assert "unverified" not in command("predict", finished.folder, TEXTS[0]).err


def test_predict_for_people_shows_text_label_and_score(finished, command):
    said = command("predict", finished.folder, "the plot is dull [not markup]", "--baseline")
    answer = lightune.load(finished.folder).predict(["the plot is dull [not markup]"])[0]
    assert said.code == 0
    for part in ("the plot is dull [not markup]", "pre-trained", f"{answer.label} {100 * answer.score:.1f} %"):
        assert part in said.out


def test_predict_takes_an_arm_s_folder_and_a_named_arm(finished, command):
    by_arm = command("predict", finished.folder / "arms" / "pretrained", TEXTS[0], "--json")
    by_name = command("predict", finished.folder, TEXTS[0], "--json", "--arm", "pretrained")
    assert by_arm.code == by_name.code == 0
    assert by_arm.out == by_name.out
    assert by_name.out != command("predict", finished.folder, TEXTS[0], "--json").out


def test_predict_labels_a_whole_file(finished, command, tmp_path):
    given = write_csv(tmp_path / "in.csv", [(text, "001") for text, _ in make_reviews(5)], ("text", "id"))
    said = command("predict", finished.folder, "--input", given, "--output", tmp_path / "out.csv", "--baseline")
    assert said.code == 0
    assert "5 rows" in said.out
    assert str(tmp_path / "out.csv") in said.out
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["text"], row["id"]) for row in rows] == [(text, "001") for text, _ in make_reviews(5)]
    assert {"label", "score", "p_bad", "p_good", "baseline_label"} <= set(rows[0])


# ------------------------------------------------------------------------------------------------ inspect, report


@pytest.fixture
def messy(tmp_path):
    rows = make_reviews(20)
    write_csv(tmp_path / "train.csv", [*rows, rows[0], ("", "good")])
    write_csv(tmp_path / "test.csv", [*make_reviews(6, seed=1)[:5], rows[3], ("long " * 100, "bad")])
    return tmp_path


def test_inspect_counts_what_a_trainer_should_know(messy, tiny_gpt2, command):
    said = command("inspect", "--data", messy, "--model", tiny_gpt2, "--json")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    found = json.loads(said.out)
    train, test = found["splits"]["train"], found["splits"]["test"]
    assert (found["text_column"], found["label_column"], found["label_names"]) == ("text", "label", ["bad", "good"])
    assert (train["rows"], train["empty_texts"], train["duplicate_texts"]) == (22, 1, 1)
    assert sum(train["labels"].values()) == 22
    assert (test["rows"], test["train_overlap"], test["cut_rows"]) == (7, 1, 1)
    assert test["words"]["max"] == 100
    assert test["tokens"]["max"] > found["max_length"] == 64


def test_inspect_shows_people_the_same(messy, tiny_gpt2, command):
    said = command("inspect", "--data", messy)
    assert said.code == 0
    for part in ("rows", "22", "label good", "empty texts", "text stands in train too", "words: mean / median"):
        assert part in said.out
    assert "tokens" not in said.out
    assert "cut at 64 tokens" in command("inspect", "--data", messy, "--model", tiny_gpt2).out


@pytest.mark.parametrize("study", ["finished", "three_labels"])
def test_a_report_made_again_is_the_same_byte_for_byte(study, request, command, tmp_path):
    done = request.getfixturevalue(study)
    folder = done.copy(tmp_path / "copy")
    for name in ("report.html", "report.md"):
        (folder / name).unlink()
    said = command("report", folder)
    assert said.code == 0
    assert str(folder / "report.html") in said.out
    assert snapshot(folder) == snapshot(done.folder)


# ------------------------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize("verb", ["study", "search", "predict", "export", "push", "inspect", "report"])
def test_each_verb_has_help_with_its_options(verb, command):
    said = command(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"lightune {verb}" in said.out or f"{verb} [OPTIONS]" in said.out
    assert verb in command("--help").out


def test_the_version_is_told(command):
    assert command("--version").out == f"lightune {VERSION}\n"


def test_no_words_at_all_get_the_help(command):
    said = command()
    assert said.code in (0, 2)
    assert "Traceback" not in said.err
    assert "Usage: " in said.out + said.err
    assert "study" in said.out + said.err
