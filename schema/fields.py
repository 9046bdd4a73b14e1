"""How a type and its fields are declared: the table, and where each field comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement, FromClause, Table
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from schema.binding import (
    AmountSource,
    AncestorsSource,
    AsOfSource,
    Binding,
    CallerSource,
    CodeSource,
    ColumnSource,
    ConnectionSource,
    ExpressionSource,
    FactSource,
    IdSource,
    KeysSource,
    MembersSource,
    MigrationsSource,
    NameSource,
    NodeSource,
    NodesSource,
    ObjectSource,
    ObjectsSource,
    QuotaSource,
    RelatedSource,
    Row,
    SegmentSource,
    SegmentsSource,
    TextsSource,
    ToOneSource,
    TotalSource,
    UnitQuotaSource,
    register,
)
from schema.bound_fields import BoundField, Node
from schema.declaring import define, fill
from schema.ids import Key
from schema.request import Request
from tenants.tables import metadata

T = TypeVar("T")


def bound(
    table: str | Table,
    *,
    hidden_from_clients: bool = False,
    for_headquarters: bool = False,
    is_node: bool = True,
) -> Callable[[type[T]], type[T]]:
    """Class decorator: a Strawberry type over a table of `tenants.tables`, described by its docstring.

    A view or a virtual table, which no migration makes as a table, is given itself.

    `hidden_from_clients` is for tables that the client portal's login may not read: it sees no row of them.
    `for_headquarters` is for those that only headquarters' login may: what is made of all branches' rows.
    Rows that only a function makes are no nodes (`is_node`), and have no id.
    """

    def bind(cls: type[T]) -> type[T]:
        bound_table = metadata.tables[f"{metadata.schema}.{table}"] if isinstance(table, str) else table
        made = Binding(cls.__name__, bound_table, tuple(c.name for c in bound_table.primary_key))
        made.hidden_from_clients = hidden_from_clients
        made.for_headquarters = for_headquarters
        made.is_node = is_node
        made.strawberry_type = cls
        made.annotations = inspect.get_annotations(cls, eval_str=True)
        fields: dict[str, Any] = {name: (type_, vars(cls)[name]) for name, type_ in made.annotations.items()}
        for name, resolved in vars(cls).items():
            if isinstance(resolved, StrawberryField) and name not in fields:
                fields[name] = None, resolved
        if is_node:
            opaque = BoundField.declare(IdSource(), "Opaque and stable; for `node`.")
            fields = {"id": (strawberry.ID, opaque)} | fields
        interfaces = [get_object_definition(Node, strict=True)] if issubclass(cls, Node) else []
        define(cls, interfaces=interfaces, is_type_of=partial(_is_row_of, made))
        fill(cls, inspect.cleandoc(cls.__doc__ or ""), fields)
        for name, (_, declared) in fields.items():
            if isinstance(declared, BoundField):
                made.sources[name] = declared.source
        register(made)
        return cls

    return bind


def _is_row_of(made: Binding, obj: Any, info: Any) -> bool:
    del info
    return isinstance(obj, Row) and obj.binding is made


def column(
    name: str,
    description: str,
    *,
    where: bool = False,
    order: bool = False,
    folded: str | None = None,
    fixed: bool = False,
) -> Any:
    """A column. `where` and `order` offer it in the derived inputs: only what an index or a tenant serves."""
    return BoundField.declare(ColumnSource(name, where, order, folded, fixed), description)


def texts(name: str, description: str) -> Any:
    """The texts in a column that is an array of them."""
    return BoundField.declare(TextsSource(name), description)


def objects(name: str, made: Callable[..., Any], members: tuple[str, ...], description: str) -> Any:
    """The objects in a column of JSON with these members, each made for the normal executor by `made`."""
    return BoundField.declare(ObjectsSource(name, made, members), description)


def object_of(
    name: str,
    made: Callable[[Any], Any],
    description: str,
    *,
    for_headquarters: bool = False,
    sql: Callable[[FromClause], ColumnElement[Any]] | None = None,
) -> Any:
    """The object in a column of JSON with whatever is below it, made for the normal executor by `made`.

    `sql` is for what another table keeps. `for_headquarters`: it is made of all branches' rows, and null to whoever
    does not see them all.
    """
    return BoundField.declare(ObjectSource(name, made, for_headquarters, sql), description)


def amount(name: str, description: str, *, where: bool = False, order: bool = False) -> Any:
    """The money in the columns `<name>_minor` and `currency`."""
    return BoundField.declare(AmountSource(f"{name}_minor", "currency", where, order), description)


def expression(
    sql: Callable[[FromClause], ColumnElement[Any]], description: str, *, where: bool = False
) -> Any:
    """An SQL expression over the type's own table; `where` offers it, a decimal number, in conditions."""
    return BoundField.declare(ExpressionSource(sql, where), description)


def to_one(target: str, on: dict[str, str], description: str, *, required: bool = False) -> Any:
    """A relation to one row: `on` maps the target's columns to this table's."""
    return BoundField.declare(ToOneSource(target, on, required), description)


def as_of(target: str, on: dict[str, str], function: str, description: str) -> Any:
    """A relation to one row, as it was on the argument `day` by a function of the database."""
    return BoundField.declare(AsOfSource(target, on, function), description)


def related(target: str, description: str) -> Any:
    """The companies connected with a client, in any number of steps."""
    return BoundField.declare(RelatedSource(target), description)


def quota(target: str, description: str, *, at_root: bool = False) -> Any:
    """What a client may still draw; at the root of the client that an argument names."""
    return BoundField.declare(QuotaSource(target, at_root), description)


def unit_quota(target: str, description: str) -> Any:
    """What a unit and all below it may lend and have committed."""
    return BoundField.declare(UnitQuotaSource(target), description)


def segments_of(target: str, on: dict[str, str], description: str) -> Any:
    """The row's segments, of all dimensions or of those asked for."""
    return BoundField.declare(SegmentsSource(target, on), description)


def connection(
    target: str,
    description: str,
    *,
    on: dict[str, str] | None = None,
    order: tuple[str, ...] = (),
    below: bool = False,
) -> Any:
    """A relation to many rows: `on` maps the target's columns to this table's; None at the root."""
    return BoundField.declare(ConnectionSource(target, on, order, below), description)


def total(of: Any, amount: Any, description: str) -> Any:
    """The sum of an amount over a relation's rows, per currency."""
    return BoundField.declare(TotalSource(of, amount), description)


def ancestors(description: str) -> Any:
    """The units above a unit."""
    return BoundField.declare(AncestorsSource(), description)


def by_code(target: str, description: str) -> Any:
    """At the root: the row with the code given."""
    return BoundField.declare(CodeSource(target), description)


def by_id(target: str | None, description: str) -> Any:
    """At the root: the row with the global id given; of any type where `target` is None."""
    return BoundField.declare(NodeSource(target), description)


def nodes(description: str) -> Any:
    """At the root: the rows with the global ids given."""
    return BoundField.declare(NodesSource(), description)


def segment_named(description: str) -> Any:
    """At the root: the segment that the arguments name."""
    return BoundField.declare(SegmentSource(), description)


def named_by(name: str, description: str) -> Any:
    """Of a named segment: one of the names."""
    return BoundField.declare(NameSource(name), description)


def members(target: str, description: str, *, order: tuple[str, ...] = ()) -> Any:
    """Of a named segment: the rows in it, among all in sight."""
    return BoundField.declare(MembersSource(ConnectionSource(target, None, order)), description)


def migrations(description: str) -> Any:
    """At the root: how many clients went from which value to which between two days."""
    return BoundField.declare(MigrationsSource(), description)


def of_the_caller(description: str) -> Any:
    """At the root: an object whose fields the request itself answers."""
    return BoundField.declare(CallerSource(), description)


def fact(read: Callable[[Request], Any], description: str) -> Any:
    """What the request itself knows."""
    return BoundField.declare(FactSource(read), description)


def by_keys(
    target: str, keys: Callable[[Request], list[Key]], description: str, *, many: bool = False
) -> Any:
    """The row, or the rows where there may be `many`, whose keys the request itself knows."""
    return BoundField.declare(KeysSource(target, keys, many), description)
