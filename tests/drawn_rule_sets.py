"""Hypothesis strategies for rulebooks and the facts of clients, with values that meet often."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

from condition_trees import combined, comparisons
from hypothesis import strategies as st

from domain.conditions import Compare, Condition, Kind
from domain.money import Money
from domain.segmentation.catalogue import CATALOGUE, Unit
from domain.segmentation.rules import Points, Remark, Rule, Rulebook, RuleSet, Score, Version

VALUES = ("HIGH", "MID", "LOW")
DIMENSIONS = ("first", "second", "third")
"""Of drawn rulebooks; each may compare the ones before it."""

_SPOKEN_OF = (
    "employees",
    "sizeClass",
    "nationalKeyProject",
    "statementPeriodEnd",
    "probabilityOfDefault",
    "revenueGrowth",
    "daysPastDue",
    "misuse",
    "exposure",
    "industryCode",
)

_OF_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.NUMBER: st.decimals(-2, 2, places=2) | st.integers(-2, 2),
    Kind.TEXT: st.sampled_from(["A", "LARGE", "large", "a_b", "O'Neil; --", 'say "A"', "钢铁 %"]),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 4)),
    Kind.MONEY: st.builds(Money, st.integers(-200, 200), st.sampled_from(["CNY", "JPY", "KWD"])),
}

leaves: st.SearchStrategy[Compare] = st.one_of(
    *(
        comparisons(
            name,
            _OF_KIND[CATALOGUE[name].kind],
            ordered=CATALOGUE[name].kind not in {Kind.TEXT, Kind.BOOLEAN},
            text=CATALOGUE[name].kind is Kind.TEXT,
        )
        for name in _SPOKEN_OF
    ),
    comparisons("exposure.currency", st.sampled_from(["CNY", "USD"]), ordered=False, text=True),
)

_notes = st.none() | st.sampled_from(["it's so", "说明", "a; b"])


@cache
def _compared(others: tuple[str, ...], scores: tuple[str, ...]) -> st.SearchStrategy[Compare]:
    """Comparisons of facts, of other dimensions' values, of scores."""
    segments = [
        comparisons(f"segment.{other}", st.sampled_from(VALUES), ordered=False, text=False)
        for other in others
    ]
    counted = [comparisons(f"score.{name}", st.integers(-1, 6), ordered=True, text=False) for name in scores]
    return st.one_of(leaves, *segments, *counted)


@cache
def _conditions(
    others: tuple[str, ...], scores: tuple[str, ...] = (), most: int = 4
) -> st.SearchStrategy[Condition]:
    return st.recursive(_compared(others, scores), combined, max_leaves=most)


@cache
def _scores(others: tuple[str, ...], names: tuple[str, ...]) -> st.SearchStrategy[tuple[Score, ...]]:
    points = st.builds(Points, _conditions(others, most=2), st.integers(-3, 5))
    bands = st.lists(points, min_size=1, max_size=2).map(tuple)
    items = st.lists(bands, max_size=2).map(tuple)
    return st.tuples(
        *(st.builds(Score, st.just(name), items, st.none() | st.integers(0, 6)) for name in names)
    )


@cache
def _made(dimension: str, others: tuple[str, ...], names: tuple[str, ...]) -> st.SearchStrategy[RuleSet]:
    rules = st.builds(Rule, st.sampled_from(VALUES), _conditions(others, names), _notes)
    remarks = st.builds(Remark, _conditions(others, names, 2), st.sampled_from(["look", "wait; see"]))
    return st.builds(
        RuleSet,
        st.just(dimension),
        st.just(VALUES),
        st.lists(rules, max_size=4).map(tuple),
        st.sampled_from(VALUES),
        _notes,
        _scores(others, names),
        st.lists(remarks, max_size=1).map(tuple),
    )


@cache
def rule_sets(dimension: str = "first", others: tuple[str, ...] = ()) -> st.SearchStrategy[RuleSet]:
    """Rule sets without errors, of two scores at most; they may compare the `others`, whose values are `VALUES`."""
    return st.one_of(*(_made(dimension, others, names) for names in ((), ("one",), ("one", "two"))))


@st.composite
def rulebooks(draw: st.DrawFn, units: tuple[int, ...] = ()) -> Rulebook:
    """Rule sets in force for `DIMENSIONS`; some of the units given have rules of their own."""
    default, overrides, number = {}, {}, 0
    for index, dimension in enumerate(DIMENSIONS):
        number += 1
        default[dimension] = Version(number, 1, draw(rule_sets(dimension, DIMENSIONS[:index])))
        own = []
        for unit_id in draw(st.lists(st.sampled_from(units), unique=True)) if units else ():
            number += 1
            own.append((unit_id, Version(number, 1, draw(rule_sets(dimension, DIMENSIONS[:index])))))
        overrides[dimension] = own
    return Rulebook(default, overrides, "drawn")


def _known(name: str) -> st.SearchStrategy[Any]:
    whole = CATALOGUE[name].unit in (Unit.COUNT, Unit.DAYS)
    return st.integers(-2, 2) if whole else _OF_KIND[CATALOGUE[name].kind]


facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {name: st.none() | _known(name) for name in _SPOKEN_OF}
)
"""What is known of a client; all that rules of drawn sets speak of is there, some of it missing."""
