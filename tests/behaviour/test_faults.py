"""Whatever is wrong with a user's suite, one sentence says where, what was expected, what was seen and what to do."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lightune.behaviour import load_suite, suite_from_yaml
from lightune.errors import ConfigError

FILE = "mine.yaml"
LEXICONS = {"thing": ["film", "book"], "word": {"positive": ["good"], "negative": ["bad"]}, "one": ["it"]}
MFT = {
    "capability": "Vocabulary",
    "name": "Words",
    "kind": "minimum functionality",
    "templates": ["This {thing} is {word}."],
    "expect": {"label_of": "word"},
}
SWAP = {
    "capability": "Things",
    "name": "Swapped",
    "kind": "invariance",
    "templates": ["I like this {thing}."],
    "change": {"swap": "thing"},
}
ADD = {
    "capability": "Added",
    "name": "Praise",
    "kind": "direction",
    "templates": ["A {thing}."],
    "change": {"append": "I like it."},
    "expect": "positive",
}
GONE = object()


def written(test: dict[str, Any], **keys: Any) -> str:
    values = {"name": "mine", "lexicons": LEXICONS, "tests": [test], **keys}
    return yaml.safe_dump({key: value for key, value in values.items() if value is not GONE})


def changed(test: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {key: value for key, value in {**test, **keys}.items() if value is not GONE}


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        suite_from_yaml(text, FILE)
    message = str(caught.value)
    assert message.startswith(FILE)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("test", [MFT, SWAP, ADD])
def test_what_the_faults_are_made_of_is_right(test: dict[str, Any]) -> None:
    assert suite_from_yaml(written(test)).cases


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (changed(MFT, templats=["x"]), ["test 'Words'", "'templats' is no key", "templates"]),
        (changed(MFT, templates=GONE), ["test 'Words'", "'templates' is expected"]),
        (changed(MFT, name=GONE), ["test 1", "'name' is expected"]),
        (changed(MFT, name=""), ["test 1", "name", "a text is expected", "nothing"]),
        (changed(MFT, name="x" * 101), ["at most 100 characters", "101"]),
        (changed(MFT, kind="MFT"), ["kind", "minimum functionality, invariance, direction", "'MFT'"]),
        (changed(MFT, kind=["invariance"]), ["kind", "a text is expected", "a list of 1"]),
        (changed(MFT, templates=[]), ["templates", "a list is expected", "a list of 0"]),
        (changed(MFT, templates="This {thing}."), ["templates", "a list is expected", "after a dash"]),
        (changed(MFT, templates=[{"thing": None}]), ["templates", "quotes"]),
        (changed(MFT, templates=[["x"]]), ["templates", "a text is expected", "a list of 1"]),
        (changed(MFT, templates=["This {thng} is {word}."]), ["'thng'", "one, thing, word", "lexicons"]),
        (changed(MFT, templates=["This {thing is {word}."]), ["brace", "{name.form}"]),
        (changed(MFT, templates=["This {thing.plural} is {word}."]), ["form", "'thing'", "Write {thing}"]),
        (changed(MFT, templates=["{thing}" * 21 + "{word}"]), ["at most 20 slots"]),
        (changed(MFT, templates=["x" * 2001]), ["at most 2,000 characters", "2,001"]),
        (changed(MFT, templates=["This is {thing}."]), ["expect", "label_of", "no slot {word}"]),
        (changed(MFT, templates=["This is {word:2}."]), ["expect", "label_of", "no slot {word}"]),
        (changed(MFT, templates=["x"] * 201), ["at most 200 items", "201"]),
        (changed(MFT, templates={"good": ["x"]}, expect=GONE), ["templates", "(negative, positive)", "'good'"]),
        (changed(MFT, templates={}, expect=GONE), ["templates", "lists by label"]),
        (changed(MFT, templates={"positive": ["x"]}), ["expect", "stand under their labels already"]),
        (changed(MFT, templates=[{"text": "x", "changed": "y"}], expect="positive"), ["changes nothing"]),
        (changed(MFT, change={"swap": "thing"}), ["changes nothing"]),
        (changed(MFT, expect=GONE), ["expect", "a label is expected (negative, positive)"]),
        (changed(MFT, expect="good"), ["expect", "(negative, positive)", "'good'"]),
        (changed(MFT, expect=["positive"]), ["expect", "a list of 1"]),
        (changed(MFT, expect={"label": "word"}), ["expect", "'label' is no key", "label_of"]),
        (changed(MFT, expect={}), ["expect", "one of label_of and opposite_of"]),
        (changed(MFT, expect={"label_of": "thing"}), ["label_of", "'thing' have no labels"]),
        (changed(MFT, expect={"label_of": "nobody"}), ["label_of", "no slot {nobody}"]),
        (changed(MFT, tolerance="0.1"), ["tolerance", "direction"]),
        (changed(MFT, cases="0"), ["cases", "whole number from 1 to 500", "'0'"]),
        (changed(MFT, cases="1.5"), ["cases", "whole number", "'1.5'"]),
        (changed(MFT, cases="many"), ["cases", "'many'"]),
        (changed(MFT, cases=["1"]), ["cases", "a list of 1"]),
        (changed(MFT, fillers=["film"]), ["fillers", "names to fillers", "a list of 1"]),
        (changed(MFT, fillers={"thing": []}), ["fillers, thing", "a list is expected"]),
        (changed(MFT, fillers={"thing": ["film", "film"]}), ["thing", "'film' stands there 2 times"]),
        (changed(MFT, fillers={"thing": ["film", {"a": "b"}]}), ["thing", "no forms", "'b' has a"]),
        (changed(MFT, fillers={"thing": {"good": ["film"]}}), ["thing", "(negative, positive)", "'good'"]),
        (changed(MFT, fillers={"thing": [""]}), ["thing", "a text is expected", "nothing"]),
        (changed(MFT, fillers={"thing": ["x"] * 2001}), ["thing", "at most 2,000 items"]),
        (changed(MFT, fillers={f"f{i}": ["x"] for i in range(501)}), ["fillers", "at most 500"]),
        (changed(SWAP, change=GONE), ["needs a changed text", "`change`"]),
        (changed(SWAP, change={}), ["change", "one of swap, append, prepend and alter"]),
        (changed(SWAP, change={"swap": "thing", "append": "x"}), ["one of swap", "keys ('append', 'swap')"]),
        (changed(SWAP, change="swap"), ["change", "a mapping with the keys swap", "'swap'"]),
        (changed(SWAP, change={"swap": "word"}), ["swap", "no slot 'word'"]),
        (changed(SWAP, templates=["{one}"], change={"swap": "one"}), ["swap", "at least two fillers of 'one'"]),
        (changed(SWAP, change={"alter": "typo"}), ["alter", "swapped letters", "'typo'"]),
        (changed(SWAP, change={"alter": []}), ["alter", "a list is expected"]),
        (changed(SWAP, change={"append": "{nobody}"}), ["append", "'nobody'"]),
        (changed(SWAP, expect="positive"), ["expect", "expects no label"]),
        (changed(SWAP, templates={"positive": ["{thing}"]}), ["expect", "expects no label"]),
        (changed(SWAP, templates=[{"text": "{thing}", "changed": "x"}]), ["not both"]),
        (changed(SWAP, templates=[{"text": "x"}], change=GONE), ["templates", "'changed' is expected"]),
        (changed(SWAP, templates=["BIG"], change={"alter": "upper case"}), ["'Swapped'", "at least one case"]),
        (changed(ADD, expect=GONE), ["expect", "a label is expected"]),
        (changed(ADD, tolerance="2"), ["tolerance", "from 0 to 1", "'2'"]),
        (changed(ADD, tolerance="nan"), ["tolerance", "from 0 to 1", "'nan'"]),
        ("Words", ["test 1", "a mapping with the keys capability", "'Words'"]),
    ],
)
def test_a_fault_of_a_test_speaks(test: Any, says: list[str]) -> None:
    message = fault(written(test))
    for words in says:
        assert words in message


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"tests": GONE}, ["'tests' is expected"]),
        ({"tests": []}, ["tests", "a list is expected"]),
        ({"tests": {"a": "b"}}, ["tests", "a list is expected", "keys ('a')"]),
        ({"tests": [MFT, MFT]}, ["test 2", "'Words'", "Rename"]),
        ({"tests": [MFT] * 201}, ["tests", "at most 200"]),
        ({"name": GONE}, ["'name' is expected"]),
        ({"name": ""}, ["name", "a text is expected"]),
        ({"lexikons": {}}, ["'lexikons' is no key", "lexicons"]),
        ({"lexicons": []}, ["lexicons", "names to fillers"]),
        ({"language": []}, ["language", "a text is expected"]),
        ({"labels": "stars"}, ["labels", "`polarity`", "'stars'"]),
        ({"labels": ["positive"]}, ["labels", "at least two labels"]),
        ({"labels": {"positive": "a", "negative": "a"}}, ["labels", "each once"]),
        ({"labels": ["a", "b"]}, ["lexicons, word", "(a, b)", "'negative'"]),
        ({"labels": ["positive", "negative", "x"], "tests": [changed(MFT, expect={"opposite_of": "word"})]}, ["got 3"]),
    ],
)
def test_a_fault_of_the_suite_speaks(keys: dict[str, Any], says: list[str]) -> None:
    message = fault(written(MFT, **keys))
    for words in says:
        assert words in message


@pytest.mark.full
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a mapping with the keys name, tests"),
        ("- a", "a list of 1"),
        ("name: [a", "line 1, column 9: YAML is expected"),
        ("name: a\nname: b\ntests: []", "line 1, column 1: YAML is expected: the key 'name' stands here twice"),
        ("a: b: c", "YAML is expected"),
        ("name: a\x00", "YAML is expected"),
        ("name: *nobody", "YAML is expected"),
        ("? [a]\n: b", "YAML is expected"),
        ("name: &a [*a]\ntests: [x]", "recursive"),
        ("[" * 1000, "nested"),
        ("name: !!python/object/apply:os.system [true]\ntests: [x]", "test 1"),
    ],
)
def test_what_is_no_suite_speaks(text: str, says: str) -> None:
    assert says in fault(text)


def test_a_file_that_cannot_be_read_speaks(tmp_path: Path) -> None:
    latin, large = tmp_path / "latin.yaml", tmp_path / "large.yaml"
    latin.write_bytes("name: café".encode("latin-1"))
    large.write_text("#" * 1_000_001)
    for path, says in (
        (tmp_path / "absent.yaml", "No such file"),
        (tmp_path, "directory"),
        (latin, "UTF-8"),
        (large, "1,000,000 bytes"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(ConfigError, match=says):
            load_suite(path)


def test_a_file_is_read_with_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(written(MFT), encoding="utf-8-sig")
    assert len(load_suite(path).cases) == 4


PLAIN = st.recursive(
    st.one_of(st.sampled_from(["thing", "positive", "{thing}", "{word}", "invariance", "direction", "", "{", "0"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["text", "changed", "swap", "append", "alter", "label_of", "positive", "thing"]),
            inner,
            max_size=2,
        ),
    ),
    max_leaves=6,
)


@pytest.mark.full
@settings(deadline=None)
@given(st.sampled_from([MFT, SWAP, ADD]), st.dictionaries(st.sampled_from([*MFT, "change", "fillers"]), PLAIN))
def test_any_value_is_a_suite_or_a_sentence(test: dict[str, Any], keys: dict[str, Any]) -> None:
    text = written({**test, **keys})
    try:
        suite_from_yaml(text, FILE)
    except ConfigError:
        fault(text)
