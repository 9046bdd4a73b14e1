"""Whether any client could meet a condition: exact for comparisons, careful where it cannot tell.

Of each fact only finitely many values need looking at: those that are compared, one between each two of them, one
outside, and "missing". Which comparisons hold of which of them is a bit mask; a condition is met if every fact is
left with a value. Facts are taken as independent of each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Operator, evaluate
from domain.money import EXPONENTS, LARGEST_MINOR, Money
from domain.segmentation.rules import SCORE, SEGMENT, fact_name, leaves

MOST_STEPS = 20_000
MOST_CHOICES = 150
"""How long all looks together take, and how deep one goes, before it is said that there could be a client."""

_SEARCHES = (Operator.STARTS_WITH, Operator.CONTAINS)
_MISSING = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a fact can be: one of a closed list, a number within bounds, or anything."""

    values: tuple[Any, ...] = ()
    least: int | None = None
    most: int | None = None
    may_be_missing: bool = True

    def offers(self, value: Any) -> bool:
        """Whether a known value lies within the bounds."""
        too_small = self.least is not None and value < self.least
        return not too_small and not (self.most is not None and value > self.most)


ANYTHING = Choice()


class Reach:
    """What the facts in some conditions can be; answers whether conditions can be met together.

    With `only`, the other facts are whatever is wanted of them: what cannot be met then, is this fact's fault.
    """

    def __init__(
        self,
        conditions: Iterable[Condition],
        choices: Mapping[str, Choice] | None = None,
        only: str | None = None,
    ) -> None:
        compared: dict[str, list[Compare]] = {}
        for condition in conditions:
            for leaf in leaves(condition):
                compared.setdefault(fact_name(leaf.field), []).append(leaf)
        choices = choices or {}
        self._candidates = {
            name: [*_offered(of, choices.get(name, ANYTHING))] for name, of in compared.items()
        }
        self._masks: dict[Compare, int] = {}
        self._only = only
        self.left = MOST_STEPS

    def met(self, *, all_of: Sequence[Condition], none_of: Sequence[Condition] = ()) -> bool:
        """Whether a client could meet all of some conditions and none of others."""
        wanted = [(condition, True) for condition in all_of] + [(condition, False) for condition in none_of]
        return _Search(self).met(wanted, {})

    def everything(self, name: str) -> int:
        """The mask of all that a fact can be."""
        return (1 << len(self._candidates[name])) - 1

    def mask(self, leaf: Compare, *, holds: bool) -> int:
        """The values of its fact of which a comparison holds, or does not."""
        everything = self.everything(fact_name(leaf.field))
        if self._only not in (None, fact_name(leaf.field)):
            return everything
        if leaf.operator in _SEARCHES:
            # A text may be made to hold any texts: only what is missing is known to hold none.
            return everything & ~self._of_missing(leaf) if holds else everything
        if leaf not in self._masks:
            self._masks[leaf] = self._holding(leaf)
        return self._masks[leaf] if holds else everything & ~self._masks[leaf]

    def _holding(self, leaf: Compare) -> int:
        name = fact_name(leaf.field)
        return sum(
            1 << index
            for index, value in enumerate(self._candidates[name])
            if evaluate(_bare(leaf), {"x": value})
        )

    def _of_missing(self, leaf: Compare) -> int:
        candidates = self._candidates[fact_name(leaf.field)]
        return 1 << candidates.index(_MISSING) if _MISSING in candidates else 0


def _bare(leaf: Compare) -> Compare:
    """The comparison of a value under the name x."""
    return Compare("x.currency" if _is_of_currency(leaf.field) else "x", leaf.operator, leaf.value)


def _is_of_currency(field: str) -> bool:
    return field.endswith(".currency") and not field.startswith((SCORE, SEGMENT))


_Wanted = tuple[Condition, bool]
"""A condition that shall hold, or shall not."""


class _Search:
    """One look for a client."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def met(
        self,
        wanted: list[_Wanted],
        left: dict[str, int],
        choices: Sequence[list[_Wanted]] = (),
        depth: int = 0,
    ) -> bool:
        """Whether the wanted can all be had, and one of each of the choices, given what is left of the facts."""
        left, opened = {**left}, [*choices]
        wanted = [*wanted]
        while wanted:
            self._reach.left -= 1
            condition, holds = wanted.pop()
            match condition:
                case Compare():
                    name = fact_name(condition.field)
                    left[name] = self._narrowed(condition, holds, left)
                    if not left[name]:
                        return False
                case Not(part):
                    wanted.append((part, not holds))
                case AllOf(parts) | AnyOf(parts) if isinstance(condition, AllOf) is holds:
                    wanted += [(part, holds) for part in parts]
                case AllOf(parts) | AnyOf(parts):
                    opened.append([(part, holds) for part in parts])
        return self._chosen(opened, left, depth)

    def _chosen(self, choices: list[list[_Wanted]], left: dict[str, int], depth: int) -> bool:
        still = [ways for ways in choices if not any(self._certain(way, left) for way in ways)]
        possible = [[way for way in ways if self._possible(way, left)] for ways in still]
        if not possible or self._reach.left <= 0 or depth >= MOST_CHOICES:
            return True
        # What leaves the fewest ways is tried first.
        possible.sort(key=len)
        first, *others = possible
        return any(self.met([way], left, others, depth + 1) for way in first)

    def _narrowed(self, leaf: Compare, holds: bool, left: dict[str, int]) -> int:
        name = fact_name(leaf.field)
        return left.get(name, self._reach.everything(name)) & self._reach.mask(leaf, holds=holds)

    def _possible(self, way: _Wanted, left: dict[str, int]) -> bool:
        condition, holds = way
        return not isinstance(condition, Compare) or self._narrowed(condition, holds, left) != 0

    def _certain(self, way: _Wanted, left: dict[str, int]) -> bool:
        condition, holds = way
        if not isinstance(condition, Compare):
            return False
        name = fact_name(condition.field)
        return self._narrowed(condition, holds, left) == left.get(name, self._reach.everything(name))


def _offered(compared: Sequence[Compare], choice: Choice) -> Iterator[Any]:
    """The values of a fact that need looking at."""
    if choice.values:
        yield from choice.values
    else:
        bounds = {Decimal(bound) for bound in (choice.least, choice.most) if bound is not None}
        yield from filter(choice.offers, _candidates(compared, bounds))
    if choice.may_be_missing:
        yield _MISSING


def _candidates(compared: Sequence[Compare], bounds: set[Decimal]) -> Iterator[Any]:
    values = {value for leaf in compared for value in _operands(leaf)}
    of_currency = [leaf for leaf in compared if _is_of_currency(leaf.field)]
    currencies = {str(value) for leaf in of_currency for value in _operands(leaf)}
    amounts = {value for value in values if isinstance(value, Money)}
    if amounts or of_currency:
        yield from _amounts(amounts, currencies)
        return
    numbers = {Decimal(one) for one in values if isinstance(one, int | Decimal) and type(one) is not bool}
    yield from _numbers(sorted(numbers | bounds))
    yield from _days(sorted(value for value in values if type(value) is dt.date))
    yield from _texts({str(value) for value in values if isinstance(value, str)})
    if not values or any(isinstance(value, bool) for value in values):
        yield from (True, False)


def _operands(leaf: Compare) -> tuple[Any, ...]:
    if leaf.operator is Operator.IS_NULL:
        return ()
    return leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)


def _numbers(compared: list[Decimal]) -> Iterator[Decimal]:
    if not compared:
        return
    yield compared[0] - 1
    for value, following in zip(compared, [*compared[1:], compared[-1] + 2], strict=True):
        yield value
        yield (value + following) / 2


def _days(compared: list[dt.date]) -> Iterator[dt.date]:
    day = dt.timedelta(days=1)
    for value in compared:
        if value > dt.date.min:
            yield value - day
        yield value
        if value < dt.date.max:
            yield value + day


def _texts(compared: set[str]) -> Iterator[str]:
    if not compared:
        return
    yield from sorted(compared)
    yield "another text " + "".join(sorted(compared))


def _amounts(compared: set[Money], currencies: set[str]) -> Iterator[Money]:
    known = {one.currency for one in compared} | (currencies & set(EXPONENTS))
    other = next((code for code in EXPONENTS if code not in known), None)
    for currency in sorted(known):
        minors = sorted({one.minor for one in compared if one.currency == currency} or {0})
        around = {minor + step for minor in minors for step in (-1, 0, 1)}
        yield from (Money(minor, currency) for minor in sorted(around) if abs(minor) <= LARGEST_MINOR)
    if other is not None:
        yield Money(0, other)
