"""Hypothesis strategies for condition trees and facts, over a little world of every kind of value."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from domain.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    NoneOf,
    Not,
    One,
    Operator,
    Some,
)
from domain.money import Money

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", "Silk", "silk", "SILK Co.", "ΟΔΟΣ", "οδος", "İnci", "华夏", "100%", "a_b"]),
    "active": st.booleans(),
    "employees": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "rate": st.decimals(-2, 2, places=2) | st.integers(-2, 2),
    "since": st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 4)),
    "createdAt": st.integers(0, 3).map(lambda s: dt.datetime(2024, 1, 1, 0, 0, s, tzinfo=dt.UTC)),
    "limit": st.builds(Money, st.integers(-2, 2), st.sampled_from(["CNY", "JPY", "KWD"])),
}
"""The fields of the little world, each with values that meet often."""

_ANY = [Operator.EQ, Operator.NE]
_LISTS = [Operator.IN, Operator.NOT_IN]
_RANGES = [Operator.GT, Operator.GTE, Operator.LT, Operator.LTE]
_TEXTS = [Operator.STARTS_WITH, Operator.CONTAINS]


def comparisons(
    field: str, values: st.SearchStrategy[Any], *, ordered: bool, text: bool
) -> st.SearchStrategy[Compare]:
    """Every comparison that can be meant of a field with these values."""

    def of(operators: list[Operator], operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Compare]:
        return st.builds(Compare, st.just(field), st.sampled_from(operators), operands)

    lists = st.lists(values, max_size=4).map(one_currency)
    offered = [of(_ANY, values), of(_LISTS, lists), of([Operator.IS_NULL], st.booleans())]
    if ordered:
        pairs = st.tuples(values, values).map(one_currency)
        offered += [of(_RANGES, values), of([Operator.BETWEEN], pairs)]
    return st.one_of(*offered, *([of(_TEXTS, values)] if text else []))


def one_currency(values: Any) -> tuple[Any, ...]:
    """The values, amounts among them in the first one's currency."""
    return tuple(
        Money(value.minor, values[0].currency) if isinstance(value, Money) else value for value in values
    )


def combined(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """One level more."""
    listed = st.lists(children, max_size=3).map(tuple)
    return st.one_of(st.builds(AllOf, listed), st.builds(AnyOf, listed), st.builds(Not, children))


def related(
    children: st.SearchStrategy[Condition], *, one: list[str], many: list[str]
) -> st.SearchStrategy[Condition]:
    """The children as conditions on related rows."""
    to_one = st.builds(One, st.sampled_from(one), children) if one else st.nothing()
    to_many = (
        [st.builds(made, st.sampled_from(many), children) for made in (Some, NoneOf, Every)] if many else []
    )
    return st.one_of(to_one, *to_many)


leaves = st.one_of(
    *(
        comparisons(field, values, ordered=field not in {"name", "active"}, text=field == "name")
        for field, values in KINDS.items()
    ),
    comparisons("limit.currency", st.sampled_from(["CNY", "USD"]), ordered=False, text=True),
)

trees: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda children: combined(children) | related(children, one=["owner"], many=["parts"]),
    max_leaves=8,
)
"""Conditions on the little world."""

_values = {field: st.none() | values for field, values in KINDS.items()}

facts: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries({}, optional=_values),
    lambda rows: st.fixed_dictionaries(
        {}, optional={**_values, "owner": st.none() | rows, "parts": st.lists(rows, max_size=3)}
    ),
    max_leaves=4,
)
"""Facts of the little world, some of them missing."""
