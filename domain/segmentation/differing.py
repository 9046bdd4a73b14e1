"""What has changed from one rule set to another, in words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from domain.segmentation.rules import Band, Remark, Rule, RuleSet, Score, leaves
from domain.segmentation.texts import written_condition

T = TypeVar("T")


class Change(StrEnum):
    """What became of a part of a rule set."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    CHANGED = "CHANGED"
    MOVED = "MOVED"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change; `path` leads to the place in the newer set's JSON form, of what was removed in the older's."""

    change: Change
    path: str
    text: str


def differences(old: RuleSet, new: RuleSet) -> list[Difference]:
    """What made `new` of `old`: values, scores, rules, default, remarks, in this order; none of equal ones."""
    return [
        *_values(old, new),
        *_scores(old, new),
        *_rules(old.rules, new.rules),
        *_default(old, new),
        *_remarks(old.remarks, new.remarks),
    ]


def _values(old: RuleSet, new: RuleSet) -> Iterator[Difference]:
    for index, value in enumerate(old.values):
        if value not in new.values:
            yield Difference(Change.REMOVED, f"values[{index}]", f"the value {value} is no more")
    for index, value in enumerate(new.values):
        if value not in old.values:
            yield Difference(Change.ADDED, f"values[{index}]", f"the value {value} is new")
    if [v for v in old.values if v in new.values] != [v for v in new.values if v in old.values]:
        yield Difference(Change.MOVED, "values", f"the values' order is {', '.join(new.values)}")


def _scores(old: RuleSet, new: RuleSet) -> Iterator[Difference]:
    for index, score in enumerate(old.scores):
        if new.score(score.name) is None:
            yield Difference(Change.REMOVED, f"scores[{index}]", f"the score {score.name} is no more")
    for index, score in enumerate(new.scores):
        before = old.score(score.name)
        if before is None:
            items = "; ".join(map(_band, score.items))
            yield Difference(Change.ADDED, f"scores[{index}]", f"the score {score.name} is new: {items}")
        else:
            yield from _score(before, score, f"scores[{index}]")
    names, before_names = [one.name for one in new.scores], [one.name for one in old.scores]
    if [n for n in names if n in before_names] != [n for n in before_names if n in names]:
        yield Difference(Change.MOVED, "scores", f"the scores' order is {', '.join(names)}")


def _score(old: Score, new: Score, path: str) -> Iterator[Difference]:
    if old.cap != new.cap:
        yield Difference(
            Change.CHANGED, f"{path}.cap", f"the score {new.name} is {_cap(new)}, no longer {_cap(old)}"
        )
    pairs = _paired(old.items, new.items, [lambda band: band, _facts_of])
    for index in _alone(old.items, (before for before, _ in pairs)):
        told = f"the score {new.name} no longer counts {_band(old.items[index])}"
        yield Difference(Change.REMOVED, f"{path}.items[{index}]", told)
    for before, after in pairs:
        if old.items[before] != new.items[after]:
            told = (
                f"the score {new.name} counts {_band(new.items[after])}, no longer {_band(old.items[before])}"
            )
            yield Difference(Change.CHANGED, f"{path}.items[{after}]", told)
    for index in _alone(new.items, (after for _, after in pairs)):
        told = f"the score {new.name} also counts {_band(new.items[index])}"
        yield Difference(Change.ADDED, f"{path}.items[{index}]", told)
    if _moved(pairs):
        told = f"the score {new.name} counts in another order, to the same sum"
        yield Difference(Change.MOVED, f"{path}.items", told)


def _cap(score: Score) -> str:
    return "without a cap" if score.cap is None else f"{score.cap} at most"


def _band(band: Band) -> str:
    return ", else ".join(f"{item.points} for {written_condition(item.when)}" for item in band)


def _facts_of(band: Band) -> Hashable:
    return frozenset(leaf.field for item in band for leaf in leaves(item.when))


def _rules(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Difference]:
    alike: list[Callable[[Rule], Hashable]] = [
        lambda rule: rule,
        lambda rule: (rule.value, rule.when),
        lambda rule: rule.when,
        lambda rule: rule.value,
    ]
    pairs = _paired(old, new, alike)
    for index in _alone(old, (before for before, _ in pairs)):
        yield Difference(Change.REMOVED, f"rules[{index}]", f"rule {_named(old, index)} is no more")
    moved = _moved(pairs)
    for before, after in pairs:
        if (before, after) in moved:
            told = f"rule {_named(new, after)} was rule {before + 1}"
            yield Difference(Change.MOVED, f"rules[{after}]", told)
        yield from _rule(old[before], new[after], after)
    for index in _alone(new, (after for _, after in pairs)):
        told = f"rule {_named(new, index)} is new: {written_condition(new[index].when)}"
        yield Difference(Change.ADDED, f"rules[{index}]", told)


def _rule(old: Rule, new: Rule, index: int) -> Iterator[Difference]:
    name = f"rule {index + 1} ({new.value})"
    if old.value != new.value:
        told = f"{name} gives {new.value}, no longer {old.value}"
        yield Difference(Change.CHANGED, f"rules[{index}].value", told)
    if old.when != new.when:
        told = f"{name} asks for {written_condition(new.when)}, no longer for {written_condition(old.when)}"
        yield Difference(Change.CHANGED, f"rules[{index}].when", told)
    if old.note != new.note:
        yield Difference(Change.CHANGED, f"rules[{index}].note", f"{name} says {_said(new.note)}")


def _named(rules: Sequence[Rule], index: int) -> str:
    return f"{index + 1} ({rules[index].value})"


def _said(note: str | None) -> str:
    return f'"{note}"' if note else "nothing beside its value"


def _default(old: RuleSet, new: RuleSet) -> Iterator[Difference]:
    if old.default != new.default:
        told = f"who matches no rule is {new.default}, no longer {old.default}"
        yield Difference(Change.CHANGED, "default.value", told)
    if old.default_note != new.default_note:
        told = f"of who matches no rule it says {_said(new.default_note)}"
        yield Difference(Change.CHANGED, "default.note", told)


def _remarks(old: Sequence[Remark], new: Sequence[Remark]) -> Iterator[Difference]:
    pairs = _paired(old, new, [lambda remark: remark])
    for index in _alone(old, (before for before, _ in pairs)):
        told = f"{_said(old[index].note)} is no longer remarked if {written_condition(old[index].when)}"
        yield Difference(Change.REMOVED, f"remarks[{index}]", told)
    for index in _alone(new, (after for _, after in pairs)):
        told = f"{_said(new[index].note)} is remarked if {written_condition(new[index].when)}"
        yield Difference(Change.ADDED, f"remarks[{index}]", told)
    if _moved(pairs):
        yield Difference(Change.MOVED, "remarks", "what is remarked stands in another order")


def _paired(
    old: Sequence[T], new: Sequence[T], alike: Sequence[Callable[[T], Hashable]]
) -> list[tuple[int, int]]:
    """Which of the old became which of the new, by place in the new; the closest likeness is asked first."""
    befores, pairs = [*range(len(old))], dict[int, int]()
    for likeness in alike:
        for after in range(len(new)):
            if after in pairs:
                continue
            found = next((one for one in befores if likeness(old[one]) == likeness(new[after])), None)
            if found is not None:
                befores.remove(found)
                pairs[after] = found
    return [(before, after) for after, before in sorted(pairs.items())]


def _alone(items: Sequence[T], paired: Iterator[int]) -> list[int]:
    return sorted(set(range(len(items))) - set(paired))


def _moved(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """The fewest pairs without which the others stand in their old order (patience sorting)."""
    ends: list[int] = []
    lengths = []
    for before, _ in pairs:
        place = bisect_left(ends, before)
        ends[place : place + 1] = [before]
        lengths.append(place + 1)
    kept, wanted = set(), len(ends)
    for pair, length in zip(reversed(pairs), reversed(lengths), strict=True):
        # From the end, the last of each length that may precede what is kept.
        if length == wanted:
            kept.add(pair)
            wanted -= 1
    return set(pairs) - kept
