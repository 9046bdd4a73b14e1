"""One value of a row as JSON: exactly what the normal executor's scalars would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from graphql import GraphQLEnumType, GraphQLNamedType, get_nullable_type, is_list_type
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal_column,
)

from domain.money import EXPONENTS
from schema.binding import (
    AmountSource,
    Binding,
    ColumnSource,
    IdSource,
    ObjectSource,
    ObjectsSource,
    TextsSource,
)
from schema.compiler.json_text import (
    Constant,
    Json,
    Piece,
    Quoted,
    Sql,
    as_text,
    concatenated,
    element,
    json_object,
    or_null,
)
from schema.compiler.outline import Selected
from schema.ids import SEPARATOR, TEXT_MARK
from schema.relations import text_literal
from tenants.database import DIALECT

# Codes that a CHECK holds to a closed list, and text that is made of digits: quotes are all they need.
_PLAIN = ("Decimal", "BigInt")
_ROW = "row_of_any"


def leaf(type_: GraphQLNamedType, value: ColumnElement[Any], *, nullable: bool) -> Piece:
    """A scalar or an enum's code."""
    if isinstance(type_, GraphQLEnumType) or type_.name in _PLAIN:
        if nullable:
            return Json(or_null(concatenated(["'\"'", value, "'\"'"])))
        return Quoted(value)
    if type_.name == "Int":
        return Json(or_null(as_text(value)) if nullable else value)
    if type_.name == "JSON":
        return Json(or_null(as_json_text(value)) if nullable else as_json_text(value))
    if type_.name == "Boolean":
        return Json(_boolean(value, nullable=nullable))
    return escaped(value, nullable=nullable)


def as_json_text(value: ColumnElement[Any]) -> ColumnElement[str]:
    """A column of JSON as PostgreSQL writes it: the normal executor sends the very same text."""
    return cast(value, Text)


def escaped(value: ColumnElement[Any], *, nullable: bool) -> Json:
    """Any value as JSON, by PostgreSQL's own rules."""
    written = cast(func.to_json(value), Text)
    return Json(or_null(written) if nullable else written)


def _boolean(value: ColumnElement[bool], *, nullable: bool) -> ColumnElement[str]:
    known = [(value, element("'true'")), (~value, element("'false'"))]
    return case(*known, else_=element("'null'")) if nullable else case(known[0], else_=element("'false'"))


def own(of: Binding, row: str, field: Selected) -> Piece:
    """A field that the row of this name has itself: a column, an amount, the id. Ready-made SQL."""
    match field.source:
        case AmountSource() as source:
            return _amount(of, source, row, field.fields)
        case ColumnSource() | IdSource() as source:
            return _of_row(_own(of, source, field.type), row)
        case TextsSource(name=name):
            return Json(f"to_json({row}.{name})::text")
        case ObjectsSource(name=name, members=members):
            if [(below.key, below.name) for below in field.fields] == [(one, one) for one in members]:
                return Json(f"{row}.{name}")
            return Json(_objects(f"{row}.{name}", field.fields))
        case ObjectSource(name=name):
            return Json(object_or_list(f"{row}.{name}", field))
    raise AssertionError(f"{field.name} is not the row's own")


def _objects(column: str, fields: Sequence[Selected]) -> str:
    """The list of what is selected of each object in a column of JSON; both have the same names and values."""
    members = (
        (
            field.key,
            Constant(f'"{field.parent}"')
            if field.name == "__typename"
            else Json(f"(o.item -> {text_literal(field.name)})::text"),
        )
        for field in fields
    )
    listed = f"string_agg({json_object(members)}, ',' order by o.n)"
    objects = f"json_array_elements({column}::json) with ordinality as o(item, n)"
    return f"(select '[' || coalesce({listed}, '') || ']' from {objects})"


def object_or_list(value: str, field: Selected) -> str:
    """What is selected of a JSON value: an object, or a list of them."""
    if is_list_type(get_nullable_type(field.definition.type)):
        return _listed(value, field, 0)
    return object_in(value, field.fields)


def object_in(value: str, fields: Sequence[Selected], depth: int = 0) -> str:
    """What is selected of an object of JSON and of what is below it; the word null where there is none."""
    members = ((field.key, _member(value, field, depth)) for field in fields)
    return f"case when jsonb_typeof({value}) = 'object' then {json_object(members)} else 'null' end"


def _member(value: str, field: Selected, depth: int) -> Piece:
    if field.name == "__typename":
        return Constant(f'"{field.parent}"')
    inner = f"({value} -> {text_literal(field.name)})"
    if not is_list_type(get_nullable_type(field.definition.type)):
        return Json(
            object_in(inner, field.fields, depth) if field.fields else f"coalesce({inner}::text, 'null')"
        )
    return Json(_listed(inner, field, depth))


def _listed(value: str, field: Selected, depth: int) -> str:
    # Each level's items have a name of their own, so that those above stay in sight.
    item = f"i{depth}"
    each = object_in(f"{item}.item", field.fields, depth + 1) if field.fields else f"{item}.item::text"
    listed = f"string_agg({each}, ',' order by {item}.n)"
    items = f"jsonb_array_elements({value}) with ordinality as {item}(item, n)"
    return f"(select '[' || coalesce({listed}, '') || ']' from {items})"


@cache
def _own(of: Binding, source: ColumnSource | IdSource, type_: GraphQLNamedType) -> Piece:
    row = of.table.alias(_ROW)
    if isinstance(source, IdSource):
        return _written(Quoted(_global_id(of, row)))
    return _written(leaf(type_, row.c[source.name], nullable=bool(of.table.c[source.name].nullable)))


def _amount(of: Binding, source: AmountSource, row: str, fields: Sequence[Selected]) -> Piece:
    amount, currency = (_of_row(piece, row) for piece in _parts_of_amount(of, source))
    written = json_object(_money(fields, amount, currency))
    if not of.table.c[source.minor].nullable:
        return Json(written)
    return Json(f"case when {row}.{source.minor} is null then 'null' else {written} end")


@cache
def _parts_of_amount(of: Binding, source: AmountSource) -> tuple[Piece, Piece]:
    row = of.table.alias(_ROW)
    minor, currency = row.c[source.minor], row.c[source.currency]
    return _written(Quoted(_major(minor, currency))), _written(Quoted(currency))


def money(minor: ColumnElement[Any], currency: ColumnElement[str], fields: Sequence[Selected]) -> Sql:
    """The object of an amount that was worked out."""
    return json_object(_money(fields, Quoted(_major(minor, currency)), Quoted(currency)))


def _money(fields: Sequence[Selected], amount: Piece, currency: Piece) -> Iterator[tuple[str, Piece]]:
    known = {"__typename": Constant('"Money"'), "amount": amount, "currency": currency}
    for field in fields:
        yield field.key, known[field.name]


def _major(minor: ColumnElement[Any], currency: ColumnElement[str]) -> ColumnElement[Any]:
    """An amount in major units, with all decimal places of its currency; exact, since numeric."""
    others = {
        exponent: sorted(code for code, places in EXPONENTS.items() if places == exponent)
        for exponent in sorted(set(EXPONENTS.values()) - {2})
    }
    whens = [
        (currency.in_([element(text_literal(code)) for code in codes]), _unit(exponent))
        for exponent, codes in others.items()
    ]
    return cast(minor, Numeric) * case(*whens, else_=_unit(2))


def _unit(exponent: int) -> ColumnElement[Any]:
    """What a minor unit is worth in major ones."""
    return literal_column("1" if exponent == 0 else f"0.{'1'.rjust(exponent, '0')}", Numeric)


def _global_id(of: Binding, row: FromClause) -> Sql:
    parts: list[Sql] = [text_literal(of.type_name + SEPARATOR)]
    for n, name in enumerate(of.key):
        parts += [text_literal(SEPARATOR)] if n else []
        parts.append(_key_part(row.c[name]))
    return concatenated(parts)


def _key_part(column: ColumnElement[Any]) -> Sql:
    if isinstance(column.type, Integer | Uuid):
        return column
    digits = func.encode(func.convert_to(column, element("'UTF8'")), element("'hex'"), type_=Text)
    return concatenated([text_literal(TEXT_MARK), digits])


def _written(piece: Piece) -> Piece:
    """The piece as ready-made SQL over a row of any name."""
    if isinstance(piece, Constant):
        return piece
    made = element(as_text(piece.sql)).compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    return type(piece)(str(made))


def _of_row(piece: Piece, row: str) -> Piece:
    if isinstance(piece, Constant):
        return piece
    return type(piece)(str(piece.sql).replace(f"{_ROW}.", f"{row}."))
