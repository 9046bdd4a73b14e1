"""How a type and its fields are declared: the table, and where each field comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement, FromClause

from schema.binding import (
    AmountSource,
    AncestorsSource,
    Binding,
    CallerSource,
    CodeSource,
    ColumnSource,
    ConnectionSource,
    ExpressionSource,
    FactSource,
    IdSource,
    KeysSource,
    NodeSource,
    NodesSource,
    Row,
    ToOneSource,
    TotalSource,
    register,
)
from schema.bound_fields import BoundField
from schema.ids import Key
from schema.request import Request
from tenants.tables import metadata

T = TypeVar("T")


def bound(table: str, *, hidden_from_clients: bool = False) -> Callable[[type[T]], type[T]]:
    """Class decorator: a Strawberry type over a table of `tenants.tables`, described by its docstring.

    `hidden_from_clients` is for tables that the client portal's login may not read: it sees no row of them.
    """

    def bind(cls: type[T]) -> type[T]:
        bound_table = metadata.tables[f"{metadata.schema}.{table}"]
        made = Binding(cls.__name__, bound_table, tuple(c.name for c in bound_table.primary_key))
        made.hidden_from_clients = hidden_from_clients
        cls.is_type_of = staticmethod(partial(_is_row_of, made))  # type: ignore[attr-defined]
        cls.__annotations__["id"] = strawberry.ID
        cls.id = BoundField.declare(IdSource(), "Opaque and stable; for `node`.")  # type: ignore[attr-defined]
        made.annotations = inspect.get_annotations(cls, eval_str=True)
        made.strawberry_type = strawberry.type(cls, description=inspect.cleandoc(cls.__doc__ or ""))
        definition = made.strawberry_type.__strawberry_definition__  # type: ignore[attr-defined]
        for declared in definition.fields:
            if isinstance(declared, BoundField):
                made.sources[declared.python_name] = declared.source
        register(made)
        return made.strawberry_type

    return bind


def _is_row_of(made: Binding, obj: Any, info: Any) -> bool:
    del info
    return isinstance(obj, Row) and obj.binding is made


def column(
    name: str, description: str, *, where: bool = False, order: bool = False, folded: str | None = None
) -> Any:
    """A column. `where` and `order` offer it in the derived inputs: only what an index or a tenant serves."""
    return BoundField.declare(ColumnSource(name, where, order, folded), description)


def amount(name: str, description: str, *, where: bool = False, order: bool = False) -> Any:
    """The money in the columns `<name>_minor` and `currency`."""
    return BoundField.declare(AmountSource(f"{name}_minor", "currency", where, order), description)


def expression(sql: Callable[[FromClause], ColumnElement[Any]], description: str) -> Any:
    """An SQL expression over the type's own table."""
    return BoundField.declare(ExpressionSource(sql), description)


def to_one(target: str, on: dict[str, str], description: str, *, required: bool = False) -> Any:
    """A relation to one row: `on` maps the target's columns to this table's."""
    return BoundField.declare(ToOneSource(target, on, required), description)


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
