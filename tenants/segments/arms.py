"""One dimension as SQL: from a row of facts to the value, the rule that decided, its reasons, what is missing.

The value is one CASE over the facts: what it compares of other dimensions is written out in it, and evaluated only
as far as the answer needs it. Everything else is looked up by the number of the rule that decided, which a lateral
subquery finds, one for each dimension that is needed. GROUP BY () fences it: it is evaluated once a row; and it
promises one row: PostgreSQL leaves it out where nothing is looked up. The facts that are
looked at there are fenced as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import orjson

from domain.conditions import Compare, Condition, Kind
from domain.conditions.evaluation import holds
from domain.segmentation.rules import SCORE, SEGMENT, RuleSet, Score, Version, fact_name, leaves
from domain.segmentation.texts import written_leaf
from tenants.segments.conditions import (
    FALSE,
    ROW,
    TRUE,
    combined,
    comparison,
    fact_value,
    in_words,
    on_a_fact,
    quoted,
)

COLUMNS = (
    "dimension",
    "value",
    "rule_set_id",
    "rule",
    "note",
    "because",
    "missing",
    "also_matched",
    "value_by_rule",
)
"""What an arm selects, in order. The last is the value as well, for who looks up more by the rule's number."""

MOST_WRITTEN_OUT = 500
"""Comparisons that a value may take: those of chains of dimensions multiply."""

NO_FACTS = "'{}'::text[]"

_BETWEEN = " || ',' || "
_NOTHING = "''"
_HOLDS, _DOES_NOT = (f"""',"holds":{told}}}'""" for told in ("true", "false"))


def arm(
    dimension: str, versions: Mapping[str, Version], columns: Sequence[str] = COLUMNS, *, where: str = ""
) -> str:
    """The SELECT of a dimension over the facts row, given the rule sets that are in force there.

    `where` says of which rows, from " where " on.
    """
    stages = _Stages(versions)
    stage = stages.of(dimension)
    assert stage is not None, f"{dimension} has rules"
    made: dict[str, Callable[[], str]] = {
        "dimension": lambda: f"{quoted(dimension)}::text",
        "value": lambda: "v.value" if stage.is_written_out else stage.value(),
        "rule_set_id": lambda: str(versions[dimension].id),
        "rule": lambda: f"nullif({stage.rule}, {stage.default})",
        "note": stage.note,
        "because": stage.because,
        "missing": stage.missing,
        "also_matched": stage.also_matched,
        "value_by_rule": stage.value_by_rule,
    }
    selected = ", ".join(f"{made[name]()} as {name}" for name in columns)
    value = f" {stage.value()} as value" if stage.is_written_out else ""
    looked_up = list(stages.froms())
    froms = [f"(select{value}{where}) v", *_facts_of(" ".join((selected, *looked_up))), *looked_up]
    return f"select {selected} from {' left join lateral '.join(froms)}"


_QUOTED = re.compile(r"'(?:[^']|'')*'")
_FACT = re.compile(rf"\b{ROW}\.([a-z0-9_]+)")


def _facts_of(sql: str) -> Iterator[str]:
    """The facts that the SQL mentions, each worked out once a row, under the name that their row has.

    A fact of the view is an expression: copied to wherever it is mentioned, it made starting a statement dear.
    """
    if facts := sorted(set(_FACT.findall(_QUOTED.sub("", sql)))):
        yield f"(select {', '.join(f'{ROW}.{fact}' for fact in facts)} group by ()) {ROW} on true"


class _Stages:
    """The dimension and those whose values it compares, each once, in the order in which they can be evaluated."""

    def __init__(self, versions: Mapping[str, Version]) -> None:
        self.versions = versions
        self._made: dict[str, _Stage] = {}

    def of(self, dimension: str) -> _Stage | None:
        """The dimension's stage, behind those that it needs; None where it has no rules."""
        if dimension not in self.versions:
            return None
        if dimension not in self._made:
            rule_set = self.versions[dimension].rule_set
            others = {name: self.of(name) for name in rule_set.segments()}
            self._made[dimension] = _Stage(rule_set, others, str(len(self._made)))
        return self._made[dimension]

    def froms(self) -> Iterator[str]:
        for stage in self._made.values():
            yield from stage.froms()


class _Stage:
    """One rule set over the facts row and the values of the dimensions that it needs."""

    def __init__(self, rule_set: RuleSet, others: Mapping[str, _Stage | None], mark: str) -> None:
        self.rule_set = rule_set
        self.others = others
        self.mark = mark
        self.rule = f"m{mark}.rule"
        self.default = len(rule_set.rules)
        """The number of the default, behind those of the rules."""

    def froms(self) -> Iterator[str]:
        """What stands in FROM: the scores, and the number of the rule that decides."""
        for at, score in enumerate(self.rule_set.scores):
            yield f"(select {self._points(score, self._leaf)} as points group by ()) {self._score(at)} on true"
        tests = [f"when {self.holds(rule.when)} then {n}" for n, rule in enumerate(self.rule_set.rules)]
        number = f"case {' '.join(tests)} else {self.default} end" if tests else str(self.default)
        yield f"(select {number} as rule group by ()) m{self.mark} on true"

    def value(self) -> str:
        """The value in the dimension, from the facts alone unless that would take too much text."""
        default = quoted(self.rule_set.default)
        if not self.is_written_out:
            return self.value_by_rule()
        tests = [(combined(rule.when, self._written_out), quoted(rule.value)) for rule in self.rule_set.rules]
        return _first(tests, default) if tests else f"{default}::text"

    @property
    def is_written_out(self) -> bool:
        """Whether the value is a CASE over the facts alone."""
        return self.weight <= MOST_WRITTEN_OUT

    def value_by_rule(self) -> str:
        """The value, looked up by the rule that decided."""
        values = [quoted(rule.value) for rule in self.rule_set.rules]
        return self._by_rule(values, quoted(self.rule_set.default), "text")

    @cached_property
    def weight(self) -> int:
        """How many comparisons the value takes, those of other dimensions and scores in their places."""
        return sum(self._weight(rule.when) for rule in self.rule_set.rules)

    def _weight(self, condition: Condition) -> int:
        weight = 0
        for leaf in leaves(condition):
            weight += 1
            if leaf.field.startswith(SCORE) and (
                score := self.rule_set.score(leaf.field.removeprefix(SCORE))
            ):
                weight += sum(self._weight(item.when) for band in score.items for item in band)
            elif leaf.field.startswith(SEGMENT) and (other := self.others[leaf.field.removeprefix(SEGMENT)]):
                weight += other.weight
        return weight

    def holds(self, condition: Condition) -> str:
        """The condition, over the numbers of the rules that decided in other dimensions."""
        return combined(condition, self._leaf)

    def note(self) -> str:
        """The rule's note and the remarks that hold."""
        rules, default = self.rule_set.rules, self.rule_set.default_note
        own = "null::text"
        if default is not None or any(rule.note is not None for rule in rules):
            own = self._by_rule([_text(rule.note) for rule in rules], _text(default), "text")
        if not self.rule_set.remarks:
            return own
        remarks = [
            f"case when {self.holds(one.when)} then {quoted(one.note)} end" for one in self.rule_set.remarks
        ]
        return f"nullif(concat_ws('; ', {', '.join([own, *remarks])}), '')"

    def because(self) -> str:
        """The comparisons of the rule that decided, each with the client's value: JSON's text, ready to be sent."""
        reasons = [
            f"'[' || {_BETWEEN.join(map(self._reason, leaves(rule.when))) or _NOTHING} || ']'"
            for rule in self.rule_set.rules
        ]
        return self._by_rule(reasons, "'[]'", "text")

    def missing(self) -> str:
        """The facts that are not known among those asked for up to the rule that decided."""
        found = [
            f"case when {unknown} and {_any(asked)} then {quoted(name)} end"
            for name, (unknown, asked) in sorted(self._asked().items())
        ]
        return f"array_remove(array[{', '.join(found)}]::text[], null)" if found else NO_FACTS

    def also_matched(self) -> str:
        """The other values of later rules that hold."""
        earlier: dict[str, list[int]] = {}
        found = []
        for number, rule in enumerate(self.rule_set.rules):
            same = earlier.setdefault(rule.value, [])
            if number:
                tests = [f"{self.rule} < {number}", f"({self.holds(rule.when)})"]
                if same:
                    tests.append(f"{self.rule} not in ({', '.join(map(str, same))})")
                    before = " or ".join(self.holds(self.rule_set.rules[one].when) for one in same)
                    tests.append(f"({before}) is not true")
                found.append(f"case when {' and '.join(tests)} then {quoted(rule.value)} end")
            same.append(number)
        return f"array_remove(array[{', '.join(found)}]::text[], null)" if found else NO_FACTS

    def _by_rule(self, of_rules: list[str], of_default: str, type_: str) -> str:
        """What belongs to the rule that decided."""
        tests = [f"when {number} then {made}" for number, made in enumerate(of_rules) if made != of_default]
        return (
            f"case {self.rule} {' '.join(tests)} else {of_default} end" if tests else f"{of_default}::{type_}"
        )

    def _reason(self, leaf: Compare) -> str:
        condition = orjson.dumps(written_leaf(leaf)).decode()
        begun = quoted(f'{{"condition":{condition},"value":')
        value = f"coalesce(to_json({self._in_words(leaf.field)})::text, 'null')"
        return f"{begun} || {value} || case when {self._leaf(leaf)} then {_HOLDS} else {_DOES_NOT} end"

    def _leaf(self, leaf: Compare) -> str:
        if leaf.field.startswith(SCORE):
            points = self._points_of(leaf.field)
            return comparison(leaf, points, Kind.NUMBER) if points else _of_missing(leaf)
        if leaf.field.startswith(SEGMENT):
            other = self.others[leaf.field.removeprefix(SEGMENT)]
            return other.compared(leaf) if other else _of_missing(leaf)
        return on_a_fact(leaf)

    def _written_out(self, leaf: Compare) -> str:
        """A comparison over the facts alone."""
        if leaf.field.startswith(SCORE):
            score = self.rule_set.score(leaf.field.removeprefix(SCORE))
            if score is None:
                return _of_missing(leaf)
            return comparison(leaf, f"({self._points(score, self._written_out)})", Kind.NUMBER)
        if leaf.field.startswith(SEGMENT):
            other = self.others[leaf.field.removeprefix(SEGMENT)]
            return other.compared_at_once(leaf) if other else _of_missing(leaf)
        return on_a_fact(leaf)

    def compared(self, leaf: Compare) -> str:
        """A comparison with this dimension's value: the rules whose values satisfy it are known beforehand."""
        satisfied = self._satisfied(leaf)
        numbers = [str(number) for number, is_so in enumerate(satisfied) if is_so]
        if len(numbers) in (0, len(satisfied)):
            return TRUE if numbers else FALSE
        return f"({self.rule} in ({', '.join(numbers)}))"

    def compared_at_once(self, leaf: Compare) -> str:
        """The same from the facts alone: the rules, as far as they make a difference."""
        *of_rules, default = self._satisfied(leaf)
        while of_rules and of_rules[-1] == default:
            of_rules.pop()
        tests = [
            (combined(rule.when, self._written_out), TRUE if is_so else FALSE)
            for rule, is_so in zip(self.rule_set.rules, of_rules, strict=False)
        ]
        return _first(tests, TRUE if default else FALSE)

    def _satisfied(self, leaf: Compare) -> list[bool]:
        """Which of the rules' values, and last the default, satisfy a comparison."""
        return [holds(leaf, rule.value) for rule in self.rule_set.rules] + [
            holds(leaf, self.rule_set.default)
        ]

    def _in_words(self, field: str) -> str:
        if field.startswith(SCORE):
            points = self._points_of(field)
            return f"{points}::text" if points else "null::text"
        if field.startswith(SEGMENT):
            other = self.others[field.removeprefix(SEGMENT)]
            return other.value_by_rule() if other else "null::text"
        return in_words(field)

    def _points(self, score: Score, leaf: Callable[[Compare], str]) -> str:
        bands = [
            _first([(combined(item.when, leaf), str(item.points)) for item in band], "0")
            for band in score.items
        ]
        together = " + ".join(bands) or "0"
        return together if score.cap is None else f"least({together}, {score.cap})"

    def _score(self, at: int) -> str:
        return f"s{self.mark}_{at}"

    def _points_of(self, field: str) -> str | None:
        """The column of a score; None where the set has none of the name."""
        names = [score.name for score in self.rule_set.scores]
        name = field.removeprefix(SCORE)
        return f"{self._score(names.index(name))}.points" if name in names else None

    def _asked(self) -> dict[str, tuple[str, list[str]]]:
        """Every fact that a rule asks for: when it is unknown, and the circumstances in which it was asked for."""
        asked: dict[str, tuple[str, list[str]]] = {}
        for field, first in self._first_asked().items():
            # Every rule from the first that asks, and the default, have it behind them.
            when = TRUE if first == 0 else f"{self.rule} >= {first}"
            if not field.startswith(SEGMENT):
                known = fact_value(field)
                unknown = f"{known[0]} is null" if known else TRUE
                asked.setdefault(field, (unknown, []))[1].append(when)
            elif (other := self.others[field.removeprefix(SEGMENT)]) is None:
                asked.setdefault(field, (TRUE, []))[1].append(when)
            else:
                for name, (unknown, theirs) in other._asked().items():
                    asked.setdefault(name, (unknown, []))[1].append(_all(when, _any(theirs)))
        return asked

    def _first_asked(self) -> dict[str, int]:
        """The facts and segments that the rules ask for, with the number of the first rule that does."""
        first: dict[str, int] = {}
        for number, rule in enumerate(self.rule_set.rules):
            for field in self._fields(rule.when):
                first.setdefault(field, number)
        return first

    def _fields(self, condition: Condition) -> Iterator[str]:
        for leaf in leaves(condition):
            score = (
                self.rule_set.score(leaf.field.removeprefix(SCORE)) if leaf.field.startswith(SCORE) else None
            )
            if score is None:
                yield fact_name(leaf.field)
            else:
                for band in score.items:
                    for item in band:
                        yield from self._fields(item.when)


def _first(tests: list[tuple[str, str]], otherwise: str) -> str:
    """What belongs to the first test that holds."""
    if not tests:
        return otherwise
    told = " ".join(f"when {test} then {made}" for test, made in tests)
    return f"case {told} else {otherwise} end"


def _of_missing(leaf: Compare) -> str:
    return TRUE if holds(leaf, None) else FALSE


def _any(circumstances: Iterable[str]) -> str:
    listed = list(dict.fromkeys(circumstances))
    if TRUE in listed:
        return TRUE
    return f"({' or '.join(listed)})" if len(listed) > 1 else listed[0]


def _all(one: str, other: str) -> str:
    if TRUE in (one, other):
        return other if one == TRUE else one
    return f"({one} and {other})"


def _text(note: str | None) -> str:
    return "null" if note is None else quoted(note)
