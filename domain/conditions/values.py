"""What a value is: its kind, which kinds have an order, and when two texts are the same but for their case."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from domain.money import Money

Value = str | bool | int | Decimal | dt.date | dt.datetime | Money
"""One known value. Amounts are exact, moments know their zone, codes of closed lists are their text."""


class Kind(StrEnum):
    """What can be compared with what: only values of one kind, and amounts only of one currency."""

    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    MONEY = "money"


# Text has no order here: a database's collation and Python's would not agree on it.
ORDERED = frozenset({Kind.NUMBER, Kind.DATE, Kind.MOMENT, Kind.MONEY})

_KINDS: dict[type, Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
    int: Kind.NUMBER,
    dt.date: Kind.DATE,
    Money: Kind.MONEY,
}


def kind_of(value: object) -> Kind | None:
    """The kind of a value; None for what is none: a float, a moment without zone, a number that is not finite."""
    if kind := _KINDS.get(type(value)):
        return kind
    match value:
        case dt.datetime():
            return Kind.MOMENT if value.tzinfo is not None else None
        case Decimal():
            return Kind.NUMBER if value.is_finite() else None
        case str():
            return Kind.TEXT
    return None


def comparable(one: object, other: object) -> bool:
    """Whether two values are of one kind; of amounts, also of one currency, since amounts do not convert."""
    if isinstance(one, Money) and isinstance(other, Money):
        return one.currency == other.currency
    kind = kind_of(one)
    return kind is not None and kind is kind_of(other)


def fold(text: str) -> str:
    """The text in lower case, character by character, as PostgreSQL's lower() has it in a UTF-8 locale.

    That is Unicode's simple mapping. `str.lower` knows the sigma at the end of a word and makes two characters of
    İ; PostgreSQL does neither. Letters younger than this Python's Unicode stay as they are.
    """
    return text.lower() if text.isascii() else "".join([character.lower()[0] for character in text])
