"""The templates and the changes of a test, checked against its fillers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightune.behaviour.alterations import ALTERATIONS
from lightune.behaviour.definition import Change, Form
from lightune.behaviour.faults import Place, as_list, as_mapping, as_text, listed, seen
from lightune.behaviour.lexicons import check_words
from lightune.behaviour.templates import Fillers, Slot, Template, parse

MOST_TEMPLATES = 200
MOST_SLOTS = 20


@dataclass(frozen=True)
class Scope:
    """What a test's templates may use: the suite's words for labels, and the fillers. place: where the test stands."""

    place: Place
    words: Sequence[str]
    fillers: Fillers


def checked_forms(value: Any, scope: Scope) -> tuple[Form, ...]:
    """Return the templates of a list, or of lists by the label that they expect, the labels then in turn. Raises
    ConfigError."""
    place = scope.place.at("templates")
    if not isinstance(value, dict):
        return _form_list(value, None, scope, place)
    check_words(value, scope.words, place)
    lists = [_form_list(items, word, scope, place.at(word)) for word, items in value.items()]
    longest = max(map(len, lists))
    return tuple(forms[at] for at in range(longest) for forms in lists if at < len(forms))


def checked_change(value: Any, scope: Scope) -> Change:
    """Return the change of an invariance or direction test. Raises ConfigError."""
    place = scope.place.at("change")
    change = as_mapping(value, place, (), ("swap", "append", "prepend", "alter"))
    if len(change) != 1:
        raise place.expected("one of swap, append, prepend and alter", change, "Make a test of each.")
    name, what = next(iter(change.items()))
    place = place.at(name)
    if name == "swap":
        return Change(swap=as_text(what, place))
    items = as_list(what if isinstance(what, list) else [what], place, MOST_TEMPLATES)
    if name == "alter":
        for item in items:
            if not isinstance(item, str) or item not in ALTERATIONS:
                raise place.expected(f"one of {listed(ALTERATIONS)}", item, "Correct it.")
        return Change(alter=tuple(items))
    additions = tuple(_template(item, scope, place) for item in items)
    return Change(append=additions) if name == "append" else Change(prepend=additions)


def _form_list(value: Any, label: str | None, scope: Scope, place: Place) -> tuple[Form, ...]:
    """Return the templates of one list; a mapping of `text` and `changed` is a pair."""
    forms: list[Form] = []
    for item in as_list(value, place, MOST_TEMPLATES):
        if isinstance(item, dict) and item.keys() & {"text", "changed"}:
            pair = as_mapping(item, place, ("text", "changed"))
            text, changed = (_template(pair[key], scope, place.at(key)) for key in ("text", "changed"))
            forms.append(Form(text, changed, label))
        else:
            forms.append(Form(_template(item, scope, place), None, label))
    return tuple(forms)


def _template(value: Any, scope: Scope, place: Place) -> Template:
    """Return a template all of whose slots have fillers."""
    source = as_text(value, place)
    try:
        template = parse(source)
    except ValueError as error:
        how = "Write slots as {name}, {name:2} or {name.form}."
        raise place.fault(f"{seen(source)} has {error}. {how}") from error
    if len(template.slots) > MOST_SLOTS:
        raise place.fault(f"at most {MOST_SLOTS} slots a text are expected, {seen(source)} has more. Take some out.")
    for slot in template.slots:
        _check_slot(slot, source, scope.fillers, place)
    return template


def _check_slot(slot: Slot, source: str, fillers: Fillers, place: Place) -> None:
    """Raise ConfigError unless the slot's fillers are there and have its form."""
    if slot.name not in fillers:
        raise place.fault(
            f"{seen(source)} has the slot {slot.name!r}, for which there are no fillers; there are some for "
            f"{listed(sorted(fillers)) or 'no slot'}. Add them under `fillers` or `lexicons`, or correct the slot."
        )
    forms = fillers[slot.name][0].forms
    if slot.form not in forms:
        known = listed([f"{{{slot.name}.{form}}}" if form else f"{{{slot.name}}}" for form in forms])
        raise place.fault(f"{seen(source)} asks for a form that the fillers of {slot.name!r} lack. Write {known}.")
