from __future__ import annotations

import pytest

from lightune.evaluation.english import looks_english
from lightune.evaluation.words import words

ENGLISH = {
    "prose": "The film starts slowly, but once the two brothers meet again it is impossible to look away. I would have "
    "liked to know more about their mother, who was only seen twice.",
    "a review": "Great phone, battery lasts all day and the screen is bright. Would buy again.",
    "questions": "How do I locate my card? Is there a way to know when it will arrive? Why was I charged a fee?",
    "capitals": "I DON’T KNOW WHAT THEY WERE THINKING",
}
OTHER = {
    "German": "Der Film beginnt langsam, aber sobald sich die beiden Brüder wieder treffen, kann man nicht mehr "
    "wegsehen. Ich war in der Stadt und hatte es so gewollt, was will man mehr.",
    "French": "Le film commence lentement, mais dès que les deux frères se retrouvent, on ne peut plus détourner le "
    "regard. J'aurais voulu en savoir plus sur leur mère, qui n'a été vue que deux fois.",
    "Spanish": "La película empieza despacio, pero cuando los dos hermanos se encuentran de nuevo es imposible apartar "
    "la mirada. Me habría gustado saber más de su madre, a quien no he visto más que dos veces.",
    "Dutch": "De film begint langzaam, maar zodra de twee broers elkaar weer ontmoeten is het onmogelijk om weg te "
    "kijken. Ik had graag meer over hun moeder willen weten, of was dat te veel gevraagd?",
    "Norwegian": "Filmen begynner sakte, men når de to brødrene møtes igjen, er det umulig å se bort. Jeg vet at hun "
    "har vært her for en tid siden.",
    "Chinese": "这部电影开头很慢，但两兄弟重逢之后，就让人移不开眼睛。我想知道更多关于他们母亲的事。",
    "Python": "for i in range(10):\n    if x is not None and y[i] in z:\n        return f(i)\nwith open(path) as f:\n"
    "    data = json.load(f)",
    "C": "int main(int argc, char **argv) { for (int i = 0; i < argc; i++) { if (!argv[i]) return 1; } return 0; }",
    "names": "Anna Smith, Berlin; John Doe, Paris",
    "emptiness": "",
    "symbols": "!!! 🎉 ...",
}


@pytest.mark.parametrize("name", ENGLISH)
def test_english(name: str) -> None:
    assert looks_english([ENGLISH[name]])
    assert looks_english(["", ENGLISH[name], "ok"])


@pytest.mark.parametrize("name", OTHER)
def test_other_texts(name: str) -> None:
    assert not looks_english([OTHER[name]] * 3)


def test_no_text_is_not_english() -> None:
    assert not looks_english([])


def test_all_texts_count_together_and_a_long_one_does_not_drown_them() -> None:
    german, english = OTHER["German"], ENGLISH["prose"]
    assert not looks_english([german] * 50 + [english] * 5)
    assert looks_english([english] * 50 + [german] * 5)
    assert not looks_english([german] * 50 + [english * 1_000])


def test_the_sample_reaches_over_all_texts() -> None:
    assert not looks_english([ENGLISH["prose"]] * 300 + [OTHER["German"]] * 3_000)


def test_words() -> None:
    assert words("It's NOT «fine», don’t-ask me 2 times!") == [
        "it's",
        "not",
        "fine",
        "don't",
        "ask",
        "me",
        "2",
        "times",
    ]
    assert words("中文abc ok") == ["中", "文", "abc", "ok"]
    assert words(" ... ") == []
