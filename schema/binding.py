"""Where each field comes from: types are bound to tables once, declaratively, field by field.

The declarations stand beside the GraphQL annotations (`schema.fields`). Nothing here runs a statement:
`schema.reading` answers a binding with batched loaders, and a compiler can turn the same bindings into one
statement. A field of the built schema leads back to its source by
`field.extensions["strawberry-definition"].source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
class TotalSource:
    """The sum of an amount over a relation's rows, one Money per currency, by currency."""

    of: ConnectionSource
    amount: AmountSource


@dataclass(frozen=True, slots=True)
class AncestorsSource:
    """The organisation units above a unit, nearest first."""


@dataclass(frozen=True, slots=True)
class CodeSource:
    """At the root: the row of `target` whose unique column equals the argument of the same name."""

    target: str
    column: str = "code"


@dataclass(frozen=True, slots=True)
class NodeSource:
    """At the root: the row with the global id in the argument `id`; of any type where `target` is None."""

    target: str | None = None


@dataclass(frozen=True, slots=True)
class NodesSource:
    """At the root: the rows with the global ids in the argument `ids`, in their order."""


@dataclass(frozen=True, slots=True)
class CallerSource:
    """At the root: an object whose fields are facts of the request itself."""


@dataclass(frozen=True, slots=True)
class FactSource:
    """A value that the request itself knows."""

    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class KeysSource:
    """The rows of `target` whose primary keys the request itself knows; one row at most where not `many`."""

    target: str
    keys: Callable[[Any], list[Key]]
    many: bool


@dataclass(frozen=True, slots=True)
class AggregatesSource:
    """What is measured over the rows of a list, or of one group of them."""

    target: str


@dataclass(frozen=True, slots=True)
class MeasuresSource:
    """What is measured of one field of `target`, by its Python name; of an amount in the argument `currency`."""

    target: str
    field: str


@dataclass(frozen=True, slots=True)
class MeasureSource:
    """One measure, by the value of its function; of the rows themselves where it stands beside the fields."""

    function: str


@dataclass(frozen=True, slots=True)
class GroupsSource:
    """The rows of a list in groups, by the arguments `by`, `having`, `orderBy` and `first`."""

    target: str


@dataclass(frozen=True, slots=True)
class GroupKeySource:
    """What the rows of one group have in common: an object of the parts."""

    target: str


@dataclass(frozen=True, slots=True)
class KeyPartSource:
    """One part of a group's key: a field's value, or an object of the parts of a to-one relation.

    Null where the rows are not grouped by it.
    """

    name: str
    is_relation: bool = False


Source = (
    ColumnSource
    | AmountSource
    | IdSource
    | ExpressionSource
    | ToOneSource
    | ConnectionSource
    | TotalSource
    | AncestorsSource
    | CodeSource
    | NodeSource
    | NodesSource
    | CallerSource
    | FactSource
    | KeysSource
    | AggregatesSource
    | MeasuresSource
    | MeasureSource
    | GroupsSource
    | GroupKeySource
    | KeyPartSource
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
