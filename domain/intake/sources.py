"""Where one target's value comes from in a row: a cell, a constant, or another target's value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from domain.intake import cells
from domain.intake.cells import Bad
from domain.intake.mapping import Mapping, Source, When
from domain.intake.readers import constant, reader
from domain.intake.targets import COUNTRY_OF, Kind, Target

Values: TypeAlias = dict[str, Any]
"""What is known of the row so far, by target (`facility.limit`)."""

Condition: TypeAlias = Callable[[Sequence[str], Values], bool]
Finder: TypeAlias = Callable[[Sequence[str], Values], Any]

MISSING = object()
"""What a blank means."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One source, compiled: when it holds, what it finds, what a blank or a bad value does to the row."""

    label: str
    place: int | None
    holds: Condition | None
    find: Finder
    required: bool
    refuses: bool


def attempt(mapping: Mapping, header: Sequence[str], key: str, target: Target, source: Source) -> Attempt:
    """The source of target `key`, ready for rows under this header."""
    place = header.index(source.column) if source.column is not None else None
    return Attempt(
        label=source.column if source.column is not None else key,
        place=place,
        holds=condition(header, source.when),
        find=_finder(mapping, key, target, source, place),
        required=source.required,
        refuses=source.on_bad == "refuse",
    )


def condition(header: Sequence[str], conditions: Sequence[When]) -> Condition | None:
    """Whether any of the conditions holds; None where there is none."""
    if not conditions:
        return None
    tests = [_test(header, each) for each in conditions]
    return lambda fields, values: any(test(fields, values) for test in tests)


def references(key: str, sources: Sequence[Source]) -> set[str]:
    """What must be known before this target: what its sources name, its currency, its country."""
    entity = key.partition(".")[0]
    own_codes = {f"{entity}.currency", _country_of(entity)}
    found = own_codes - {key}
    for source in sources:
        found |= {name for name in (source.from_, source.plus_months) if name}
        found |= {condition.target for condition in source.when if condition.target}
    # Currency and country themselves are codes: they wait for nothing of their own entity.
    own = key in own_codes
    return {name for name in found if not (own and name.partition(".")[0] == entity)}


def _country_of(entity: str) -> str:
    return f"{entity}.{COUNTRY_OF.get(entity, 'registration_country')}"


def _finder(mapping: Mapping, key: str, target: Target, source: Source, place: int | None) -> Finder:
    if source.from_ is not None:
        found = _from_target(source, source.from_)
        return _in_same_currency(key, source.from_, found) if target.kind is Kind.AMOUNT else found
    if place is not None:
        read = reader(mapping, target, source)
        return _finished(key, target, _from_cell(place, read, frozenset(source.missing)))
    assert source.constant is not None, "the mapping was checked"
    fixed = constant(mapping, target, source.constant)
    return _finished(key, target, lambda _, __: fixed)


def _test(header: Sequence[str], when: When) -> Condition:
    if when.column is not None:
        place = header.index(when.column)
        return _tested(lambda fields, _: fields[place] or None, when)
    name = when.target or ""
    return _tested(lambda _, values: values.get(name), when)


def _in_same_currency(key: str, other: str, find: Finder) -> Finder:
    """Minor units of one currency are none of another."""
    own, others = (f"{name.rpartition('.')[0]}.currency" for name in (key, other))

    def find_(fields: Sequence[str], values: Values) -> Any:
        return find(fields, values) if values[own] == values[others] else Bad("is in another currency")

    return find_


def _from_cell(place: int, read: Callable[[str], Any], missing: frozenset[str]) -> Finder:
    def find(fields: Sequence[str], _: Values) -> Any:
        cell = fields[place]
        return MISSING if not cell or cell in missing else read(cell)

    return find


def _from_target(source: Source, name: str) -> Finder:
    months, at_most = source.plus_months, source.at_most

    def find(_: Sequence[str], values: Values) -> Any:
        found = values.get(name)
        if months is not None and found is not None:
            added = values.get(months)
            found = None if added is None else cells.add_months(found, added)
        if found is None:
            return MISSING
        return min(found, at_most) if at_most is not None and not isinstance(found, Bad) else found

    return find


def _finished(key: str, target: Target, find: Finder) -> Finder:
    """Amounts wait for their entity's currency, registration numbers for its country."""
    entity = key.rpartition(".")[0]
    if target.kind is Kind.AMOUNT:
        currency = f"{entity}.currency"

        def amount(fields: Sequence[str], values: Values) -> Any:
            found = find(fields, values)
            if not isinstance(found, Decimal):
                return found
            return cells.minor(found, values.get(currency), target.least)

        return amount
    if target.kind is Kind.REGISTRATION:
        country = _country_of(entity)

        def registration(fields: Sequence[str], values: Values) -> Any:
            found = find(fields, values)
            return cells.registration(found, values.get(country)) if isinstance(found, str) else found

        return registration
    return find


def _tested(find: Finder, when: When) -> Condition:
    if when.is_ is not None:
        words = frozenset(when.is_)
        return lambda fields, values: str(find(fields, values)) in words
    return lambda fields, values: (find(fields, values) is not None) == when.present
