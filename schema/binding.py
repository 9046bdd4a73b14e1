"""Where each field comes from: types are bound to tables once, declaratively, field by field.

The declarations stand beside the GraphQL annotations (`schema.fields`). Nothing here runs a statement:
`schema.reading` answers a binding with batched loaders, and a compiler can turn the same bindings into one
statement. A field of the built schema leads back to its source by
`field.extensions["strawberry-definition"].source`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table

from schema.ids import Key


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a bound type, as the database gave it."""

    binding: Binding
    record: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """The row's primary key, tenant first."""
        return tuple(self.record[name] for name in self.binding.key)


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """The value of one column, as it is.

    `folded` names a stored lower-case twin: ordering and prefix search go there, where the index is.
    """

    name: str
    filterable: bool = False
    sortable: bool = False
    folded: str | None = None


@dataclass(frozen=True, slots=True)
class AmountSource:
    """Money: a column of minor units and the column of its currency; null where the amount is."""

    minor: str
    currency: str = "currency"
    filterable: bool = False
    sortable: bool = False


@dataclass(frozen=True, slots=True)
class IdSource:
    """The global id, from the type and the key."""


@dataclass(frozen=True, slots=True)
class ExpressionSource:
    """An SQL expression over the type's table; scalar, correlated where it needs other tables."""

    sql: Callable[[FromClause], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class ToOneSource:
    """The row of `target` whose columns (keys of `on`) equal this row's (values).

    `required` is for what the caller always sees with the row itself; all else may be hidden, and is null.
    """

    target: str
    on: Mapping[str, str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionSource:
    """The rows of `target` whose columns (keys of `on`) equal this row's (values); all in scope at the root.

    With `below`, the parent is an organisation unit and the rows are those of every unit under it, too.
    `order` is the default ordering: column names, "-" in front for descending; the key always follows.
    """

    target: str
    on: Mapping[str, str] | None
    order: tuple[str, ...] = ()
    below: bool = False


@dataclass(frozen=True, slots=True)
class ComputedSource:
    """Python, the exception: all parents of a batch in, their values out, in the same order."""

    load: Callable[[Any, list[Row]], Awaitable[list[Any]]]


Source = (
    ColumnSource
    | AmountSource
    | IdSource
    | ExpressionSource
    | ToOneSource
    | ConnectionSource
    | ComputedSource
)


@dataclass(slots=True, eq=False)
class Binding:
    """A GraphQL type, its table and where each of its fields comes from (by Python name)."""

    type_name: str
    table: Table
    key: tuple[str, ...]
    sources: dict[str, Source] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    hidden_from_clients: bool = False
    strawberry_type: type | None = None

    @property
    def is_tenant(self) -> bool:
        """Whether its rows belong to branches."""
        return "branch_id" in self.table.c


_bindings: dict[str, Binding] = {}


def binding(type_name: str) -> Binding:
    """The binding of a GraphQL type, by its name."""
    return _bindings[type_name]


def bindings() -> dict[str, Binding]:
    """Every binding, by type name."""
    return dict(_bindings)


def register(made: Binding) -> None:
    """Make a binding known by its type's name."""
    assert made.type_name not in _bindings, f"{made.type_name} is bound twice"
    _bindings[made.type_name] = made
