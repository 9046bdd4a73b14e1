"""Who a client is to the bank in a dimension, and why: the rule that decided, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from domain.conditions import Compare, Condition, evaluate
from domain.conditions.evaluation import found, holds
from domain.segmentation.rules import SCORE, SEGMENT, Rulebook, RuleSet, Score, fact_name, leaves
from domain.segmentation.texts import value_text, written_leaf

Facts = Mapping[str, Any]
"""A client's facts by the catalogue's names; what is not among them, or None, is missing."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One comparison of the rule that decided: in words, with the client's value (None: missing)."""

    condition: str
    value: str | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Classified:
    """A client's value in a dimension.

    `rule` is the index of the rule that decided, None for the default, which has no reasons. `missing` names the
    facts not known among those that the rules up to the deciding one ask for (all rules, for the default), sorted;
    of another dimension, what it misses itself. `also_matched` are the values of later rules that hold as well.
    `note` is the rule's note and the remarks that hold, joined by "; ".
    """

    value: str
    rule: int | None
    because: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    also_matched: tuple[str, ...] = ()
    note: str | None = None


def classify(rulebook: Rulebook, dimension: str, facts: Facts, path: Sequence[int] = ()) -> Classified | None:
    """The client's value by the rules in force at a unit (`path`: its id and those above it, nearest first).

    None where the dimension has no rule set in force.
    """
    rule_set = rulebook.rule_set_for(dimension, path)
    if rule_set is None:
        return None
    others = {name: classify(rulebook, name, facts, path) for name in rule_set.segments()}
    return _classified(rule_set, facts, others)


def _classified(rule_set: RuleSet, facts: Facts, others: Mapping[str, Classified | None]) -> Classified:
    seen = _with_scores(rule_set, {**facts, **_values(others)})
    matched = [index for index, rule in enumerate(rule_set.rules) if evaluate(rule.when, seen)]
    rule = matched[0] if matched else None
    asked = rule_set.rules if rule is None else rule_set.rules[: rule + 1]
    value = rule_set.default if rule is None else rule_set.rules[rule].value
    own_note = rule_set.default_note if rule is None else rule_set.rules[rule].note
    notes = [own_note, *(remark.note for remark in rule_set.remarks if evaluate(remark.when, seen))]
    later = dict.fromkeys(rule_set.rules[index].value for index in matched[1:])
    return Classified(
        value,
        rule,
        because=() if rule is None else tuple(_reasons(rule_set.rules[rule].when, seen)),
        missing=tuple(sorted(set(_missing(rule_set, (one.when for one in asked), facts, others)))),
        also_matched=tuple(other for other in later if other != value),
        note="; ".join(filter(None, notes)) or None,
    )


def _values(others: Mapping[str, Classified | None]) -> Facts:
    known = {name: other.value for name, other in others.items() if other is not None}
    return {SEGMENT.rstrip("."): SimpleNamespace(**known)}


def _with_scores(rule_set: RuleSet, facts: Facts) -> Facts:
    scores = {score.name: points(score, facts) for score in rule_set.scores}
    return {**facts, SCORE.rstrip("."): SimpleNamespace(**scores)}


def points(score: Score, facts: Facts) -> int:
    """What the facts score: of each band the first alternative that holds, capped."""
    counted = (next((item.points for item in band if evaluate(item.when, facts)), 0) for band in score.items)
    together = sum(counted)
    return together if score.cap is None else min(together, score.cap)


def _reasons(when: Condition, seen: Facts) -> Iterator[Reason]:
    for leaf in leaves(when):
        value = found(seen, leaf.field)
        yield Reason(written_leaf(leaf), None if value is None else value_text(value), holds(leaf, value))


def _missing(
    rule_set: RuleSet, asked: Iterable[Condition], facts: Facts, others: Mapping[str, Classified | None]
) -> Iterator[str]:
    for leaf in _facts_asked(rule_set, asked):
        name = fact_name(leaf.field)
        if not name.startswith(SEGMENT):
            yield from () if facts.get(name) is not None else (name,)
        elif (other := others[name.removeprefix(SEGMENT)]) is None:
            yield name
        else:
            yield from other.missing


def _facts_asked(rule_set: RuleSet, asked: Iterable[Condition]) -> Iterator[Compare]:
    """The comparisons of conditions, those of a score in its place."""
    for condition in asked:
        for leaf in leaves(condition):
            score = rule_set.score(leaf.field.removeprefix(SCORE)) if leaf.field.startswith(SCORE) else None
            if score is None:
                yield leaf
            else:
                yield from _facts_asked(rule_set, (item.when for band in score.items for item in band))
