"""Rules, points and remarks that no client can reach: contradictory in themselves, or always too late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domain.conditions import Condition
from domain.segmentation.reach import Choice, Reach
from domain.segmentation.rules import SCORE, SEGMENT, RuleSet, fact_name, leaves
from domain.segmentation.texts import written_leaf

SIGNS = ("operatingCashFlowSign", "investingCashFlowSign", "financingCashFlowSign")


def unreached(
    rule_set: RuleSet, codes: Mapping[str, tuple[str, ...]], others: Mapping[str, RuleSet]
) -> Iterator[tuple[str, str]]:
    """What nothing can match, with the reason and its path; the rule set must be free of errors."""
    choices = _choices(rule_set, codes, others)
    rules = [rule.when for rule in rule_set.rules]
    names = [f"rule {index} ({rule.value})" for index, rule in enumerate(rule_set.rules, start=1)]
    yield from _in_order(rules, names, "rules[{}].when", choices)
    for at, score in enumerate(rule_set.scores):
        for place, band in enumerate(score.items):
            named = [f"the alternative of {item.points} points" for item in band]
            path = f"scores[{at}].items[{place}][{{}}].when"
            yield from _in_order([item.when for item in band], named, path, choices)
    for index, remark in enumerate(rule_set.remarks):
        if not Reach([remark.when], choices).met(all_of=[remark.when]):
            yield _contradiction("the remark", remark.when, choices), f"remarks[{index}].when"


def _choices(
    rule_set: RuleSet, codes: Mapping[str, tuple[str, ...]], others: Mapping[str, RuleSet]
) -> dict[str, Choice]:
    """What the facts can be, as far as it is known."""
    listed = {name: Choice(values) for name, values in codes.items()}
    signs = {name: Choice((-1, 0, 1)) for name in SIGNS}
    segments = {SEGMENT + name: Choice(other.values, may_be_missing=False) for name, other in others.items()}
    scores = {
        SCORE + score.name: Choice(least=score.least, most=score.most, may_be_missing=False)
        for score in rule_set.scores
    }
    return listed | signs | segments | scores


def _in_order(
    conditions: Sequence[Condition], names: Sequence[str], path: str, choices: Mapping[str, Choice]
) -> Iterator[tuple[str, str]]:
    """Of conditions of which the first that holds counts: those that never can."""
    reach = Reach(conditions, choices)
    for index, condition in enumerate(conditions):
        earlier = conditions[:index]
        if not reach.met(all_of=[condition]):
            yield _contradiction(names[index], condition, choices), path.format(index)
        elif not reach.met(all_of=[condition], none_of=earlier):
            yield _shadow(reach, conditions, names, index), path.format(index)


def _contradiction(name: str, condition: Condition, choices: Mapping[str, Choice]) -> str:
    for fact in dict.fromkeys(fact_name(leaf.field) for leaf in leaves(condition)):
        if not Reach([condition], choices, only=fact).met(all_of=[condition]):
            about = [written_leaf(leaf) for leaf in leaves(condition) if fact_name(leaf.field) == fact]
            told = ", ".join(dict.fromkeys(about))
            return f"nothing can match {name}: {told} cannot {'hold together' if len(about) > 1 else 'hold'}"
    return f"nothing can match {name}: its conditions cannot hold together"


def _shadow(reach: Reach, conditions: Sequence[Condition], names: Sequence[str], index: int) -> str:
    condition, earlier = conditions[index], conditions[:index]
    for name, before in zip(names, earlier, strict=False):
        if not reach.met(all_of=[condition], none_of=[before]):
            return f"{names[index]} is never reached: whatever it matches, {name} matches first"
    return f"{names[index]} is never reached: whatever it matches, {', '.join(names[:index])} match first"
