"""From the values of a suite's file to the definitions of its tests, every fault of them said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightune.behaviour.definition import Change, Definition, Expectation, Form
from lightune.behaviour.faults import Place, as_list, as_mapping, as_number, as_text, listed
from lightune.behaviour.forms import Scope, checked_change, checked_forms
from lightune.behaviour.lexicons import checked_fillers
from lightune.behaviour.suite import DIRECTION, INVARIANCE, KINDS, MINIMUM_FUNCTIONALITY
from lightune.behaviour.templates import Fillers

MOST_TESTS = 200
MOST_CASES = 500
CASES = 60
TOLERANCE = 0.1

_REQUIRED = ("capability", "name", "kind", "templates")
_OPTIONAL = ("fillers", "expect", "change", "tolerance", "cases")


def checked_definitions(values: Mapping[str, Any], words: Sequence[str], place: Place) -> tuple[Definition, ...]:
    """Return the tests of a suite. values: the whole file; words: its words for labels. Raises ConfigError."""
    lexicons = checked_fillers(values.get("lexicons"), words, place.at("lexicons"))
    definitions: dict[str, Definition] = {}
    for number, test in enumerate(as_list(values["tests"], place.at("tests"), MOST_TESTS), start=1):
        definition = _definition(test, words, lexicons, place.at(_called(test, number)))
        if definition.name in definitions:
            raise place.at(f"test {number}").fault(f"another test is called {definition.name!r}. Rename one.")
        definitions[definition.name] = definition
    return tuple(definitions.values())


def _called(test: Any, number: int) -> str:
    name = test.get("name") if isinstance(test, dict) else None
    return f"test {name!r}" if isinstance(name, str) and 0 < len(name) <= 100 else f"test {number}"


def _definition(value: Any, words: Sequence[str], lexicons: Fillers, place: Place) -> Definition:
    test = as_mapping(value, place, _REQUIRED, _OPTIONAL)
    kind = as_text(test["kind"], place.at("kind"))
    if kind not in KINDS:
        raise place.at("kind").expected(f"one of {listed(KINDS)}", kind, "Correct it.")
    if "tolerance" in test and kind != DIRECTION:
        raise place.at("tolerance").fault(f"a {DIRECTION} test alone has one. Take it out.")
    scope = Scope(place, words, {**lexicons, **checked_fillers(test.get("fillers"), words, place.at("fillers"))})
    forms = checked_forms(test["templates"], scope)
    change = checked_change(test["change"], scope) if "change" in test else None
    _check_change(kind, forms, change, scope)
    return Definition(
        as_text(test["capability"], place.at("capability"), 100),
        as_text(test["name"], place.at("name"), 100),
        kind,
        forms,
        scope.fillers,
        _expectation(test.get("expect"), kind, forms, change, scope),
        change,
        as_number(test.get("tolerance", TOLERANCE), place.at("tolerance"), 0, 1),
        int(as_number(test.get("cases", CASES), place.at("cases"), 1, MOST_CASES, whole=True)),
    )


def _check_change(kind: str, forms: Sequence[Form], change: Change | None, scope: Scope) -> None:
    """Raise ConfigError unless each template has one changed text, or none in a minimum functionality test."""
    pairs = sum(form.changed is not None for form in forms)
    if kind == MINIMUM_FUNCTIONALITY:
        if change or pairs:
            raise scope.place.fault(f"a {kind} test asks about one text and changes nothing. Take the change out.")
        return
    if change is None and pairs < len(forms):
        raise scope.place.fault(
            f"a {kind} test needs a changed text for each text. Add `change`, or write each template as "
            "`text` and `changed`."
        )
    if change and pairs:
        raise scope.place.fault("`change` is expected, or templates with `changed`, not both. Take one out.")
    if change and change.swap is not None:
        _check_swap(change.swap, forms, scope)


def _check_swap(name: str, forms: Sequence[Form], scope: Scope) -> None:
    place = scope.place.at("change").at("swap")
    for form in forms:
        if all(slot.name != name for slot in form.template.slots):
            raise place.fault(f"{form.template.source!r} has no slot {name!r}. Give it one, or swap another slot.")
    if len(scope.fillers[name]) < 2:
        raise place.fault(f"at least two fillers of {name!r} are expected, so that they can be swapped. Add one.")


def _expectation(value: Any, kind: str, forms: Sequence[Form], change: Change | None, scope: Scope) -> Expectation:
    """Return which label the test expects: said once, by `expect` or by the templates, and never for invariance."""
    place = scope.place.at("expect")
    by_template = any(form.label for form in forms)
    if kind == INVARIANCE:
        if value is not None or by_template:
            raise place.fault(f"an {kind} test expects no label, only that it stays. Take the label out.")
        return Expectation()
    if by_template and value is not None:
        raise place.fault("the templates stand under their labels already. Take `expect` out.")
    if by_template:
        return Expectation()
    if value is None:
        raise place.fault(
            f"a label is expected ({listed(scope.words)}), and none is given. Add `expect`, or put the templates "
            "under their labels."
        )
    if not isinstance(value, dict):
        if value not in scope.words:
            raise place.expected(f"one of the suite's labels ({listed(scope.words)})", value, "Correct it.")
        return Expectation(label=value)
    return _slot_expectation(value, forms, change, scope)


def _slot_expectation(value: dict[str, Any], forms: Sequence[Form], change: Change | None, scope: Scope) -> Expectation:
    place = scope.place.at("expect")
    expect = as_mapping(value, place, (), ("label_of", "opposite_of"))
    if len(expect) != 1:
        raise place.expected("one of label_of and opposite_of", expect, "Take one out.")
    how, name = next(iter(expect.items()))
    as_text(name, place.at(how), 100)
    if how == "opposite_of" and len(scope.words) != 2:
        raise place.at(how).fault(
            f"two labels are expected, which are opposites, got {len(scope.words)}. Use label_of."
        )
    if any(filler.label is None for filler in scope.fillers.get(name, ())):
        raise place.at(how).fault(f"the fillers of {name!r} have no labels. Put them under their labels.")
    additions = (*change.append, *change.prepend) if change else ()
    added = bool(additions) and all((name, "") in addition.keys for addition in additions)
    for form in forms:
        if not added and (name, "") not in form.template.keys:
            raise place.at(how).fault(f"{form.template.source!r} has no slot {{{name}}}. Give it one.")
    return Expectation(label_of=name) if how == "label_of" else Expectation(opposite_of=name)
