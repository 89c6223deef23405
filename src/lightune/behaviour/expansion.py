"""From a test's templates and fillers to its cases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from lightune.behaviour.alterations import alter
from lightune.behaviour.definition import Change, Definition, Form
from lightune.behaviour.drawing import draw, order
from lightune.behaviour.suite import Case, SuiteTest
from lightune.behaviour.templates import Filler, Fillers, Template, joined, swapped

T = TypeVar("T")
Chosen = Mapping[tuple[str, str], Filler]
# How many cases that reuse a text are kept for want of better ones, as a multiple of what is asked for.
_SPARE = 4


def expand(definitions: Iterable[Definition], words: Sequence[str]) -> tuple[SuiteTest, ...]:
    """Return the tests with their cases. words: the suite's words for its labels, of which `opposite_of` takes the
    other one.

    All templates of a test take turns, and fillers come in an order drawn by hash. No case stands in the suite twice.
    Cases with a text that another case has asked already come last, so they are in only where a test would otherwise
    have fewer cases than it asks for. A test may come out without cases.
    """
    seen: set[str] = set()
    pairs: set[frozenset[str]] = set()
    return tuple(_test(definition, words, seen, pairs) for definition in definitions)


def _test(definition: Definition, words: Sequence[str], seen: set[str], pairs: set[frozenset[str]]) -> SuiteTest:
    cases: list[Case] = []
    spare: list[Case] = []
    for case in _candidates(definition, words):
        if len(cases) == definition.most or len(spare) > _SPARE * definition.most:
            break
        if frozenset(case.texts) in pairs:
            continue
        pairs.add(frozenset(case.texts))
        if seen.isdisjoint(case.texts):
            seen.update(case.texts)
            cases.append(case)
        else:
            spare.append(case)
    used = spare[: definition.most - len(cases)]
    seen.update(text for case in used for text in case.texts)
    pairs.difference_update(frozenset(case.texts) for case in spare[len(used) :])
    made = (*cases, *used)
    return SuiteTest(definition.capability, definition.name, definition.kind, definition.tolerance, made)


def _candidates(definition: Definition, words: Sequence[str]) -> Iterator[Case]:
    """Yield cases, the templates in turn; a text that the change leaves as it was makes no case."""
    change = definition.change or Change()
    by_template = [
        _turns([_cases(definition, form, words) for form in _changed_forms(form, change, turn)])
        for turn, form in enumerate(definition.forms)
    ]
    return (case for case in _turns(by_template) if case.changed != case.text)


def _changed_forms(form: Form, change: Change, turn: int) -> list[Form]:
    """Return the template with each of its changed templates; turn: which addition comes first."""
    template = form.template
    if change.swap is not None:
        return [Form(template, swapped(template, change.swap), form.label)]
    after = [joined([template, addition]) for addition in change.append]
    before = [joined([addition, template]) for addition in change.prepend]
    changed = [*after, *before]
    if not changed:
        return [form]
    first = turn % len(changed)
    return [Form(template, added, form.label) for added in (*changed[first:], *changed[:first])]


def _cases(definition: Definition, form: Form, words: Sequence[str]) -> Iterator[Case]:
    alterations = definition.change.alter if definition.change else ()
    changed = form.changed
    for chosen in _fillings(definition.fillers, form.template, changed):
        text = form.template.fill(chosen)
        second = changed.fill(chosen) if changed else None
        if alterations:
            second = alter(text, alterations[draw(len(alterations), "alter", text)], text)
        fillers = tuple(filler.text for filler in chosen.values())
        yield Case(text, second, _label(definition, form, chosen, words), form.template.source, fillers)


def _fillings(fillers: Fillers, template: Template, changed: Template | None) -> Iterator[Chosen]:
    """Yield fillers for the slots of both; slots of the same kind get different ones."""
    keys = tuple(dict.fromkeys((*template.keys, *(changed.keys if changed else ()))))
    sizes = [len(fillers[name]) for name, _ in keys]
    source = changed.source if changed else ""
    for number in order(math.prod(sizes), "fill", template.source, source):
        chosen: dict[tuple[str, str], Filler] = {}
        for key, size in zip(keys, sizes, strict=True):
            number, at = divmod(number, size)
            chosen[key] = fillers[key[0]][at]
        if len({(name, filler.text) for (name, _), filler in chosen.items()}) == len(chosen):
            yield chosen


def _label(definition: Definition, form: Form, chosen: Chosen, words: Sequence[str]) -> str | None:
    expect = definition.expect
    slot = expect.label_of or expect.opposite_of
    if slot is None:
        return form.label or expect.label
    label = chosen[slot, ""].label
    if expect.opposite_of:
        return next(word for word in words if word != label)
    return label


def _turns(iterators: Iterable[Iterator[T]]) -> Iterator[T]:
    """Yield from the iterators in turn until all are at their end."""
    left = list(iterators)
    while left:
        alive: list[Iterator[T]] = []
        for iterator in left:
            for item in itertools.islice(iterator, 1):
                alive.append(iterator)
                yield item
        left = alive
