"""What compiled plans rest on: equal shapes are equal SQL, and values come in the order in which it binds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.sql.expression import Executable

import schema.graph  # noqa: F401 - binds every type
from schema.binding import binding
from schema.group_keys import GroupKey
from schema.group_reading import read_grouping
from schema.groups import Combined, Compared, Grouping, GroupOrder, grouped, shape_of, values_of
from schema.measures import ROWS, AggregateFunction, Measure, measure_shape, measure_sql, measure_values
from schema.ordering import OrderKey, beyond, order_by, order_shape, order_values, terms
from tenants.database import DIALECT, compiled

FACILITY = binding("Facility")
Bound = tuple[str, list[Any]]

fractions = st.decimals(0, 1, places=2)
currencies = st.sampled_from(["CNY", "USD", "JPY"])
functions = st.sampled_from(AggregateFunction)
measures = st.one_of(
    st.just(ROWS),
    st.builds(
        lambda function, field, currency, at: Measure(
            function, field, currency, at if function is AggregateFunction.PERCENTILE else None
        ),
        functions,
        st.sampled_from(["limit", "guaranteed"]),
        currencies,
        fractions,
    ),
    st.builds(
        lambda function, at: Measure(
            function, "term_months", None, at if function is AggregateFunction.PERCENTILE else None
        ),
        functions,
        fractions,
    ),
)
keys = st.lists(
    st.sampled_from(
        [
            GroupKey((), "status"),
            GroupKey(("branch",), "code"),
            GroupKey(("branch",), "kind"),
            GroupKey(("client", "region"), "code"),
        ]
    ),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
compared = st.one_of(
    st.builds(Compared, measures, st.sampled_from(["eq", "gt", "lte"]), st.decimals(0, 9, places=1)),
    st.builds(Compared, measures, st.just("in"), st.lists(st.integers(0, 9), max_size=2).map(tuple)),
    st.builds(Compared, measures, st.just("is_null"), st.booleans()),
)
having = st.recursive(
    compared,
    lambda part: st.builds(
        Combined, st.sampled_from(["and", "or", "not"]), st.lists(part, max_size=2).map(tuple)
    ),
    max_leaves=4,
)
orders = st.lists(
    st.builds(GroupOrder, st.one_of(measures, st.just(0)), st.booleans(), st.booleans()), max_size=2
).map(tuple)
groupings = st.builds(Grouping, keys, st.none() | having, orders, st.integers(0, 1000))
order_keys = st.one_of(
    st.builds(OrderKey, st.sampled_from(["limit_minor", "matures_on"]), st.booleans(), st.booleans()),
    st.builds(lambda down: OrderKey("name", down, path=("branch", "parent")), st.booleans()),
    st.builds(
        lambda of, path: OrderKey("", path=path, relation="facilities", measure=of),
        measures,
        st.sampled_from([("client",), ("branch",)]),
    ),
)


def built(statement: Callable[[Callable[..., ColumnElement[Any]]], Executable]) -> Bound:
    """The text of a statement whose values are parameters, and the values in the order in which it asked."""
    asked: list[Any] = []

    def bind(value: Any, type_: Any) -> ColumnElement[Any]:
        asked.append(value)
        return bindparam(f"p{len(asked)}", type_=type_)

    made = statement(bind)
    return str(made.compile(dialect=DIALECT)), asked  # type: ignore[attr-defined]


def group_sql(grouping: Grouping, wanted: Sequence[Measure]) -> Bound:
    """The groups' statement."""
    return built(lambda bind: grouped(grouping, FACILITY, lambda _: [], wanted, bind))


def order_sql(order: Sequence[OrderKey]) -> Bound:
    """A statement with the ordering."""
    return built(lambda bind: select(*order_by(terms(order, FACILITY, FACILITY.table, bind))))


@settings(deadline=None, max_examples=60)
@given(groupings, groupings, st.lists(measures, max_size=3), st.lists(measures, max_size=3))
def test_groups_bind_their_values_in_order_and_equal_shapes_are_equal_sql(
    one: Grouping, other: Grouping, wanted: list[Measure], more: list[Measure]
) -> None:
    text, asked = group_sql(one, wanted)
    assert asked == values_of(one, wanted)
    if shape_of(one, wanted) == shape_of(other, more):
        assert group_sql(other, more)[0] == text
    hash(shape_of(one, wanted))


@given(st.data(), groupings)
@settings(deadline=None, max_examples=40)
def test_other_values_are_the_same_sql(data: st.DataObject, grouping: Grouping) -> None:
    def other(of: Measure) -> Measure:
        return Measure(
            of.function,
            of.field,
            of.currency and {"CNY": "EUR", "USD": "GBP", "JPY": "KRW"}[of.currency],
            None if of.at is None else 1 - of.at,
        )

    def replaced(part: Any) -> Any:
        if isinstance(part, Combined):
            return Combined(part.how, tuple(replaced(inner) for inner in part.parts))
        kept = part.how in ("is_null", "in")
        return part and Compared(other(part.measure), part.how, part.value if kept else part.value + 1)

    order = tuple(
        GroupOrder(key.by if isinstance(key.by, int) else other(key.by), key.descending, key.nulls_first)
        for key in grouping.order
    )
    having_ = grouping.having and replaced(grouping.having)
    changed = Grouping(grouping.keys, having_, order, data.draw(st.integers(0, 1000)))
    assert shape_of(changed, [ROWS]) == shape_of(grouping, [ROWS])
    assert group_sql(changed, [ROWS])[0] == group_sql(grouping, [ROWS])[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(order_keys, min_size=1, max_size=3), st.lists(order_keys, min_size=1, max_size=3))
def test_orderings_bind_their_values_in_order_and_equal_shapes_are_equal_sql(
    one: list[OrderKey], other: list[OrderKey]
) -> None:
    text, asked = order_sql(one)
    assert asked == order_values(one)
    if order_shape(one) == order_shape(other):
        assert order_sql(other)[0] == text


@settings(deadline=None, max_examples=60)
@given(measures, measures)
def test_measures_bind_their_values_in_order_and_equal_shapes_are_equal_sql(
    one: Measure, other: Measure
) -> None:
    def sql(of: Measure) -> Bound:
        return built(lambda bind: select(measure_sql(of, FACILITY, FACILITY.table, bind)))

    assert sql(one)[1] == measure_values(one)
    if measure_shape(one) == measure_shape(other):
        assert sql(one)[0] == sql(other)[0]


def test_a_place_binds_each_value_that_is_there_once() -> None:
    order = [OrderKey("matures_on"), OrderKey("term_months"), OrderKey("id")]
    places = terms(order, FACILITY, FACILITY.table)
    text, asked = built(lambda bind: select(beyond(places, [1, None, 3], bind)))
    assert asked == [1, 3]
    assert text.count("$2") == 1
    assert "$3" not in text


def test_a_branchs_code_is_looked_up_for_each_group_and_not_for_each_row() -> None:
    grouping = read_grouping("Facility", {"by": [{"branch": {"field": _Member("code")}}]})
    text, _ = compiled(grouped(grouping, FACILITY, lambda _: [], [ROWS]))
    inner = text[text.index("FROM (") : text.index("GROUP BY")]
    assert "bank.unit" not in inner
    assert "bank.unit" in text
    named = read_grouping("Facility", {"by": [{"branch": {"field": _Member("name")}}]})
    text, _ = compiled(grouped(named, FACILITY, lambda _: [], [ROWS]))
    assert "bank.unit" in text[text.index("FROM (") : text.index("GROUP BY")]


class _Member:
    """What an enum argument is given as."""

    def __init__(self, value: str) -> None:
        self.value = value
