"""Two studies on the rows they share, joined by row id and label name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightune.errors import InputError
from lightune.evaluation import compare, mcnemar, score, wilson
from lightune.predictions import write_predictions
from lightune.records import (
    SCHEMA_VERSION,
    ArmResult,
    CrossValidation,
    DataFacts,
    Metric,
    Predictions,
    SideBySide,
    SplitFacts,
    StudyResult,
    dumps,
    from_json,
    to_json,
)
from lightune.study import side_by_side

pytestmark = pytest.mark.full

NAMES = ("bad", "good")


def answers(
    rows: Sequence[int], arm: str = "lora", skill: float = 1.0, names: tuple[str, ...] = NAMES, **changes: object
) -> Predictions:
    """Predictions of the rows with these numbers. The truth and the chance in each are the row's and the arm's own."""
    logits = np.array([np.random.default_rng([row, len(arm), int(100 * skill)]).normal(size=2) for row in rows])
    truths = np.array([row * 7 % 5 % 2 for row in rows])
    logits[np.arange(len(rows)), truths] += skill
    powers = np.exp(logits)
    order = [NAMES.index(name) for name in names]
    made = Predictions(
        arm=arm,
        split="test",
        train_size=100,
        seed=0,
        label_names=names,
        row_ids=tuple(f"{row:04x}-0" for row in rows),
        labels=np.argsort(order)[truths],
        probabilities=(powers / powers.sum(axis=1, keepdims=True))[:, order],
    )
    return replace(made, **changes)


def save_study(folder: Path, arms: Mapping[str, Sequence[Predictions]], **changes: object) -> Path:
    """A finished study's folder with these predictions; an arm without any has failed."""
    metric = {"accuracy": Metric(0.5, 0.4, 0.6)}
    first = next(parts[0] for parts in arms.values() if parts)
    results = tuple(
        ArmResult(arm, "done" if parts else "failed", None if parts else "It broke.", metric if parts else {},
                  (), None, (), {}, None)
        for arm, parts in arms.items()
    )  # fmt: skip
    splits = {"train": SplitFacts(100, {}, 0, 0), "test": SplitFacts(len(first.row_ids), {}, 0, 0)}
    facts = DataFacts("reviews.csv", "f" * 64, first.label_names, "good", "text", "label", splits, 0)
    config = {"model": {"source": "tiny", "max_length": None, "truncate": "head"}, "seed": 0}
    result = replace(StudyResult(SCHEMA_VERSION, config, {}, facts, results, ()), **changes)
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(dumps(result), encoding="utf-8")
    for arm, parts in arms.items():
        if parts:
            write_predictions(folder / "predictions" / f"{arm}.parquet", arm, parts)
    return folder


def study(folder: Path, rows: Sequence[int], **skills: float) -> Path:
    return save_study(folder, {arm: [answers(rows, arm, skill)] for arm, skill in skills.items()})


def test_arms_are_measured_and_compared_on_the_shared_rows_alone(tmp_path):
    a = study(tmp_path / "a", range(300), lora=1.0, tfidf=0.2)
    b = study(tmp_path / "b", range(299, 99, -1), lora=2.0, full=1.5)
    found = side_by_side(a, b)
    shared = range(100, 300)
    assert (found.a.rows, found.b.rows, found.in_both, found.rows, found.other_truths) == (300, 200, 200, 200, 0)
    assert [(one.study, one.arm) for one in found.scores] == [
        ("A", "lora"),
        ("A", "tfidf"),
        ("B", "lora"),
        ("B", "full"),
    ]
    for one, skill in zip(found.scores, (1.0, 0.2, 2.0, 1.5), strict=True):
        part = answers(shared, one.arm, skill)
        right = int((part.probabilities.argmax(axis=1) == part.labels).sum())
        assert one.accuracy == wilson(right, 200)
        assert one.f1 == score([part], 1).metrics["f1"]
    (pair,) = found.pairs
    wanted = compare(answers(shared, "lora", 1.0), answers(shared, "lora", 2.0), 1)
    assert pair.comparison == replace(wanted, p_holm=wanted.p_value)
    assert wanted.p_value == mcnemar(wanted.wins, wanted.losses) < 0.05
    assert pair.better == "B"
    assert (found.best.comparison.a, found.best.comparison.b, found.best.better) == ("lora", "lora", "B")
    assert np.isnan(found.best.comparison.p_holm)


def test_the_other_way_round_every_difference_changes_its_sign(tmp_path):
    a, b = study(tmp_path / "a", range(200), lora=1.0), study(tmp_path / "b", range(100, 300), lora=3.0)
    one, other = side_by_side(a, b).best, side_by_side(b, a).best
    assert one.comparison.delta_accuracy.value == -other.comparison.delta_accuracy.value != 0
    assert (one.comparison.wins, one.comparison.losses) == (other.comparison.losses, other.comparison.wins)
    assert (one.better, other.better) == ("B", "A")


def test_a_study_beside_itself_differs_in_nothing(tmp_path):
    folder = study(tmp_path / "a", range(50), lora=1.0, tfidf=0.5)
    found = side_by_side(folder, folder)
    assert found.differences == ()
    for pair in (*found.pairs, found.best):
        assert pair.comparison.delta_accuracy == Metric(0, 0, 0) == pair.comparison.delta_f1
        assert (pair.comparison.p_value, pair.better) == (1, "")


def test_holm_counts_every_arm_that_both_have(tmp_path):
    a = study(tmp_path / "a", range(200), lora=1.0, tfidf=0.5, probe=1.0)
    b = study(tmp_path / "b", range(200), lora=1.6, tfidf=0.5, probe=1.0)
    pairs = {pair.comparison.a: pair.comparison for pair in side_by_side(a, b).pairs}
    assert pairs["lora"].p_holm == pytest.approx(3 * pairs["lora"].p_value)
    assert pairs["tfidf"].p_holm == 1


def test_probabilities_are_joined_by_label_name_whatever_the_order(tmp_path):
    a = study(tmp_path / "a", range(100), lora=1.0)
    b = save_study(tmp_path / "b", {"lora": [answers(range(100), skill=2.0, names=("good", "bad"))]})
    straight = study(tmp_path / "c", range(100), lora=2.0)
    turned, plain = side_by_side(a, b), side_by_side(a, straight)
    assert turned.pairs == plain.pairs
    assert turned.scores == plain.scores
    assert [(one.what, one.a, one.b) for one in turned.differences] == [("labels in order", "bad, good", "good, bad")]


def test_rows_with_another_true_label_are_counted_named_and_left_out(tmp_path):
    part = answers(range(100))
    labels = part.labels.copy()
    labels[:12] = 1 - labels[:12]
    a = study(tmp_path / "a", range(100), lora=1.0)
    b = save_study(tmp_path / "b", {"lora": [replace(part, labels=labels)]})
    found = side_by_side(a, b)
    assert (found.in_both, found.other_truths, found.rows, len(found.shown)) == (100, 12, 88, 10)
    first = found.shown[0]
    assert (first.row_id, first.a, first.b) == ("0000-0", NAMES[part.labels[0]], NAMES[labels[0]])
    assert found.best.comparison.delta_accuracy.value == 0
    assert found.best.comparison.rows == 88


def test_the_run_on_the_most_rows_with_the_lowest_seed_stands_for_an_arm(tmp_path):
    runs = [answers(range(60), skill=skill, train_size=size, seed=seed)
            for skill, size, seed in ((0.1, 50, 0), (0.2, 400, 4), (3.0, 400, 3), (0.3, 100, 0))]  # fmt: skip
    extra = answers(range(60), skill=0.0, train_size=400, seed=0, split="handwritten")
    found = side_by_side(
        save_study(tmp_path / "a", {"lora": [*runs, extra]}), study(tmp_path / "b", range(60), lora=3.0)
    )
    assert (found.scores[0].train_size, found.scores[0].seed) == (400, 3)
    assert found.best.comparison.delta_accuracy == Metric(0, 0, 0)


def _folds(repeats: int = 2) -> list[Predictions]:
    """Three folds of 90 rows; those of the second repeat know nothing."""
    return [
        answers(range(at % 3, 90, 3), skill=1.0 if at < 3 else 0.0, train_size=60, seed=at) for at in range(3 * repeats)
    ]


def test_the_folds_of_the_first_repeat_stand_for_a_cross_validated_arm(tmp_path):
    folded = {"cross_validation": CrossValidation(3, 2)}
    a = save_study(tmp_path / "a", {"lora": _folds()}, **folded)
    found = side_by_side(a, study(tmp_path / "b", range(90), lora=1.0))
    assert (found.a.rows, found.rows) == (90, 90)
    assert found.best.comparison.delta_accuracy == Metric(0, 0, 0)
    assert any("share training rows" in note for note in found.notes)
    assert ("cross-validation", "3 folds, 2 times", "no") in [(one.what, one.a, one.b) for one in found.differences]


def test_an_arm_with_a_fold_missing_is_left_out_aloud(tmp_path):
    parts = {"lora": _folds(1)[:2], "probe": [replace(part, arm="probe") for part in _folds(1)]}
    a = save_study(tmp_path / "a", parts, cross_validation=CrossValidation(3, 1))
    found = side_by_side(a, study(tmp_path / "b", range(90), lora=1.0))
    assert found.a.left_out == {"lora": "2 of 3 folds are done"}
    assert found.pairs == ()
    assert (found.best.comparison.a, found.best.comparison.b) == ("probe", "lora")


def test_arms_that_failed_or_answered_other_rows_are_left_out_aloud(tmp_path):
    odd = {"lora": [answers(range(50))], "full": [], "api": [answers(range(40), "api")]}
    found = side_by_side(save_study(tmp_path / "a", odd), study(tmp_path / "b", range(50), lora=1.0))
    assert set(found.a.left_out) == {"full", "api"}
    assert "It broke." in found.a.left_out["full"]
    assert "other test rows" in found.a.left_out["api"]


def test_what_decides_the_figures_is_named_where_it_differs(tmp_path):
    config = {"model": {"source": "gpt2", "max_length": 128, "truncate": "tail"}, "seed": 3}
    a = study(tmp_path / "a", range(40), lora=1.0)
    b = save_study(tmp_path / "b", {"lora": [answers(range(40))]}, config=config)
    told = {one.what: (one.a, one.b) for one in side_by_side(a, b).differences}
    assert told == {
        "model": ("tiny", "gpt2"),
        "tokens at most": ("the model's own limit", "128"),
        "long texts keep their": ("head", "tail"),
    }


def test_it_goes_to_json_and_back(tmp_path):
    found = side_by_side(study(tmp_path / "a", range(40), lora=1.0), study(tmp_path / "b", range(40), lora=2.0))
    again = from_json(SideBySide, to_json(found))
    assert to_json(again) == to_json(found)
    assert again.pairs == found.pairs


# ------------------------------------------------------------------------------------------------------ bad input


def _no_study(folder: Path) -> None:
    (folder / "results.json").unlink()


def _no_predictions(folder: Path) -> None:
    (folder / "predictions" / "lora.parquet").unlink()


def _cut(folder: Path) -> None:
    file = folder / "predictions" / "lora.parquet"
    file.write_bytes(file.read_bytes()[:200])


def _text(folder: Path) -> None:
    (folder / "predictions" / "lora.parquet").write_text("row_id,label\n")


def _no_test_rows(folder: Path) -> None:
    write_predictions(folder / "predictions" / "lora.parquet", "lora", [answers(range(9), split="other")])


def _no_shares(folder: Path) -> None:
    part = answers(range(50))
    write_predictions(
        folder / "predictions" / "lora.parquet", "lora", [replace(part, probabilities=part.probabilities * 2)]
    )


def _other_columns(folder: Path) -> None:
    part = replace(answers(range(50)), label_names=("bad", "great"))
    write_predictions(folder / "predictions" / "lora.parquet", "lora", [part])


@pytest.mark.parametrize("which", ["a", "b"])
@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_no_study, r"holds no results\.json.*finished study"),
        (_no_predictions, r"lora\.parquet is missing"),
        (_cut, r"lora\.parquet is damaged"),
        (_text, r"lora\.parquet is damaged"),
        (_no_test_rows, r"damaged.*no row of the test split"),
        (_no_shares, r"damaged.*sum to 1"),
        (_other_columns, "labels bad, good are expected, it has bad, great"),
    ],
)
def test_a_broken_study_is_refused_with_what_to_do(tmp_path, which, breaks, said):
    study(tmp_path / "a", range(50), lora=1.0)
    study(tmp_path / "b", range(50), lora=1.0)
    breaks(tmp_path / which)
    with pytest.raises(InputError, match=said):
        side_by_side(tmp_path / "a", tmp_path / "b")


def test_what_cannot_be_compared_is_refused(tmp_path):
    a = study(tmp_path / "a", range(50), lora=1.0)
    with pytest.raises(InputError, match="does not exist"):
        side_by_side(a, tmp_path / "absent")
    with pytest.raises(InputError, match="it is a file"):
        side_by_side(a / "results.json", a)
    with pytest.raises(InputError, match="share none"):
        side_by_side(a, study(tmp_path / "apart", range(50, 90), lora=1.0))
    turned = replace(answers(range(50)), labels=1 - answers(range(50)).labels)
    with pytest.raises(InputError, match="All 50 that they share have other labels"):
        side_by_side(a, save_study(tmp_path / "turned", {"lora": [turned]}))
    named = replace(answers(range(50)), label_names=("bad", "great"))
    with pytest.raises(InputError, match=r"only \S+a has good and only \S+named has great"):
        side_by_side(a, save_study(tmp_path / "named", {"lora": [named]}))


def test_a_study_without_a_result_is_refused(tmp_path):
    a = study(tmp_path / "a", range(50), lora=1.0)
    save_study(tmp_path / "b", {"lora": [answers(range(50))], "full": []})
    result = from_json(StudyResult, json.loads((tmp_path / "b" / "results.json").read_text()))
    (tmp_path / "b" / "results.json").write_text(dumps(replace(result, arms=result.arms[1:])))
    with pytest.raises(InputError, match="none has one"):
        side_by_side(a, tmp_path / "b")
