"""Files of JSON, odd and broken, and what is to become of each."""

from __future__ import annotations

import json

from faults.cases import HUGE, JSONL, LABELS, PLAIN, TEXTS, Case, bytes_of, refused, with_texts, xy

JSON = (
    Case(
        "lone-surrogate.jsonl",
        bytes_of(JSONL + '{"text": "a\\ud83d", "label": "good"}\n'),
        with_texts(*TEXTS, "a\ud83d", labels=(*LABELS, "good")),
    ),
    Case(
        "lone-surrogate-label.jsonl",
        bytes_of(JSONL + '{"text": "a", "label": "\\ud83d"}\n'),
        refused("not valid Unicode"),
        with_texts(*TEXTS, "a", labels=(*LABELS, "\ud83d")),
    ),
    Case(
        "escapes.jsonl",
        bytes_of(
            '{"text": "\\u0000\\t\\u2028", "label": "x"}\n'
            '{"text": "\\ud83d\\ude00", "label": "y"}\n'
            '{"text": "\u2028", "label": "x"}\n'
            '{"text": "\\/", "label": "y"}\n'
        ),
        xy("\0\t\u2028", "\U0001f600", "\u2028", "/"),
    ),
    Case(
        "not-numbers.jsonl",
        bytes_of(
            '{"text": "a", "label": NaN}\n'
            '{"text": "NaN", "label": 1.0}\n'
            '{"text": "b", "label": 1}\n'
            '{"text": "c", "label": -Infinity, "more": 1e400}\n'
        ),
        {
            **with_texts("a", "NaN", "b", "c", labels=("NaN", "1.0", "1", "-Infinity")),
            "more": (None, None, None, "1e400"),
        },
    ),
    Case(
        "same-key.jsonl",
        bytes_of(JSONL + '{"text": "a", "text": "b", "label": "good"}\n'),
        refused("line 5", "'text'", "twice"),
    ),
    Case(
        "deep.jsonl",
        bytes_of(JSONL + '{"text": ' + "[" * 150_000 + "]" * 150_000 + ', "label": "good"}\n'),
        refused("line 5", "deep"),
    ),
    Case("cut-off.jsonl", bytes_of(JSONL + '{"text": "a", "lab'), refused("line 5", "no JSON")),
    Case("array-lines.jsonl", bytes_of(JSONL + '["a", "good"]\n'), refused("line 5", "a list")),
    Case(
        "mixed-types.jsonl",
        bytes_of(
            '{"text": "1", "label": 1}\n'
            '{"text": 1, "label": "01"}\n'
            '{"text": 1.50, "label": 1}\n'
            '{"text": true, "label": "01"}\n'
        ),
        with_texts("1", "1", "1.50", "true", labels=("1", "01", "1", "01")),
    ),
    Case(
        "nested-text.jsonl",
        bytes_of('{"text": ["a"], "label": "x"}\n{"text": ["b"], "label": "y"}\n'),
        refused("--text-column", "'text'"),
    ),
    Case(
        "missing-keys.jsonl",
        bytes_of(
            '{"text": "a", "label": "x"}\n{"label": "y"}\n{"text": null, "label": "x"}\n{"text": "", "label": "y"}\n'
        ),
        {"text": ("a", None, None, ""), "label": (*"xyxy",)},
    ),
    Case("cr.jsonl", bytes_of(JSONL.replace("\n", "\r")), refused("line 1", "no JSON")),
    Case("crlf.jsonl", bytes_of(JSONL.replace("\n", "\r\n")), PLAIN),
    Case(
        "huge-cell.jsonl",
        bytes_of(json.dumps({"text": HUGE, "label": "x"}) + '\n{"text": "b", "label": "y"}\n'),
        with_texts(HUGE, "b", labels=("x", "y")),
    ),
    Case("array.json", bytes_of("\ufeff[" + JSONL.strip().replace("\n", ",") + "]"), PLAIN),
    Case("single-quotes.jsonl", bytes_of("{'text': 'a', 'label': 'x'}\n"), refused("line 1", "no JSON")),
)
