"""The JSON form of rule sets: strict, stable, versioned; docs/rule-sets.md shows it.

Version 1 holds conditions in version 1 of theirs (docs/conditions.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from domain import conditions
from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Unreadable, size_of
from domain.segmentation.rules import Band, Points, Remark, Rule, RuleSet, Score

VERSION = 1
MOST_RULES = 100
MOST_VALUES = 50
MOST_SCORES = 10
MOST_BANDS = 50
MOST_ALTERNATIVES = 10
MOST_POINTS = 10_000
MOST_CONDITIONS = 2_000
"""Comparisons and combinations in one rule set, all conditions together."""
LONGEST_NOTE = 500

NAME = re.compile(r"[a-z][A-Za-z0-9]{0,63}", re.ASCII)
"""Dimensions' codes and scores' names: riskClass, lapse."""
VALUE = re.compile(r"[A-Z][A-Z0-9_]{0,49}", re.ASCII)
"""A value of a dimension: AT_RISK."""

T = TypeVar("T")


def written(rule_set: RuleSet) -> dict[str, Any]:
    """The rule set as JSON values; `read` gives it back."""
    return {
        "version": VERSION,
        "dimension": rule_set.dimension,
        "values": [*rule_set.values],
        "scores": [*map(_written_score, rule_set.scores)],
        "rules": [
            {"value": rule.value, "when": _written(rule.when)} | _noted(rule.note) for rule in rule_set.rules
        ],
        "default": {"value": rule_set.default} | _noted(rule_set.default_note),
        "remarks": [{"when": _written(one.when), "note": one.note} for one in rule_set.remarks],
    }


def _written_score(score: Score) -> dict[str, Any]:
    items = [[{"points": item.points, "when": _written(item.when)} for item in band] for band in score.items]
    return {"name": score.name, "items": items} | ({} if score.cap is None else {"cap": score.cap})


def _written(condition: Condition) -> Any:
    return conditions.written(condition)["condition"]


def _noted(note: str | None) -> dict[str, str]:
    return {} if note is None else {"note": note}


def read(data: Any) -> RuleSet:
    """The rule set in its JSON form. Raises Unreadable: unknown, misshapen, too long or too large.

    Whether it can be meant – its facts, its values, its order – is for `checking.check` to say.
    """
    _keys(data, "the rule set", {"version", "dimension", "values", "rules"}, {"default", "scores", "remarks"})
    if type(data["version"]) is not int or data["version"] != VERSION:
        raise Unreadable("version", f"this version is not known here, only {VERSION}")
    made = RuleSet(
        dimension=_named(NAME, data["dimension"], "dimension", 'a dimension\'s code such as "riskClass"'),
        values=_list(data["values"], "values", MOST_VALUES, _value),
        scores=_list(data.get("scores", []), "scores", MOST_SCORES, _score),
        rules=_list(data["rules"], "rules", MOST_RULES, _rule),
        default=_default(data.get("default")),
        default_note=_note(data["default"], "default"),
        remarks=_list(data.get("remarks", []), "remarks", MOST_RULES, _remark),
    )
    if sum(map(size_of, made.conditions())) > MOST_CONDITIONS:
        raise Unreadable("rules", f"more than {MOST_CONDITIONS} conditions, all rules together")
    return made


def _rule(data: Any, path: str) -> Rule:
    _keys(data, path, {"value", "when"}, {"note"})
    return Rule(
        _value(data["value"], f"{path}.value"), _condition(data["when"], f"{path}.when"), _note(data, path)
    )


def _default(data: Any) -> str:
    if data is None:
        raise Unreadable("default", "say which value a client has of whom no rule holds")
    _keys(data, "default", {"value"}, {"note"})
    return _value(data["value"], "default.value")


def _remark(data: Any, path: str) -> Remark:
    _keys(data, path, {"when", "note"}, set())
    note = _note(data, path)
    if note is None:
        raise Unreadable(f"{path}.note", "a remark says something")
    return Remark(_condition(data["when"], f"{path}.when"), note)


def _score(data: Any, path: str) -> Score:
    _keys(data, path, {"name", "items"}, {"cap"})
    cap = data.get("cap")
    return Score(
        _named(NAME, data["name"], f"{path}.name", 'a score\'s name such as "lapse"'),
        _list(data["items"], f"{path}.items", MOST_BANDS, _band),
        None if cap is None else _whole(cap, f"{path}.cap"),
    )


def _band(data: Any, path: str) -> Band:
    band = _list(data, path, MOST_ALTERNATIVES, _points)
    if not band:
        raise Unreadable(path, "one alternative at least is needed")
    return band


def _points(data: Any, path: str) -> Points:
    _keys(data, path, {"points", "when"}, set())
    return Points(_condition(data["when"], f"{path}.when"), _whole(data["points"], f"{path}.points"))


def _condition(data: Any, path: str) -> Condition:
    try:
        read = conditions.read({"version": 1, "condition": data})
    except Unreadable as wrong:
        raise Unreadable(path + wrong.path.removeprefix("condition"), wrong.reason) from None
    if not _of_facts(read):
        raise Unreadable(path, "a rule speaks of facts, not of related rows: one, some, none, every")
    return read


def _of_facts(condition: Condition) -> bool:
    if isinstance(condition, AllOf | AnyOf):
        return all(map(_of_facts, condition.parts))
    return _of_facts(condition.part) if isinstance(condition, Not) else isinstance(condition, Compare)


def _value(data: Any, path: str) -> str:
    return _named(VALUE, data, path, 'a value such as "AT_RISK": capitals, digits and _')


def _named(pattern: re.Pattern[str], data: Any, path: str, what: str) -> str:
    if not isinstance(data, str) or not pattern.fullmatch(data):
        raise Unreadable(path, f"{_shown(data)} is not {what}")
    return data


def _note(data: Mapping[str, Any], path: str) -> str | None:
    note = data.get("note")
    if note is None:
        return None
    if not isinstance(note, str) or not note.strip() or len(note) > LONGEST_NOTE or not _storable(note):
        raise Unreadable(f"{path}.note", f"a note is a text of 1 to {LONGEST_NOTE} characters")
    return note


def _storable(text: str) -> bool:
    # What PostgreSQL cannot hold.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _whole(data: Any, path: str) -> int:
    if type(data) is not int or not -MOST_POINTS <= data <= MOST_POINTS:
        raise Unreadable(path, f"points are whole numbers of -{MOST_POINTS} to {MOST_POINTS}")
    return data


def _list(data: Any, path: str, most: int, one: Callable[[Any, str], T]) -> tuple[T, ...]:
    if not isinstance(data, list):
        raise Unreadable(path, f"{_shown(data)} is no list")
    if len(data) > most:
        raise Unreadable(path, f"{len(data)} are listed; at most {most} are taken")
    return tuple(one(item, f"{path}[{index}]") for index, item in enumerate(data))


def _keys(data: Any, path: str, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(data, Mapping):
        raise Unreadable(path, f"{_shown(data)} is no object")
    if lacking := needed - set(data):
        raise Unreadable(path, f"{', '.join(sorted(lacking))} is needed here")
    if unknown := set(data) - needed - allowed:
        raise Unreadable(path, f"{_shown(min(map(str, unknown)))} is not known here")


def _shown(data: Any) -> str:
    """Enough of what was sent to recognise it."""
    if isinstance(data, str):
        return repr(data[:40])
    plain = data is None or isinstance(data, bool) or (isinstance(data, int) and data.bit_length() <= 64)
    return repr(data) if plain else f"a {type(data).__name__}"
