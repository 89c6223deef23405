"""A study from a file: `lightune study --config FILE`, and the options that are given beside it."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, is_dataclass, replace

import pytest

from lightune.cli.config_file import KEYS
from lightune.cli.study import study
from lightune.config import (
    AnalysisConfig,
    CurveConfig,
    DataConfig,
    LoraConfig,
    MethodsConfig,
    ModelConfig,
    ProbeConfig,
    StudyConfig,
    TrainingConfig,
    ZeroShotConfig,
    config_to_yaml,
)
from lightune.report import load_result
from lightune.study import in_process, run_study
from tests.study.shared import done_by, write_reviews

EVERYTHING = StudyConfig(
    model=ModelConfig("a model, of \"ours\"", 128, "tail"),
    data=DataConfig("my reviews.csv", "text: #1", "001", "cut", "author", "yes", 50, 20, 30, 3),
    arms=("lora", "ia3", "api=answers, all.csv"),
    training=TrainingConfig(
        0.5, 12, 1e-5, 4, 2, "cosine", 0.25, 0.1, 0.5, 3, 0, "macro_f1", "balanced", True, 2, "bfloat16", 1000, 3.0
    ),
    lora=LoraConfig(4, 8.5, 0.25, ("c_attn", "c_proj")),
    methods=MethodsConfig({"ia3": {"feedforward_modules": ["a", "b"]}, "vera": {"r": 64}}, 0, 20),
    probe=ProbeConfig("mean"),
    zero_shot=ZeroShotConfig(("{text}\n\nIt is {label}",), {"yes": "good|fine", "no": " bad"}, False),
    curve=CurveConfig((20, 40), ("lora",), 2),
    analysis=AnalysisConfig(("source",), "none", "more.csv"),
    seed=7,
    seeds=3,
    keep_texts=False,
)  # fmt: skip


@pytest.fixture
def asked(command, monkeypatch, tmp_path):
    """Run `lightune study` with the words; the configuration that it would run."""
    seen = []
    monkeypatch.setattr("lightune.cli.study.run", lambda config, *_: seen.append(config) or 0)

    def ask(*words: object) -> StudyConfig:
        said = command("study", "--out", tmp_path / "out", *words)
        assert (said.code, said.err) == (0, "")
        return seen.pop()

    return ask


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my study.yaml"
    path.write_text(config_to_yaml(EVERYTHING), encoding="utf-8")
    return path


def _leaves(kind, section=""):
    for field in fields(kind):
        inner = getattr(StudyConfig(), field.name, None) if not section else None
        if is_dataclass(inner):
            yield from _leaves(type(inner), field.name)
        else:
            yield section, field.name


def test_every_key_of_the_file_has_its_option_and_every_option_its_key():
    # What a search has found is nobody's to say.
    assert set(KEYS.values()) == set(_leaves(StudyConfig)) - {("methods", "searched"), ("methods", "searched_over")}
    assert set(KEYS) <= set(inspect.signature(study).parameters)


def test_all_options_come_from_the_file(asked, file):
    assert asked("--config", file) == EVERYTHING


def test_a_folder_stands_for_its_config(asked, file):
    file.rename(file.with_name("config.yaml"))
    assert asked("--config", file.parent) == EVERYTHING


def test_without_a_file_nothing_changes(asked):
    assert asked() == StudyConfig()
    assert asked("--epochs", "2") == StudyConfig(training=TrainingConfig(epochs=2))


def test_what_the_file_leaves_out_takes_its_default(asked, file):
    file.write_text("training: {epochs: 2}\n")
    assert asked("--config", file) == StudyConfig(training=TrainingConfig(epochs=2))


def test_given_options_win_even_with_their_default_values(asked, file):
    found = asked("--config", file, "--seeds", "1", "--arms", "lora", "--data-seed", "0", "--model", "gpt2")
    assert found == replace(
        EVERYTHING,
        seeds=1,
        arms=("lora",),
        data=replace(EVERYTHING.data, seed=0),
        model=replace(EVERYTHING.model, source="gpt2"),
    )


def test_each_option_can_be_given_beside_the_file(asked, file):
    file.write_text("")
    given = (
        *("--model", "m", "--max-length", "9", "--truncate", "tail", "--data", "d", "--text-column", "t"),
        *("--label-column", "l", "--split-column", "s", "--group-column", "g", "--positive-label", "p"),
        *("--train-size", "5", "--validation-size", "4", "--test-size", "3", "--data-seed", "2", "--arms", "tfidf"),
        *("--epochs", "2", "--max-steps", "8", "--learning-rate", "0.5", "--head-rate", "2", "--batch-size", "3"),
        *("--accumulation", "2", "--schedule", "cosine", "--warmup", "0.5", "--weight-decay", "0.5"),
        *("--max-grad-norm", "2", "--evaluations", "2", "--patience", "1", "--select-by", "f1"),
        *("--class-weights", "balanced", "--frozen-dropout", "--top-blocks", "1", "--trunk-cache", "none"),
        *("--trunk-cache-bytes", "7", "--rank", "2", "--alpha", "3", "--dropout", "0.5", "--target-modules", "a,b"),
        *("--set", "vera.r=64", "--rate-trials", "1", "--template", "{text} {label}", "--label-words", "a=b"),
        *("--no-calibration", "--pooling", "mean", "--curve", "4,5", "--curve-arms", "tfidf", "--curve-seeds", "2"),
        *("--label-next", "n.csv", "--slice", "c", "--behaviour", "none", "--no-texts", "--seed", "4", "--seeds", "2"),
    )
    assert {word for word in given if word.startswith("--")} | {"--folds", "--repeats"} == {
        {"set_option": "--set", "slice_by": "--slice"}.get(name, f"--{name.replace('_', '-')}") for name in KEYS
    }
    assert asked("--config", file, *given) == asked(*given) != StudyConfig()
    folds = ("--folds", "3", "--repeats", "2")
    assert asked("--config", file, *folds) == asked(*folds) != StudyConfig()


def test_an_option_of_a_method_is_added_to_those_of_the_file(asked, file):
    methods = asked("--config", file, "--set", "vera.r=8", "--set", "lora.use_dora=true").methods
    assert methods.options == {
        "ia3": {"feedforward_modules": ["a", "b"]},
        "vera": {"r": 8},
        "lora": {"use_dora": True},
    }


def test_what_a_search_found_is_not_called_so_once_it_is_changed(asked, file):
    assert asked("--config", file, "--seeds", "2", "--learning-rate", "1e-5").methods.searched == 20
    assert asked("--config", file, "--learning-rate", "1e-4").methods.searched == 0
    assert asked("--config", file, "--set", "vera.r=8").methods.searched == 0


def test_file_and_options_must_go_together(command, file, tmp_path):
    said = command("study", "--out", tmp_path / "out", "--config", file, "--folds", "3")
    assert (said.code, said.out) == (2, "")
    assert "--seeds 3: with --folds each arm is trained anew on each fold" in said.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sead: 1", "sead"),
        ("training: {epochs: many}", "a number is expected, got 'many' @ $.training.epochs"),
        ("training: {epochs: 0}", ": training.epochs: more than 0 is expected, got 0"),
        ("data: {seed: -1}", ": data.seed: 0 or more is expected"),
        ("data: {folds: 3}\nseeds: 2", ": seeds 2: with data.folds each arm"),
        ("methods: {options: {nonsense: {r: 1}}}", ": methods.options nonsense: a method is expected"),
        ("seed: 1\nlora: {rank: 2}\nseed: 2", "has the key 'seed' twice"),
        ("lora: {rank: 2, rank: 3}", "has the key 'rank' twice"),
        ("- lora", "a mapping of options, got list"),
        ("a: [", "is not YAML"),
        (b"\xff\xfe\x00", "no UTF-8 text"),
        (b"#" * 1_000_001, "at most 1,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_the_file_and_the_key(command, tmp_path, text, said):
    file = tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = command("study", "--config", file, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"lightune: {file}: ")
    assert said in found.err
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_a_sentence(command, tmp_path):
    for path, what in ((tmp_path / "no.yaml", "there is none"), (tmp_path, "it holds no config.yaml")):
        said = command("study", "--config", path, "--out", tmp_path / "out")
        assert (said.code, said.err) == (
            2,
            f"lightune: {path}: a study's configuration in YAML, or its folder, is expected, but {what}.\n",
        )


@pytest.mark.full
def test_the_configuration_of_a_finished_study_gives_the_same_study_elsewhere(command, monkeypatch, tmp_path):
    config = StudyConfig(
        data=DataConfig(str(write_reviews(tmp_path / "reviews", 60, 20)), train_size=40, seed=1),
        arms=("majority", "tfidf"),
        analysis=AnalysisConfig(behaviour="none"),
        seed=3,
    )
    first, again = tmp_path / "first", tmp_path / "again"
    run_study(config, first, executor=in_process)
    monkeypatch.setattr("lightune.study.run_study", done_by(in_process))
    said = command("study", "--config", first, "--out", again, "--quiet")
    assert (said.code, said.err) == (0, "")
    assert (again / "config.yaml").read_bytes() == (first / "config.yaml").read_bytes()
    records = [path.relative_to(first) for path in first.glob("runs/*/record.json")]
    assert len(records) == 2
    for record in records:
        one, other = (json.loads((folder / record).read_text()) for folder in (first, again))
        assert one["fingerprint"] == other["fingerprint"]
    metrics = [{arm.name: arm.metrics for arm in load_result(folder).arms} for folder in (first, again)]
    assert metrics[0] == metrics[1]
