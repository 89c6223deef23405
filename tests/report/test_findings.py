"""The sections on what was found: slices, rows, labels, repeats, behaviour, curves, and what was left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightune.records import Behaviour, CurvePoint, LabelIssues, Overlap
from lightune.report.document import Figure, Paragraph
from lightune.report.format import SPACE

from . import studies
from .blocks import quotes, row, section, tables, words

WON = studies.whole("won")


def with_findings(**changes):
    return replace(WON, findings=replace(WON.findings, **changes))


# -------------------------------------------------------------------------------------- where it is right and wrong


def test_slices_have_a_table_a_group_and_a_picture_of_the_verdicts_arms():
    found = section(WON, "slices")
    assert found is not None
    assert isinstance(found.blocks[0], Figure)
    assert "Accuracy of full and tfidf on parts" in found.blocks[0].caption
    captions = [table.caption for table in tables(found)]
    assert captions[0] == "Accuracy by length, with 95 % intervals"
    assert len(captions) == 4
    assert row(tables(found)[0], "1 to 41 words")[1:3] == ["250", "50.0 % 43.8 to 56.2"]


def test_a_group_of_many_slices_stands_in_its_table_alone():
    result = studies.whole("won", 77, 3080)
    found = section(result, "slices")
    assert len(tables(found)[-1].rows) == 77
    figure = next(block for block in found.blocks if isinstance(block, Figure))
    assert "intent_" not in figure.draw("x", 720)


def test_rows_that_one_arm_alone_has_right():
    found = section(WON, "alone")
    assert row(tables(found)[0], "lora")[1] == "20"
    quote = quotes(found)[0].quotes[0]
    assert quote.label == "negative"
    assert [answer.arm for answer in quote.answers if answer.right] == ["tfidf"]


def test_suspected_label_errors_are_called_suspected():
    found = section(WON, "labels")
    assert "Suspected is not proven" in words(found)
    assert "17 labels look wrong to full fine-tuning (1.7 % of the test rows)" in words(found)
    assert row(tables(found)[0], "lora")[1:] == ["83.6 % 81.3 to 85.9", "84.9 % 82.7 to 87.1"]
    first = quotes(found)[0]
    assert first.labelled == "label as given"
    assert first.quotes[0].answers[0].note.replace(SPACE, " ") == "97.0 % on that, 1.0 % on the label as given"
    assert first.quotes[0].answers[0].right is None


def test_no_suspected_label_is_said_too():
    found = section(with_findings(label_issues=LabelIssues("lora", 0, ())), "labels")
    assert "No label of the test rows looks wrong to LoRA." in words(found)


def test_overlap_with_and_without():
    found = section(WON, "overlap")
    assert "23 test rows are like one of train or validation, and 6 test rows are like an earlier" in words(found)
    assert row(tables(found)[0], "lora")[1:] == ["83.6 % 81.3 to 85.9", "83.2 % 80.9 to 85.5"]
    facts = [quote.facts[0] for block in quotes(found) for quote in block.quotes]
    assert facts[0] == "also in train: the same words, the same label"
    assert facts[2] == "also in train: similarity 0.95, another label"


def test_no_overlap_is_said_too():
    clean = Overlap(0.8, 0, 0, (), {}, {})
    found = section(with_findings(overlap=clean), "overlap")
    assert "No test row is like another one" in words(found)
    assert tables(found) == []


@pytest.mark.parametrize("anchor", ["alone", "labels", "overlap", "comparisons"])
def test_without_texts_rows_go_by_their_id(anchor):
    found = section(WON, anchor, {})
    assert "kept without its texts (--no-texts)" in words(found)
    assert all(quote.text is None and "text not kept, row" in quote.cut for b in quotes(found) for quote in b.quotes)


# ------------------------------------------------------------------------------------- behaviour, curves, left out


def test_behaviour_is_a_heat_table_by_kind():
    found = section(WON, "behaviour")
    assert [table.caption.split(",")[0] for table in tables(found)] == [
        *("Minimum functionality", "Direction", "Invariance"),
    ]
    cell = tables(found)[0].rows[0][2]
    assert (cell.text.replace(SPACE, " "), cell.heat) == ("9.0 %", pytest.approx(0.09))
    assert sum(len(table.rows) for table in tables(found)) == 16
    assert "api was not asked. A file of predictions answers no new texts." in words(found)


def test_a_failed_case_is_shown_once_with_all_arms_that_failed_it():
    block = quotes(section(WON, "behaviour"))[0]
    case = block.quotes[0]
    assert case.changed == "Maria thought the food was not bad at all."
    assert len(case.answers) == 6
    assert case.answers[0].note == "expected: positive"
    assert len(block.quotes) == 2


def test_behaviour_that_did_not_run_is_said_aloud_twice():
    result = with_findings(behaviour=Behaviour("english sentiment", left_out="the labels are no polarity"))
    assert "The behaviour checks did not run. The labels are no polarity." in words(section(result, "behaviour"))
    assert "Behaviour checks: The labels are no polarity." in words(section(result, "left-out"))


def test_what_was_left_out_stands_in_one_place():
    found = section(with_findings(left_out={"suspected label errors": "No arm gives probabilities."}), "left-out")
    assert "Suspected label errors: No arm gives probabilities." in words(found)
    assert section(WON, "left-out") is None


def test_doubling_in_words():
    said = words(section(WON, "curves"))
    assert (
        "Twice the labels, 7,200 for 3,600, would change what TF-IDF with logistic regression labels right by about "
        "+1.2 points (95 % interval +0.6 to +2.1)." in said
    )
    assert "(95 % interval −0.2 to +3.0); that may be nothing." in said
    assert "Full fine-tuning: nothing can be said of more rows. Two points are too few" in said


def test_curve_points_by_seed():
    points, laws = tables(section(WON, "curves"))
    assert row(points, "full")[1:4] == ["61.4, 63.3 %", "66.6, 68.5 %", "–"]
    assert row(laws, "lora")[1:] == ["87.0 %", "1.60", "0.40", "+1.4 −0.2 to +3.0"]


def test_runs_of_a_curve_that_failed_are_told():
    failed = ("The run on 50 rows (seed 1) failed: the loss became NaN",)
    first, *others = WON.findings.curves
    found = section(with_findings(curves=(replace(first, failed=failed), *others)), "curves")
    assert found is not None
    notice = found.blocks[0]
    assert isinstance(notice, Paragraph)
    assert (notice.text, notice.tone) == (f"tfidf: {failed[0]}.", "bad")
    assert "failed" not in words(section(WON, "curves"))
    assert "Validation shrinks with train" in words(found)


def test_a_curve_without_points_is_no_section():
    empty = replace(WON.findings.curves[0], points=())
    assert section(with_findings(curves=(empty,)), "curves") is None
    one = replace(WON.findings.curves[2], points=(CurvePoint(50, (0.5,)),), reason=None)
    assert "No curve could be fitted." in words(section(with_findings(curves=(one,)), "curves"))
