"""Any text gets one bounded answer, the same alone and in a batch: `python -m faults.texts`."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from soak.batch_artefacts import make_texts, save_bag, save_lora
from soak.table import Line, say

from faults.command import command
from lightune.compute import Encoder
from lightune.inference import TextClassifier, load_classifier_folder
from lightune.models import find_model, load_tokenizer

ALLOWED = 1e-5
MOST_SECONDS = 0.05
BATCH = 200
MB = 10**6
SPECIAL = ("<|endoftext|>", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<s>", "</s>", "<pad>", "<unk>")
CUTS = ("head", "tail", "head+tail")
# Ten megabytes each.
WORST = {
    "one letter": "a" * 10 * MB,
    "no blank": "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=MB)) * 10,
    "figures and signs": "".join(random.Random(1).choices("0123456789.,;:-+*/=", k=MB)) * 10,
    "blanks": " " * 10 * MB,
    "line ends": "\r\n" * 5 * MB,
    "NUL": "\0" * 10 * MB,
    "combining marks": "e" + "\u0301" * 5 * MB,
    "joined emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 400_000,
    "half pairs": "\ud83d" * 3 * MB,
    "no spaces between words": "电影很好看" * 700_000,
    "words": "The film was a very good one indeed, and I liked it. " * 190_000,
    "special tokens": "<|endoftext|>" * 770_000,
}


def run(work: Path, short: bool = False) -> list[Line]:
    """Ask two classifiers for every text. short: a tenth of them."""
    texts = [*odd_texts(1_000 if short else 10_000), *WORST.values()]
    made = {"tfidf": save_bag(work / "texts-bag"), "lora": save_lora(work / "texts-lora", "embedded")}
    lines = []
    for name, folder in made.items():
        # Who counts words reads all of a text: ten megabytes of words take seconds, and say nothing of tokens.
        asked = texts if name == "lora" else texts[: -len(WORST)]
        lines.append(answered(name, load_classifier_folder(folder), asked))
        say(lines[-1].seen)
    return [*lines, tokenised(texts[: -len(WORST)])]


def odd_texts(count: int, seed: int = 0) -> list[str]:
    """Texts of every kind in turn."""
    draw = random.Random(seed)
    return [KINDS[at % len(KINDS)](draw) for at in range(count)]


def answered(name: str, classifier: TextClassifier, texts: Sequence[str]) -> Line:
    """Compare each text's answer alone with the one in a batch."""
    alone = np.concatenate([classifier.probabilities([text]) for text in texts])
    order = random.Random(1).sample(range(len(texts)), len(texts))
    together = np.empty_like(alone)
    for start in range(0, len(texts), BATCH):
        rows = order[start : start + BATCH]
        together[rows] = classifier.probabilities([texts[row] for row in rows])
    bounded = bool(np.isfinite(alone).all() and np.allclose(alone.sum(axis=1), 1))
    apart = float(np.abs(alone - together).max())
    seen = f"{len(texts):,} texts, at most {apart:.1e} apart, {'all' if bounded else 'NOT all'} of them probabilities"
    holds = bounded and apart <= ALLOWED
    return Line(f"any text, {name}", f"one answer, alone as in a batch ({ALLOWED:.0e})", seen, holds)


def tokenised(texts: Sequence[str]) -> Line:
    """Take the processor time of tokenising each text, by each cut; of the worst the best of three."""
    tokenizer = load_tokenizer(find_model("embedded"))
    slowest, which = 0.0, ""
    named = {**{f"text {at}": text for at, text in enumerate(texts)}, **WORST}
    for cut in CUTS:
        encoder = Encoder(tokenizer, 512, cut)
        for name, text in named.items():
            took = min(_seconds(encoder, text) for _ in range(3 if name in WORST else 1))
            if took > slowest:
                slowest, which = took, f"{name}, {cut}"
    seen = f"{len(named):,} texts by {len(CUTS)} cuts, at most {1000 * slowest:.0f} ms ({which})"
    return Line("any text, tokenising", f"at most {1000 * MOST_SECONDS:.0f} ms", seen, slowest <= MOST_SECONDS, True)


def _seconds(encoder: Encoder, text: str) -> float:
    begun = time.process_time()
    encoder.encode([text])
    return time.process_time() - begun


def _any_character(draw: random.Random) -> str:
    return chr(draw.randrange(0x110000))


def _some(characters: str, most: int) -> Callable[[random.Random], str]:
    return lambda draw: "".join(draw.choices(characters, k=draw.randint(1, most)))


def _special(draw: random.Random) -> str:
    words = make_texts(1, seed=draw.randrange(10**6))[0]
    at = draw.choice((0, len(words) // 2, len(words)))
    return words[:at] + draw.choice(SPECIAL) * draw.randint(1, 3) + words[at:]


KINDS: tuple[Callable[[random.Random], str], ...] = (
    lambda _: "",
    _some(" \t\n\r\x0b\x0c\x85\xa0\u2003\u2028\u3000\ufeff", 40),
    _any_character,
    lambda draw: "".join(_any_character(draw) for _ in range(draw.randint(2, 60))),
    lambda draw: "fine" + "".join(draw.choices("\ud83d\ude00\udfff\ud800", k=draw.randint(1, 5))) + "film",
    _some("".join(map(chr, range(32))) + "\x7f\x80\x9f\u200b\u202e\u2066\ufffe\U000e0001", 40),
    _some("שלום עולם مرحبا بالعالم ", 120),
    lambda draw: "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3fd" * draw.randint(1, 40),
    lambda draw: "e" + "\u0301" * draw.randint(1, 5_000) + "film",
    lambda draw: draw.choice("aA1.\u00e9\u7535") * draw.randint(1, 20_000),
    _special,
    lambda draw: make_texts(1, seed=draw.randrange(10**6), most=400)[0],
    lambda draw: make_texts(1, seed=draw.randrange(10**6))[0],
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "a tenth of the texts", argv)


if __name__ == "__main__":
    sys.exit(main())
