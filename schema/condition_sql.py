"""Conditions as SQL over a bound table: the text by their shape, the parameters by their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Numeric,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

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
from schema.binding import AmountSource, Binding, ExpressionSource, IdSource, ManySource, ToOneSource, binding
from schema.condition_fields import Field, checked, field_of, relation_of
from schema.keys import named
from schema.relations import linked

Bind = Callable[[Any, TypeEngine[Any]], ColumnElement[Any]]
Related = One | Some | NoneOf | Every

# Not `true()` and `false()`: SQLAlchemy drops what stands beside those, and its parameters with it.
_TRUE: ColumnElement[bool] = literal_column("true", Boolean())
_FALSE: ColumnElement[bool] = literal_column("false", Boolean())

IN_SQL = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
"""What may stand in SQL as it is, between quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlContext:
    """What a condition's SQL depends on besides the condition.

    `in_scope` is the caller's branches as a predicate on a tenant table, None where every row is in sight;
    `hides` says that the caller's login may not read a type at all: a relation then leads to nothing. `bind` is
    called once for each of `values_of`, in that order.
    """

    in_scope: Callable[[FromClause], ColumnElement[bool] | None]
    hides: Callable[[Binding], bool]
    bind: Bind = literal


def to_sql(
    condition: Condition, target: Binding, table: FromClause, context: SqlContext
) -> ColumnElement[bool]:
    """The condition over a table of the bound type. NULL where it cannot be said, which selects nothing.

    Raises BadInput for what the type does not have, and for values that its fields cannot have.
    """
    match condition:
        case Compare():
            return _comparison(condition, target, table, context.bind)
        case AllOf(parts):
            return and_(*[to_sql(part, target, table, context) for part in parts]) if parts else _TRUE
        case AnyOf(parts):
            return or_(*[to_sql(part, target, table, context) for part in parts]) if parts else _FALSE
        case Not(part):
            return _complement(part, target, table, context)
        case One() | Some():
            return _exists(condition, target, table, context)
        case NoneOf() | Every():
            return not_(_exists(condition, target, table, context))


def values_of(condition: Condition, target: Binding) -> list[Any]:
    """The values in the condition, as the driver takes them, in the order in which `to_sql` binds them.

    Raises BadInput as `to_sql` does.
    """
    return [value for value, _ in _bound_values(condition, target)]


def shape_of(condition: Condition, target: Binding) -> Hashable:
    """The condition without its values. Equal shapes over one type make the same SQL.

    Raises BadInput as `to_sql` does.
    """
    if isinstance(condition, Compare):
        if (codes := codes_in_sql(condition, field_of(target, condition.field))) is not None:
            return condition.field, condition.operator, codes
        # An empty list of amounts has no currency to compare.
        told = condition.value if condition.operator is Operator.IS_NULL else condition.value == ()
        return condition.field, condition.operator, told
    if isinstance(condition, AllOf | AnyOf):
        return type(condition), *[shape_of(part, target) for part in condition.parts]
    if isinstance(condition, Not):
        return Not, shape_of(condition.part, target)
    related = binding(relation_of(target, condition).target)
    return type(condition), condition.relation, shape_of(condition.part, related)


def _bound_values(condition: Condition, target: Binding) -> Iterator[tuple[Any, TypeEngine[Any]]]:
    if isinstance(condition, Compare):
        yield from _bound(condition, field_of(target, condition.field))
    elif isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from _bound_values(part, target)
    elif isinstance(condition, Not):
        yield from _bound_values(condition.part, target)
    else:
        related = binding(relation_of(target, condition).target)
        yield from _bound_values(condition.part, related)


def _complement(
    part: Condition, target: Binding, table: FromClause, context: SqlContext
) -> ColumnElement[bool]:
    made = to_sql(part, target, table, context)
    # NOT EXISTS stays as it is: PostgreSQL makes an anti-join of it.
    return not_(made if _always_known(part) else func.coalesce(made, _FALSE))


def _always_known(condition: Condition) -> bool:
    match condition:
        case Compare(operator=operator):
            return operator is Operator.IS_NULL
        case AllOf(parts) | AnyOf(parts):
            return all(map(_always_known, parts))
    return True


def _exists(of: Related, target: Binding, table: FromClause, context: SqlContext) -> ColumnElement[bool]:
    """Whether a related row is there of which the part holds; of EVERY, of which it does not."""
    source = relation_of(target, of)
    related = binding(source.target)
    rows = related.table.alias()
    inner = _complement if isinstance(of, Every) else to_sql
    part = inner(of.part, related, rows, context)
    if context.hides(related):
        return _FALSE
    found = [*linked(source, table, rows), *_scope(source, target, rows, context)]
    found += [] if part is _TRUE else [part]
    return select(literal_column("1")).select_from(rows).where(*found).correlate(table).exists()


def _scope(
    source: ToOneSource | ManySource, parent: Binding, rows: FromClause, context: SqlContext
) -> list[ColumnElement[bool]]:
    """The caller's branches, where the parent's own branch does not say them already."""
    stated = parent.is_tenant and (source.on or {}).get("branch_id") == "branch_id"
    if "branch_id" not in rows.c or stated:
        return []
    scope = context.in_scope(rows)
    return [] if scope is None else [scope]


def _comparison(of: Compare, target: Binding, table: FromClause, bind: Bind) -> ColumnElement[bool]:
    field = field_of(target, of.field)
    if (codes := codes_in_sql(of, field)) is not None:
        return table.c[field.column].in_([literal_column(f"'{code}'", Text()) for code in codes])
    bound = [bind(value, type_) for value, type_ in _bound(of, field)]
    if isinstance(field.source, IdSource):
        return _has_id(of.operator, target, table, bound)
    if isinstance(field.source, AmountSource):
        compared = _currency if field.of_currency else _amount
        return compared(of, field.source, table, bound)
    if isinstance(field.source, ExpressionSource):
        return _scalar(of, field.source.sql(table), None, bound)
    return _scalar(of, table.c[field.column], table.c[field.folded] if field.folded else None, bound)


def _scalar(of: Compare, column: Any, folded: Any, bound: list[Any]) -> ColumnElement[bool]:
    lower = func.lower(column) if folded is None else folded
    found: Any
    match of.operator:
        case Operator.IS_NULL:
            found = column.is_(None) if of.value else column.is_not(None)
        case Operator.IN:
            found = column == func.any(_array(bound[0]))
        case Operator.NOT_IN:
            found = and_(column.is_not(None), column != func.all(_array(bound[0])))
        case Operator.BETWEEN:
            found = column.between(*bound)
        case Operator.STARTS_WITH:
            found = lower.op("^@", is_comparison=True)(func.lower(bound[0]))
        case Operator.CONTAINS:
            found = func.strpos(lower, func.lower(bound[0])) > literal_column("0")
        case _:
            found = _COMPARED[of.operator](column, bound[0])
    made: ColumnElement[bool] = found
    return made


def _amount(of: Compare, source: AmountSource, table: FromClause, bound: list[Any]) -> ColumnElement[bool]:
    minor = table.c[source.minor]
    if of.operator is Operator.IS_NULL:
        return _scalar(of, minor, None, bound)
    if not bound:
        return minor.is_not(None) if of.operator is Operator.NOT_IN else _FALSE
    return and_(table.c[source.currency] == bound[0], _scalar(of, minor, None, bound[1:]))


def _currency(of: Compare, source: AmountSource, table: FromClause, bound: list[Any]) -> ColumnElement[bool]:
    """The currency of an amount: rows without the amount have none, though the column says one."""
    minor, currency = table.c[source.minor], table.c[source.currency]
    if of.operator is Operator.IS_NULL:
        return _scalar(of, minor, None, bound)
    return and_(minor.is_not(None), _scalar(of, currency, None, bound))


def _has_id(operator: Operator, target: Binding, table: FromClause, bound: list[Any]) -> ColumnElement[bool]:
    parts = [column(f"k{i}", array.type.item_type) for i, array in enumerate(bound)]
    listed = func.unnest(*map(_array, bound)).table_valued(*parts, name="wanted_ids").render_derived()
    found = tuple_(*(table.c[name] for name in target.key)).in_(select(*listed.c))
    return not_(found) if operator in (Operator.NE, Operator.NOT_IN) else found


def _array(bound: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(bound, bound.type)


def _bound(of: Compare, field: Field) -> list[tuple[Any, TypeEngine[Any]]]:
    """What a comparison binds, with the types to bind it as."""
    checked(of, field)
    if of.operator is Operator.IS_NULL or codes_in_sql(of, field) is not None:
        return []
    if isinstance(field.source, IdSource):
        return _bound_keys(of, field.target)
    values = list(of.value) if isinstance(of.value, tuple) else [of.value]
    before: list[tuple[Any, TypeEngine[Any]]] = []
    type_ = field.bind_type
    if isinstance(field.source, AmountSource) and not field.of_currency:
        if not values:
            return []
        before = [(values[0].currency, Text())]  # type: ignore[union-attr]
        values = [value.minor for value in values if isinstance(value, Money)]
    elif isinstance(type_, Numeric):
        values = [Decimal(value) for value in values]  # type: ignore[arg-type]
    if of.operator in (Operator.IN, Operator.NOT_IN):
        return [*before, (values, ARRAY(type_))]
    return [*before, *((value, type_) for value in values)]


def codes_in_sql(of: Compare, field: Field) -> tuple[str, ...] | None:
    """The codes that stand in the SQL themselves: of a fixed field that is to be one of them. Else None."""
    if not field.fixed or of.operator not in (Operator.EQ, Operator.IN):
        return None
    values = of.value if isinstance(of.value, tuple) else (of.value,)
    codes = tuple([one for one in values if isinstance(one, str) and IN_SQL.fullmatch(one)])
    return codes if 0 < len(codes) == len(values) else None


def _bound_keys(of: Compare, target: Binding) -> list[tuple[Any, TypeEngine[Any]]]:
    """The ids of this type, as one array for each column of its key; ids of other types match no row."""
    given = of.value if isinstance(of.value, tuple) else (of.value,)
    keys = [found.key for found in map(named, map(str, given)) if found.type_name == target.type_name]
    types = [target.table.c[name].type for name in target.key]
    return [
        ([key[i] for key in keys], ARRAY(BigInteger() if type_.python_type is int else type_))
        for i, type_ in enumerate(types)
    ]


_COMPARED: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: eq,
    Operator.NE: ne,
    Operator.GT: gt,
    Operator.GTE: ge,
    Operator.LT: lt,
    Operator.LTE: le,
}
