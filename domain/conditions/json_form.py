"""The JSON form of conditions: stable, versioned, exact; docs/conditions.md shows it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from domain.conditions.tree import (
    DEEPEST_CONDITION,
    LONGEST_LIST,
    MOST_CONDITIONS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    NoneOf,
    Not,
    One,
    Operand,
    Operator,
    Some,
    mistake,
)
from domain.conditions.values import Value
from domain.json_forms import Unreadable
from domain.money import AmountRefusal, Money, to_minor

VERSION = 1

_FIELD = re.compile(
    r"[a-z][A-Za-z0-9]{0,99}(?:\.currency)?|(?:score|segment)\.[a-z][A-Za-z0-9]{0,99}", re.ASCII
)
_RELATION = re.compile(r"[a-z][A-Za-z0-9]{0,99}", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,27})(?:\.[0-9]{1,28})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(_DATE.pattern + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z", re.ASCII)

_RELATIONS: dict[str, type[One | Some | NoneOf | Every]] = {
    "one": One,
    "some": Some,
    "none": NoneOf,
    "every": Every,
}
_NAMES = {made: name for name, made in _RELATIONS.items()}


def written(condition: Condition) -> dict[str, Any]:
    """The condition as JSON values; `read` gives it back."""
    return {"version": VERSION, "condition": _written(condition)}


def _written(condition: Condition) -> dict[str, Any]:
    match condition:
        case Compare(field, operator, value):
            plain = [*map(_written_value, value)] if isinstance(value, tuple) else _written_value(value)
            return {"field": field, "operator": operator.value, "value": plain}
        case AllOf(parts):
            return {"allOf": [_written(part) for part in parts]}
        case AnyOf(parts):
            return {"anyOf": [_written(part) for part in parts]}
        case Not(part):
            return {"not": _written(part)}
    return {_NAMES[type(condition)]: condition.relation, "where": _written(condition.part)}


def _written_value(value: Value) -> Any:
    match value:
        case Money():
            return {"money": {"amount": f"{value.amount:f}", "currency": value.currency}}
        case Decimal():
            return {"decimal": f"{value:f}"}
        case dt.datetime():
            moment = value.astimezone(dt.UTC).replace(tzinfo=None)
            return {"moment": moment.isoformat() + "Z"}
        case dt.date():
            return {"date": value.isoformat()}
        case str():
            return str(value)
    return value


def read(data: Any) -> Condition:
    """The condition in its JSON form. Raises Unreadable: unknown, misshapen, too deep, too long or too large."""
    _keys(data, {"version", "condition"}, "the form")
    if type(data["version"]) is not int or data["version"] != VERSION:
        raise Unreadable("version", f"{_shown(data['version'])} is not known here, only {VERSION}")
    return _Reader().condition(data["condition"], "condition", 0, in_all=False)


class _Reader:
    """Reads one form; counts what it has read."""

    def __init__(self) -> None:
        self._left = MOST_CONDITIONS

    def condition(self, data: Any, path: str, depth: int, *, in_all: bool) -> Condition:
        self._left -= 1
        if self._left < 0:
            raise Unreadable(path, f"more than {MOST_CONDITIONS} conditions")
        if not isinstance(data, Mapping):
            raise Unreadable(path, f"{_shown(data)} is no condition: an object is needed")
        if depth > DEEPEST_CONDITION:
            raise Unreadable(path, f"nested deeper than {DEEPEST_CONDITION} levels")
        if "field" in data:
            return _comparison(data, path)
        if "allOf" in data:
            # An `allOf` adds a level only to another one: in place of a single condition it is none.
            return AllOf(self._parts(data, "allOf", path, depth + in_all, in_all=True))
        if "anyOf" in data:
            return AnyOf(self._parts(data, "anyOf", path, depth + 1, in_all=False))
        if "not" in data:
            _keys(data, {"not"}, path)
            return Not(self.condition(data["not"], f"{path}.not", depth + 1, in_all=False))
        return self._related(data, path, depth)

    def _parts(
        self, data: Mapping[str, Any], name: str, path: str, depth: int, *, in_all: bool
    ) -> tuple[Condition, ...]:
        _keys(data, {name}, path)
        path = f"{path}.{name}"
        listed = _list(data[name], path)
        return tuple(
            self.condition(part, f"{path}[{index}]", depth, in_all=in_all)
            for index, part in enumerate(listed)
        )

    def _related(self, data: Mapping[str, Any], path: str, depth: int) -> Condition:
        name = next((name for name in _RELATIONS if name in data), None)
        if name is None:
            raise Unreadable(path, "a condition has `field`, `allOf`, `anyOf`, `not`, or a relation's name")
        _keys(data, {name, "where"}, path)
        relation = _matching(_RELATION, data[name], f"{path}.{name}", "the name of a relation")
        part = self.condition(data["where"], f"{path}.where", depth + 1, in_all=False)
        return _RELATIONS[name](relation, part)


def _comparison(data: Mapping[str, Any], path: str) -> Compare:
    _keys(data, {"field", "operator", "value"}, path)
    field = _matching(_FIELD, data["field"], f"{path}.field", "the name of a field")
    try:
        operator = Operator(data["operator"])
    except ValueError:
        raise Unreadable(f"{path}.operator", f"{_shown(data['operator'])} is no operator") from None
    made = Compare(field, operator, _operand(data["value"], f"{path}.value"))
    if wrong := mistake(made):
        raise Unreadable(f"{path}.value", wrong)
    return made


def _operand(data: Any, path: str) -> Operand:
    if isinstance(data, list):
        return tuple(_value(one, f"{path}[{index}]") for index, one in enumerate(_list(data, path)))
    return _value(data, path)


def _value(data: Any, path: str) -> Value:
    if isinstance(data, str):
        return _storable(data, path)
    if isinstance(data, bool | int):
        return data
    if isinstance(data, Mapping) and len(data) == 1:
        ((kind, inner),) = data.items()
        if kind in _READERS:
            return _READERS[kind](inner, f"{path}.{kind}")
    raise Unreadable(path, f"{_shown(data)} is no value")


def _decimal(data: Any, path: str) -> Decimal:
    return Decimal(_matching(_DECIMAL, data, path, 'a decimal such as "0.0435"'))


def _date(data: Any, path: str) -> dt.date:
    text = _matching(_DATE, data, path, 'a date such as "2026-01-15"')
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Unreadable(path, f"{_shown(data)} is no day of the calendar") from None


def _moment(data: Any, path: str) -> dt.datetime:
    text = _matching(_MOMENT, data, path, 'a moment in UTC such as "2026-01-15T08:30:00Z"')
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(path, f"{_shown(data)} is no moment of the calendar") from None


def _money(data: Any, path: str) -> Money:
    _keys(data, {"amount", "currency"}, path)
    currency = _matching(_CURRENCY, data["currency"], f"{path}.currency", "an ISO 4217 code")
    minor = to_minor(_decimal(data["amount"], f"{path}.amount"), currency)
    if isinstance(minor, AmountRefusal):
        raise Unreadable(path, f"this is no amount ({minor})")
    return Money(minor, currency)


_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_READERS: dict[str, Callable[[Any, str], Value]] = {
    "decimal": _decimal,
    "date": _date,
    "moment": _moment,
    "money": _money,
}


def _storable(text: str, path: str) -> str:
    # What PostgreSQL cannot hold, no stored text equals; sent to it, it would be a fault.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Unreadable(path, "text may hold neither U+0000 nor half of a surrogate pair")
    return text


def _matching(pattern: re.Pattern[str], data: Any, path: str, what: str) -> str:
    if not isinstance(data, str) or not pattern.fullmatch(data):
        raise Unreadable(path, f"{_shown(data)} is not {what}")
    return data


def _list(data: Any, path: str) -> list[Any]:
    if not isinstance(data, list):
        raise Unreadable(path, f"{_shown(data)} is no list")
    if len(data) > LONGEST_LIST:
        raise Unreadable(path, f"{len(data)} are listed; at most {LONGEST_LIST} are taken")
    return data


def _keys(data: Any, wanted: set[str], path: str) -> None:
    if not isinstance(data, Mapping) or set(data) != wanted:
        raise Unreadable(path, f"an object with exactly {', '.join(sorted(wanted))} is needed")


def _shown(data: Any) -> str:
    """Enough of what was sent to recognise it."""
    if isinstance(data, str):
        return repr(data[:40])
    plain = data is None or isinstance(data, bool) or (isinstance(data, int) and data.bit_length() <= 64)
    return repr(data) if plain else f"a {type(data).__name__}"
