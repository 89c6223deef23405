"""What a certificate is checked on, and what it says of arms without a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lightune.certification import choose_texts
from lightune.records import FAIL, NOT_APPLICABLE, PASS
from tests.certification.trained import Made, line
from tests.fixtures.reviews import as_rows, make_reviews


@pytest.mark.full
def test_sixty_four_real_rows_the_longest_among_them_an_empty_and_a_cut_one(lora: Made) -> None:
    rows = as_rows([*make_reviews(200, seed=3), ("It " + "is dull, and " * 40 + "boring.", "bad"), ("A joy.", "good")])
    checked = choose_texts(rows, lora.fitted.encoder)
    assert len(checked.row_ids) == len(set(checked.row_ids)) == 64
    assert set(checked.row_ids) <= set(rows.row_ids)
    real = checked.texts[:64]
    assert set(real) <= set(rows.texts)
    assert max(rows.texts, key=len) in real
    assert "A joy." in real
    assert checked.texts[64:] == ("",)
    assert checked.cut == int(lora.fitted.encoder.encode(checked.texts).cut.sum()) >= 1


def test_where_no_row_is_cut_one_is_made_that_is(lora: Made) -> None:
    rows = as_rows([("A joy.", "good"), ("A mess.", "bad")] * 40)
    checked = choose_texts(rows, lora.fitted.encoder)
    assert checked.cut == 1
    assert lora.fitted.encoder.encode([checked.texts[-1]]).cut.all()
    assert "" in checked.texts


@pytest.mark.parametrize("count", [1, 2, 63])
def test_of_fewer_rows_all(lora: Made, count: int) -> None:
    rows = as_rows(make_reviews(count))
    checked = choose_texts(rows, lora.fitted.encoder)
    assert set(checked.row_ids) == set(rows.row_ids)


@pytest.mark.parametrize("texts", [[""], ["", ""], [" "]])
def test_rows_without_a_word_are_rows(lora: Made, texts: list[str]) -> None:
    rows = as_rows([(text, "bad") for text in texts])
    assert choose_texts(rows, lora.fitted.encoder).cut == 1
    assert choose_texts(rows, None).cut == 0


@pytest.mark.full
def test_the_certificate_says_how_many_rows_and_which(lora: Made) -> None:
    certificate = lora.certify()
    assert certificate.rows == len(lora.checked.texts) >= 65
    assert certificate.row_ids == lora.checked.row_ids
    assert certificate.cut_rows == lora.checked.cut >= 1
    assert (certificate.arm, certificate.kind, certificate.precision) == ("lora", "adapter", "float32")
    assert {"adapter_model.safetensors", "adapter_config.json", "lightune.json"} <= set(certificate.artifact)


@pytest.mark.parametrize("arm", ["majority", "tfidf", "probe", "zero-shot"])
@pytest.mark.full
def test_what_is_no_classifier_of_transformers_says_so(trained: Callable[[str], Made], arm: str) -> None:
    certificate = trained(arm).certify()
    measured = {check.name for check in certificate.checks if check.outcome == PASS}
    assert measured == {"alone = in a batch", "saved = in memory", "probabilities"}
    for check in certificate.checks:
        assert check.outcome != FAIL
        if check.outcome == NOT_APPLICABLE:
            assert check.reason
            assert (check.difference, check.tolerance) == (None, None)


@pytest.mark.full
def test_a_base_as_it_is_was_not_trained(trained: Callable[[str], Made]) -> None:
    certificate = trained("pretrained").certify()
    assert certificate.passed
    for name in ("head and adapter trained", "base untouched", "exported = in memory"):
        assert line(certificate, name).reason == "nothing was trained"


@pytest.mark.full
def test_of_a_model_trained_whole_no_base_is_left(trained: Callable[[str], Made]) -> None:
    certificate = trained("full").certify()
    assert certificate.passed
    assert line(certificate, "head and adapter trained").outcome == PASS
    assert line(certificate, "base untouched").reason == "all of its weights were trained"
    assert line(certificate, "exported = in memory").outcome == PASS
