"""From a target and its options to a function that reads one cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from domain.intake import cells
from domain.intake.cells import Bad
from domain.intake.mapping import Mapping, Source
from domain.intake.targets import Kind, Target

Constant: TypeAlias = str | bool | int
Value: TypeAlias = str | bool | int | Decimal | dt.date
Reader: TypeAlias = Callable[[str], Value | Bad]

COLUMN = Source(column="")
"""A column without options."""


def reader(mapping: Mapping, target: Target, source: Source) -> Reader:
    """What reads a stripped, non-blank cell. Amounts stay decimal until their currency is known."""
    if source.codes is not None:
        listed = {
            word: constant(mapping, target, value) for word, value in mapping.codes[source.codes].items()
        }
        return _listed(listed, ignore_case=source.ignore_case)
    match target.kind:
        case Kind.TEXT | Kind.REGISTRATION:
            return _text(target, source)
        case Kind.INTEGER:
            return _integer(target, source)
        case Kind.DECIMAL:
            return _decimal(mapping, target)
        case Kind.AMOUNT:
            form = mapping.amounts.form
            return lambda cell: cells.decimal(cell, form)
        case Kind.DATE:
            dates = mapping.date_form(source)
            return lambda cell: cells.date(cell, dates)
        case Kind.CODE:
            return cells.one_of(target.allowed)
        case Kind.BOOLEAN:
            return lambda _: Bad("is neither true nor false")


def constant(mapping: Mapping, target: Target, value: Constant) -> Value | Bad:
    """What a constant or an entry of a code list means for a target."""
    if target.kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else Bad("is neither true nor false")
    if isinstance(value, bool):
        return Bad(f"is not a {target.kind}")
    if target.kind is Kind.DATE:
        # A constant is written by the mapping's author, whose dates are ISO 8601.
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            return Bad("is not a date (YYYY-MM-DD)")
    if not str(value).strip():
        return Bad("is blank")
    return reader(mapping, target, COLUMN)(str(value))


def _listed(listed: dict[str, Value | Bad], *, ignore_case: bool) -> Reader:
    known = {word.upper(): value for word, value in listed.items()} if ignore_case else listed
    unknown = Bad("is not in the code list")
    if ignore_case:
        return lambda cell: known.get(cell.upper(), unknown)
    return lambda cell: known.get(cell, unknown)


def _text(target: Target, source: Source) -> Reader:
    pattern = source.pattern or target.pattern
    return lambda cell: cells.text(cell, longest=target.longest, pattern=pattern)


def _integer(target: Target, source: Source) -> Reader:
    least = target.least if source.minimum is None else source.minimum
    most = target.most if source.maximum is None else source.maximum
    return lambda cell: cells.integer(cell, least=least, most=most)


def _decimal(mapping: Mapping, target: Target) -> Reader:
    form = mapping.amounts.form
    if target.least is None:
        return lambda cell: cells.decimal(cell, form)
    least, most = target.least, target.most
    outside = Bad(f"is not between {least} and {most}" + ("; write 5 % as 0.05" if most == 1 else ""))

    def bounded(cell: str) -> Decimal | Bad:
        found = cells.decimal(cell, form)
        return found if isinstance(found, Bad) or least <= found <= most else outside

    return bounded
