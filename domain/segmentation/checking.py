"""What is wrong with a rule set before it is in force: what cannot be meant, and what is likely not meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Protocol

from domain.clients import ClientStatus, CreditGrade, SizeClass
from domain.conditions import Compare, Condition, Kind, Operator, kind_of, mistake
from domain.segmentation.rules import SCORE, SEGMENT, RuleSet, fact_name, leaves
from domain.segmentation.shadows import unreached
from domain.segmentation.texts import value_text, written_leaf


class Severity(StrEnum):
    """Whether a finding stands in the way of a rule set's use."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `path` leads to it in the JSON form."""

    severity: Severity
    message: str
    path: str


class KnownFact(Protocol):
    """What a check needs to know of a fact of the catalogue."""

    @property
    def kind(self) -> Kind: ...

    @property
    def unit(self) -> str: ...


CODES: dict[str, tuple[str, ...]] = {
    "sizeClass": tuple(SizeClass),
    "assignedGrade": tuple(CreditGrade),
    "status": tuple(ClientStatus),
    "watchList": ("AMBER", "RED"),
    "loanClass": ("NORMAL", "SPECIAL_MENTION", "SUBSTANDARD", "DOUBTFUL", "LOSS"),
    "groupLoanClass": ("NORMAL", "SPECIAL_MENTION", "SUBSTANDARD", "DOUBTFUL", "LOSS"),
    "regionTier": ("CORE", "KEY", "UNDERDEVELOPED"),
    "creditClimate": ("A", "B", "C"),
}
"""The facts whose values are a closed list."""


def check(
    rule_set: RuleSet, catalogue: Mapping[str, KnownFact], others: Mapping[str, RuleSet]
) -> list[Finding]:
    """Errors first, in the order in which the rule set is written; warnings only where there is no error.

    `others` are the rule sets of the other dimensions, by dimension; one of this set's own dimension is ignored.
    """
    others = {name: other for name, other in others.items() if name != rule_set.dimension}
    checking = _Checking(rule_set, catalogue, others)
    errors = [Finding(Severity.ERROR, message, path) for message, path in checking.errors()]
    if errors:
        return errors
    doubts = [*checking.doubts(), *unreached(rule_set, CODES, others)]
    return [Finding(Severity.WARNING, message, path) for message, path in doubts]


Told = Iterator[tuple[str, str]]
"""Messages with their paths."""


@dataclass(frozen=True, slots=True)
class _Checking:
    rule_set: RuleSet
    catalogue: Mapping[str, KnownFact]
    others: Mapping[str, RuleSet]

    def errors(self) -> Told:
        yield from self._values()
        yield from self._names()
        for condition, path in placed_conditions(self.rule_set):
            for leaf in leaves(condition):
                if wrong := mistake(leaf) or self._leaf(leaf, in_score=path.startswith("scores")):
                    yield f"{written_leaf(leaf)}: {wrong}", path
        if cycle := self._cycle():
            yield f"the dimensions depend on each other in a circle: {' → '.join(cycle)}", "rules"

    def doubts(self) -> Told:
        if not self.rule_set.rules:
            yield f"there is no rule: every client is {self.rule_set.default}", "rules"
        given = {rule.value for rule in self.rule_set.rules} | {self.rule_set.default}
        for index, value in enumerate(self.rule_set.values):
            if value not in given:
                yield f"no rule gives {value}", f"values[{index}]"
        for condition, path in placed_conditions(self.rule_set):
            for leaf in leaves(condition):
                if doubt := self._unit(leaf):
                    yield f"{written_leaf(leaf)}: {doubt}", path

    def _values(self) -> Told:
        values = self.rule_set.values
        for value, count in Counter(values).items():
            if count > 1:
                yield f"{value} is listed {count} times", "values"
        for index, rule in enumerate(self.rule_set.rules):
            if rule.value not in values:
                yield _unknown("value", rule.value, values), f"rules[{index}].value"
        if self.rule_set.default not in values:
            yield _unknown("value", self.rule_set.default, values), "default.value"

    def _names(self) -> Told:
        for name, count in Counter(score.name for score in self.rule_set.scores).items():
            if count > 1:
                yield f"there are {count} scores of the name {name}", "scores"

    def _leaf(self, leaf: Compare, *, in_score: bool) -> str | None:
        if leaf.field.startswith(SCORE):
            names = [score.name for score in self.rule_set.scores]
            if in_score:
                return "a score counts facts, not scores"
            if leaf.field.removeprefix(SCORE) not in names:
                return _unknown("score", leaf.field.removeprefix(SCORE), names)
            return _wrong_kind(leaf, Kind.NUMBER)
        if leaf.field.startswith(SEGMENT):
            return self._segment(leaf)
        fact = self.catalogue.get(fact_name(leaf.field))
        if fact is None:
            return _unknown("fact", fact_name(leaf.field), self.catalogue)
        if leaf.field.endswith(".currency"):
            amount = fact.kind is Kind.MONEY
            return _wrong_kind(leaf, Kind.TEXT) if amount else "only an amount has a currency"
        return _wrong_kind(leaf, fact.kind) or _wrong_code(leaf, CODES.get(leaf.field))

    def _segment(self, leaf: Compare) -> str | None:
        name = leaf.field.removeprefix(SEGMENT)
        if name == self.rule_set.dimension:
            return "a dimension cannot depend on itself"
        if name not in self.others:
            return _unknown("dimension with rules", name, self.others)
        return _wrong_kind(leaf, Kind.TEXT) or _wrong_code(leaf, self.others[name].values)

    def _cycle(self) -> list[str] | None:
        """The way from this dimension back to it, if there is one; a circle elsewhere is not this set's doing."""
        ways = [[self.rule_set.dimension, name] for name in self.rule_set.segments()]
        seen: set[str] = set()
        while ways:
            way = ways.pop()
            if way[-1] == self.rule_set.dimension:
                # Whoever compares itself has been told so.
                return way if len(way) > 2 else None
            if way[-1] not in seen and way[-1] in self.others:
                seen.add(way[-1])
                ways += [[*way, name] for name in self.others[way[-1]].segments()]
        return None

    def _unit(self, leaf: Compare) -> str | None:
        fact = self.catalogue.get(leaf.field)
        if fact is None or fact.unit != "fraction" or leaf.operator is Operator.IS_NULL:
            return None
        values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
        odd = next((value for value in values if kind_of(value) is Kind.NUMBER and abs(value) > 1), None)  # type: ignore[arg-type, operator]
        return None if odd is None else f"{leaf.field} is a fraction, so {_shown_percent(odd)}"


def placed_conditions(rule_set: RuleSet) -> Iterator[tuple[Condition, str]]:
    """Every condition of a rule set with its path in the JSON form."""
    for at, score in enumerate(rule_set.scores):
        for place, band in enumerate(score.items):
            for index, item in enumerate(band):
                yield item.when, f"scores[{at}].items[{place}][{index}].when"
    for index, rule in enumerate(rule_set.rules):
        yield rule.when, f"rules[{index}].when"
    for index, remark in enumerate(rule_set.remarks):
        yield remark.when, f"remarks[{index}].when"


def _wrong_kind(leaf: Compare, kind: Kind) -> str | None:
    if leaf.operator is Operator.IS_NULL:
        return None
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    odd = next((value for value in values if kind_of(value) is not kind), None)
    if odd is None:
        return None
    return f"{leaf.field} is {_KINDS[kind]}, which {value_text(odd)!r} ({kind_of(odd)}) is not"


_KINDS = {
    Kind.NUMBER: 'a number (5, or {"decimal": "0.05"})',
    Kind.MONEY: 'an amount ({"money": {"amount": "1000.00", "currency": "CNY"}})',
    Kind.DATE: 'a day ({"date": "2026-01-15"})',
    Kind.MOMENT: 'a moment ({"moment": "2026-01-15T08:30:00Z"})',
    Kind.BOOLEAN: "true or false",
    Kind.TEXT: 'a text ("A")',
}


def _wrong_code(leaf: Compare, codes: tuple[str, ...] | None) -> str | None:
    if codes is None or leaf.operator not in (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN):
        return None
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    odd = next((str(value) for value in values if value not in codes), None)
    return None if odd is None else _unknown("value", odd, codes)


def _unknown(what: str, name: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known) or 'none'}"
    return f"{name} is no {what}; {hint}"


def _shown_percent(value: object) -> str:
    text = value_text(value)  # type: ignore[arg-type]
    return f"{text} means {text}00 %" if "." not in text else f"{text} is more than 100 %"
