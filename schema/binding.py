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
from tenants.roles import Login


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a bound type, as the database gave it."""

    binding: Binding
    record: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """The row's primary key, tenant first."""
        return tuple(self.record[name] for name in self.binding.key)

    def __hash__(self) -> int:
        # By the key: a record may hold lists, which cannot be hashed.
        return hash((self.binding.type_name, self.key))


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that is known by its key alone: whoever shows it has yet to read it, and may find none in sight."""

    type_name: str
    key: Key


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """The value of one column, as it is.

    `folded` names a stored lower-case twin: ordering and prefix search go there, where the index is. Of a `fixed`
    one, which knows few values, those of a condition stand in the SQL itself, which is then planned for them.
    """

    name: str
    filterable: bool = False
    sortable: bool = False
    folded: str | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class TextsSource:
    """The texts in one column that is an array."""

    name: str


@dataclass(frozen=True, slots=True)
class ObjectsSource:
    """The objects in one column of JSON, named as the fields of the type shown; the text is sent as it is where all
    `members` are asked for in their order.

    `made` makes one for the normal executor, of its members.
    """

    name: str
    made: Callable[..., Any]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """The object in one column of JSON, null where it is: all members are there, named as the fields shown.

    `sql` is read in place of the column: of the type's table, or of a row of it. `made` makes it for the normal
    executor, of the object. `for_headquarters`: it tells of the whole bank, and is null to whoever sees a part.
    """

    name: str
    made: Callable[[Any], Any]
    for_headquarters: bool = False
    sql: Callable[[FromClause], ColumnElement[Any]] | None = None

    def is_hidden_from(self, login: Login) -> bool:
        """Whether the caller is not to see it."""
        return self.for_headquarters and login is not Login.HEADQUARTERS


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
    """An SQL expression over the type's table; scalar, correlated where it needs other tables.

    One that is `filterable` is a decimal number.
    """

    sql: Callable[[FromClause], ColumnElement[Any]]
    filterable: bool = False


@dataclass(frozen=True, slots=True)
class ToOneSource:
    """The row of `target` whose columns (keys of `on`) equal this row's (values).

    `required` is for what the caller always sees with the row itself; all else may be hidden, and is null.
    """

    target: str
    on: Mapping[str, str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class AsOfSource:
    """A to-one row as it was at the end of the argument `day`: of the function `app.<function>`, which has the
    columns of the target's table.
    """

    target: str
    on: Mapping[str, str]
    function: str


@dataclass(frozen=True, slots=True)
class SegmentsSource:
    """The row's segments, one of each dimension or of those in the argument `dimensions`; no more than a few.

    A relation to many rows like any other in conditions, where `one` names the shorthand for "there is one".
    """

    target: str
    on: Mapping[str, str]
    one: str = "segment"


@dataclass(frozen=True, slots=True)
class RelatedSource:
    """The companies connected with a client: a walk of `app.related`, bounded by arguments `depth` and `first`."""

    target: str


@dataclass(frozen=True, slots=True)
class QuotaSource:
    """What a client may still draw, by the arguments `product`, `amount` and `asOf`: a row of `app.quota`.

    At the root the argument `clientId` says whose.
    """

    target: str
    at_root: bool = False


@dataclass(frozen=True, slots=True)
class UnitQuotaSource:
    """What a unit and all below it may lend and have committed, by the argument `asOf`."""

    target: str


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
class SegmentSource:
    """At the root: the segment that the arguments `dimension` and `value` name."""


@dataclass(frozen=True, slots=True)
class NameSource:
    """Of such a segment: one of the arguments that name it."""

    name: str


@dataclass(frozen=True, slots=True)
class MembersSource:
    """Of such a segment: the rows of a root list that are in it, by their relation `segments`."""

    of: ConnectionSource
    segments: str = "segments"


@dataclass(frozen=True, slots=True)
class MigrationsSource:
    """At the root: the matrix of the argument `dimension` between the days `from` and `to`."""


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


@dataclass(frozen=True, slots=True)
class KeySegmentsSource:
    """The segments among a group's key: of each dimension that the rows are grouped by, which."""

    name: str


Source = (
    ColumnSource
    | TextsSource
    | ObjectsSource
    | ObjectSource
    | AmountSource
    | IdSource
    | ExpressionSource
    | ToOneSource
    | AsOfSource
    | SegmentsSource
    | RelatedSource
    | QuotaSource
    | UnitQuotaSource
    | ConnectionSource
    | TotalSource
    | AncestorsSource
    | CodeSource
    | NodeSource
    | NodesSource
    | SegmentSource
    | NameSource
    | MembersSource
    | MigrationsSource
    | CallerSource
    | FactSource
    | KeysSource
    | AggregatesSource
    | MeasuresSource
    | MeasureSource
    | GroupsSource
    | GroupKeySource
    | KeyPartSource
    | KeySegmentsSource
)

ManySource = ConnectionSource | SegmentsSource
"""Relations to many rows."""


@dataclass(slots=True, eq=False)
class Binding:
    """A GraphQL type, its table and where each of its fields comes from (by Python name).

    What is no `is_node` has no id: its rows are some function's, and nobody finds them again.
    """

    type_name: str
    table: Table
    key: tuple[str, ...]
    sources: dict[str, Source] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    hidden_from_clients: bool = False
    for_headquarters: bool = False
    strawberry_type: type | None = None
    is_node: bool = True

    def is_hidden_from(self, login: Login) -> bool:
        """Whether this login may see no row of the type at all."""
        if self.for_headquarters:
            return login is not Login.HEADQUARTERS
        return self.hidden_from_clients and login is Login.CLIENT

    @property
    def is_tenant(self) -> bool:
        """Whether its rows belong to branches."""
        return "branch_id" in self.table.c


_bindings: dict[str, Binding] = {}


def binding(type_name: str) -> Binding:
    """The binding of a GraphQL type, by its name."""
    return _bindings[type_name]


def bindings() -> dict[str, Binding]:
    """Every binding of a type whose rows have ids, by type name."""
    return {name: made for name, made in _bindings.items() if made.is_node}


def is_bound(type_name: str) -> bool:
    """Whether a type of this name has been bound yet."""
    return type_name in _bindings


def register(made: Binding) -> None:
    """Make a binding known by its type's name."""
    assert made.type_name not in _bindings, f"{made.type_name} is bound twice"
    _bindings[made.type_name] = made
