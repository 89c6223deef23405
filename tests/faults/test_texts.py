"""Any text in short; and that an answer which depends on its batch is found out."""

import numpy as np
import pytest

from faults import texts
from lightune.compute import reading

pytestmark = pytest.mark.full


def test_any_text_gets_the_same_answer_alone_and_in_a_batch(tmp_path, monkeypatch):
    few = texts.odd_texts
    monkeypatch.setattr(texts, "odd_texts", lambda count: few(130))
    monkeypatch.setattr(texts, "tokenised", lambda own: texts.Line("", "", "", True, True))
    found = texts.run(tmp_path, short=True)
    assert [line.seen for line in found if not line.holds] == []
    assert "142 texts" in found[1].seen


def test_every_kind_of_text_is_there():
    made = texts.odd_texts(520)
    assert "" in made
    assert any("\ud800" <= character <= "\udfff" for text in made for character in text)
    assert any(word in text for word in texts.SPECIAL for text in made)
    assert max(map(len, made)) > 10_000


def test_an_answer_that_depends_on_its_batch_is_found_out():
    class Leaning:
        def probabilities(self, own):
            lean = 1e-4 * (len(own) > 1)
            return np.array([[0.5 + lean, 0.5 - lean]] * len(own))

    line = texts.answered("leaning", Leaning(), ["a", "b"])
    assert not line.holds
    assert "1.0e-04" in line.seen


def test_reading_all_of_a_text_is_found_out(monkeypatch):
    monkeypatch.setattr(texts, "WORST", {"words": texts.WORST["words"][: 2 * texts.MB]})
    monkeypatch.setattr(reading, "READ_BYTES", 2**40)
    assert not texts.tokenised([]).holds
