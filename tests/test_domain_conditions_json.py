"""The JSON form of conditions: what is written is read again; whatever else is sent is refused with its place."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from condition_trees import trees
from hypothesis import given, settings
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
    Unreadable,
    read,
    written,
)
from domain.money import Money

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "conditions.md"
LEAF = {"field": "employees", "operator": "eq", "value": 1}


def form(condition: Any) -> dict[str, Any]:
    return {"version": 1, "condition": condition}


@given(trees)
@settings(deadline=None)
def test_what_is_written_is_read_again(condition: Condition) -> None:
    assert read(json.loads(json.dumps(written(condition)))) == condition


def test_the_form_is_the_one_that_has_been_stored() -> None:
    condition = AllOf(
        (
            Compare("creditGrade", Operator.IN, ("A", "B")),
            Compare("registeredCapital", Operator.GTE, Money(1_000_000_50, "CNY")),
            Not(Compare("establishedOn", Operator.GT, dt.date(2020, 1, 1))),
            AnyOf(
                (
                    Some("facilities", Compare("annualRate", Operator.LT, Decimal("0.0435"))),
                    NoneOf("creditEvents", Compare("kind", Operator.EQ, "DEFAULT")),
                    Every("statements", Compare("audited", Operator.EQ, True)),
                    One("region", Compare("name", Operator.STARTS_WITH, "Shang")),
                )
            ),
            Compare("createdAt", Operator.BETWEEN, (dt.datetime(2026, 1, 1, tzinfo=dt.UTC),) * 2),
        )
    )
    assert written(condition) == form(
        {
            "allOf": [
                {"field": "creditGrade", "operator": "in", "value": ["A", "B"]},
                {
                    "field": "registeredCapital",
                    "operator": "gte",
                    "value": {"money": {"amount": "1000000.50", "currency": "CNY"}},
                },
                {"not": {"field": "establishedOn", "operator": "gt", "value": {"date": "2020-01-01"}}},
                {
                    "anyOf": [
                        {
                            "some": "facilities",
                            "where": {
                                "field": "annualRate",
                                "operator": "lt",
                                "value": {"decimal": "0.0435"},
                            },
                        },
                        {
                            "none": "creditEvents",
                            "where": {"field": "kind", "operator": "eq", "value": "DEFAULT"},
                        },
                        {
                            "every": "statements",
                            "where": {"field": "audited", "operator": "eq", "value": True},
                        },
                        {
                            "one": "region",
                            "where": {"field": "name", "operator": "startsWith", "value": "Shang"},
                        },
                    ]
                },
                {
                    "field": "createdAt",
                    "operator": "between",
                    "value": [{"moment": "2026-01-01T00:00:00Z"}, {"moment": "2026-01-01T00:00:00Z"}],
                },
            ]
        }
    )


def test_the_document_shows_conditions_that_are_read() -> None:
    examples = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 3
    for example in map(json.loads, examples):
        assert written(read(example)) == example


def negated(depth: int, inner: Any) -> Any:
    return {"not": negated(depth - 1, inner)} if depth else inner


def gathered(depth: int, inner: Any) -> Any:
    return {"allOf": [gathered(depth - 1, inner)]} if depth else inner


def compared(operator: Any, value: Any) -> dict[str, Any]:
    return form({"field": "x", "operator": operator, "value": value})


REFUSED: list[tuple[Any, str, str]] = [
    (None, "the form", "version"),
    ([], "the form", "exactly"),
    ({"version": 1}, "the form", "exactly"),
    ({**form(LEAF), "more": 1}, "the form", "exactly"),
    ({"version": 2, "condition": LEAF}, "version", "2 is not known"),
    ({"version": "1", "condition": LEAF}, "version", "'1'"),
    ({"version": True, "condition": LEAF}, "version", "True"),
    ({"version": 10**5000, "condition": LEAF}, "version", "int"),
    (form(None), "condition", "None is no condition"),
    (form({}), "condition", "has `field`"),
    (form({"xor": []}), "condition", "has `field`"),
    (form({"allOf": [LEAF], "anyOf": []}), "condition", "exactly"),
    (form({"allOf": LEAF}), "condition.allOf", "no list"),
    (form({"anyOf": [LEAF, 3]}), "condition.anyOf[1]", "3 is no condition"),
    (form({"allOf": [LEAF] * 1001}), "condition.allOf", "1001"),
    (form({"allOf": [{"anyOf": [LEAF] * 600}] * 2}), "condition.allOf[1].anyOf[397]", "more than 1000"),
    (form(negated(11, LEAF)), "condition" + ".not" * 11, "deeper than 10"),
    (form(gathered(12, LEAF)), "condition" + ".allOf[0]" * 12, "deeper than 10"),
    (form(negated(900, LEAF)), "condition" + ".not" * 11, "deeper than 10"),
    (form({"some": "a b", "where": LEAF}), "condition.some", "name of a relation"),
    (form({"some": "facilities"}), "condition", "exactly"),
    (form({"some": "facilities", "where": {"field": "x"}}), "condition.where", "exactly"),
    (form({**LEAF, "field": "select 1"}), "condition.field", "name of a field"),
    (form({**LEAF, "field": 3}), "condition.field", "name of a field"),
    (form({**LEAF, "field": "x" * 101}), "condition.field", "name of a field"),
    (form({**LEAF, "field": "limit.minor"}), "condition.field", "name of a field"),
    (compared("like", "a"), "condition.operator", "'like'"),
    (compared(["eq"], 1), "condition.operator", "list"),
    (compared("eq", None), "condition.value", "None is no value"),
    (compared("eq", 1.5), "condition.value", "float"),
    (compared("eq", 2**63), "condition.value", "64 bits"),
    (compared("eq", [1]), "condition.value", "tuple"),
    (compared("eq", {"uuid": "x"}), "condition.value", "no value"),
    (compared("eq", {"date": "x", "decimal": "1"}), "condition.value", "no value"),
    (compared("eq", {"date": "2026-02-30"}), "condition.value.date", "calendar"),
    (compared("eq", {"date": "20260228"}), "condition.value.date", "not a date"),
    (compared("eq", {"moment": "2026-01-01T00:00:00"}), "condition.value.moment", "UTC"),
    (compared("eq", {"moment": "2026-01-01T25:00:00Z"}), "condition.value.moment", "calendar"),
    (compared("eq", {"decimal": "1e3"}), "condition.value.decimal", "decimal"),
    (compared("eq", {"decimal": "NaN"}), "condition.value.decimal", "decimal"),
    (compared("eq", {"decimal": 1}), "condition.value.decimal", "decimal"),
    (compared("eq", {"money": {"amount": "1.001", "currency": "CNY"}}), "condition.value.money", "DECIMALS"),
    (compared("eq", {"money": {"amount": "1", "currency": "XXX"}}), "condition.value.money", "UNKNOWN"),
    (compared("eq", {"money": {"amount": "1"}}), "condition.value.money", "exactly"),
    (compared("in", 1), "condition.value", "list"),
    (compared("in", [1, "a"]), "condition.value", "one kind"),
    (compared("in", [1, None]), "condition.value[1]", "None is no value"),
    (compared("in", list(range(1001))), "condition.value", "1001"),
    (compared("between", [1]), "condition.value", "two values"),
    (compared("gt", "a"), "condition.value", "no order"),
    (compared("startsWith", 1), "condition.value", "text"),
    (compared("isNull", "yes"), "condition.value", "true or false"),
    (compared("eq", "a\0"), "condition.value", "U+0000"),
    (compared("eq", "\ud800"), "condition.value", "surrogate"),
]


@pytest.mark.parametrize(("data", "path", "reason"), REFUSED)
def test_what_is_no_condition_is_refused_with_its_place_and_reason(data: Any, path: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(reason)) as refused:
        read(data)
    assert refused.value.path == path
    assert len(refused.value.reason) < 120


def test_the_deepest_and_the_largest_are_read() -> None:
    read(form(negated(10, {"allOf": [LEAF]})))
    read(form(gathered(11, LEAF)))
    read(form({"allOf": [LEAF] * 999}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["field", "operator", "value", "allOf", "anyOf", "not", "some", "where", "date", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(anything)
@settings(deadline=None)
def test_whatever_is_sent_is_read_or_refused(data: Any) -> None:
    for sent in (data, form(data)):
        try:
            assert read(written(read(sent))) == read(sent)
        except Unreadable:
            continue
