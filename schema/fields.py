"""How a bound field is declared, and how Strawberry is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

import strawberry
from graphql.execution.values import get_argument_values
from sqlalchemy import ColumnElement, FromClause
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import UNRESOLVED, StrawberryField

from domain.money import Money
from schema import lookups, reading, totals
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
    Source,
    ToOneSource,
    TotalSource,
    binding,
    bindings,
    register,
)
from schema.budget import width_of
from schema.ids import Key, encode
from schema.listing import Listing
from schema.order_inputs import order_input, order_keys
from schema.ordering import complete_order, default_order
from schema.paging import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    PageRequest,
    decode_cursor,
    page_size,
)
from schema.request import Request, request_of
from schema.where import where_input
from schema.where_reading import condition
from tenants.tables import metadata

T = TypeVar("T")


@strawberry.interface(description="Anything with a global id, so that it can be fetched again by `node`.")
class Node:
    """What every bound type is."""

    id: strawberry.ID = strawberry.field(
        description="Opaque and stable; pass it back exactly as it was given."
    )


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor; null on an empty page.")


class BoundField(StrawberryField):
    """A Strawberry field that knows its source, for the executor as for a compiler."""

    source: Source

    @classmethod
    def declare(cls, source: Source, description: str) -> Any:
        """The class attribute that declares a field of a bound type."""
        made = cls(description=description)
        made.source = source
        return made

    def __copy__(self) -> BoundField:
        copied = super().__copy__()
        copied.source = self.source
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Whether the row alone answers, without the database and without arguments."""
        return isinstance(self.source, ColumnSource | AmountSource | IdSource | FactSource)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The field's value, or what will be."""
        del args
        match self.source:
            case ColumnSource(name=name):
                return source.record[name]
            case AmountSource(minor=minor, currency=currency):
                value = source.record[minor]
                return None if value is None else Money(value, source.record[currency])
            case IdSource():
                return encode(source.binding.type_name, source.key)
            case ToOneSource() as to_one_source:
                return reading.to_one(request_of(info), to_one_source, source)
            case ExpressionSource() as expression_source:
                return reading.expression(request_of(info), expression_source, self.python_name, source)
            case ConnectionSource() as connection_source:
                row = source if isinstance(source, Row) else None
                given = plain_arguments(info)
                return self._page(request_of(info), connection_source, given, row, width_of(info))
            case TotalSource() as total_source:
                load = partial(totals.load, total_source)
                return self._batched(request_of(info), load, source)
            case AncestorsSource():
                return self._batched(request_of(info), reading.ancestors, source)
            case CodeSource() as code_source:
                return lookups.by_code(request_of(info), code_source, kwargs[code_source.column])
            case NodeSource() as node_source:
                return lookups.by_id(request_of(info), node_source, kwargs["id"])
            case NodesSource():
                return lookups.by_ids(request_of(info), kwargs["ids"], width_of(info))
            case KeysSource() as keys_source:
                return lookups.by_request(request_of(info), keys_source)
            case CallerSource():
                return request_of(info)
            case FactSource(read=read):
                return read(source)

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The annotation's type; of a relation, the type that its target is bound to."""
        source = getattr(self, "source", None)
        if isinstance(source, NodesSource):
            return StrawberryList(StrawberryOptional(of_type=Node))
        if not isinstance(source, ToOneSource | ConnectionSource | CodeSource | NodeSource | KeysSource):
            return super().resolve_type(type_definition=type_definition)
        if source.target is None:
            return StrawberryOptional(of_type=Node)
        if source.target not in bindings():
            return UNRESOLVED
        if isinstance(source, ConnectionSource):
            return connection_type(source.target)
        target: Any = binding(source.target).strawberry_type
        if isinstance(source, KeysSource) and source.many:
            return StrawberryList(target)
        if isinstance(source, ToOneSource) and source.required:
            return target
        return StrawberryOptional(of_type=target)

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """Relay's paging, and what the target's binding offers to filter and order by."""
        if self._arguments is None:
            self._arguments = _arguments_of(self.source)
        return self._arguments

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value

    def _batched(self, request: Request, load: Any, row: Row) -> Awaitable[Any]:
        return request.batch((row.binding.type_name, self.python_name), partial(load, request)).load(row)

    async def _page(
        self, request: Request, source: ConnectionSource, given: dict[str, Any], row: Row | None, fields: int
    ) -> Listing:
        source, asked = page_asked(source, given)
        return Listing(request, source, asked, row, fields=fields)


def plain_arguments(info: Any) -> dict[str, Any]:
    """A field's arguments as the specification coerces them, by their GraphQL names."""
    raw = info._raw_info
    definition = raw.parent_type.fields[raw.field_name]
    return get_argument_values(definition, raw.field_nodes[0], request_of(info).variables)


def page_asked(source: ConnectionSource, given: dict[str, Any]) -> tuple[ConnectionSource, PageRequest]:
    """The list and the page of it that plain arguments ask for. Raises BadInput."""
    if source.below and not given.get("includeBelow", True):
        source = ConnectionSource(source.target, {"branch_id": "id"}, source.order)
    target = binding(source.target)
    size, backward = page_size(given.get("first"), given.get("last"))
    order = order_keys(source.target, given.get("orderBy")) or default_order(source.order)
    order = complete_order(target, order)
    after, before = given.get("after"), given.get("before")
    asked = PageRequest(
        size=size,
        backward=backward,
        order=order,
        position=None if after is None else decode_cursor(target, order, after),
        until=None if before is None else decode_cursor(target, order, before),
        where=condition(source.target, given.get("where")),
    )
    return source, asked


def _arguments_of(source: Source) -> list[StrawberryArgument]:
    match source:
        case ConnectionSource():
            return _list_arguments(source)
        case CodeSource(column=name):
            return [_argument(name, str, "The code.")]
        case NodeSource():
            return [_argument("id", strawberry.ID, "The id, exactly as it was given.")]
        case NodesSource():
            return [_argument("ids", list[strawberry.ID], "The ids.")]
        case _:
            return []


def _list_arguments(source: ConnectionSource) -> list[StrawberryArgument]:
    offered: list[tuple[str, Any, str]] = [
        (
            "first",
            int | None,
            f"How many rows from the start, at most {LARGEST_PAGE}; {DEFAULT_PAGE} if not said.",
        ),
        ("after", str | None, "Only rows after this cursor."),
        ("last", int | None, f"How many rows from the end, at most {LARGEST_PAGE}."),
        ("before", str | None, "Only rows before this cursor."),
    ]
    if where := where_input(source.target):
        offered.append(("where", where | None, "Only rows for which this holds."))
    if order := order_input(source.target):
        offered.append(("order_by", list[order] | None, "The order; the primary key decides ties."))  # type: ignore[valid-type]
    arguments = [_argument(name, annotation, described, None) for name, annotation, described in offered]
    if source.below:
        described = "Whether the rows of the units below this one are in the list, too."
        arguments.append(_argument("include_below", bool, described, True))
    return arguments


def _argument(
    name: str, annotation: Any, description: str, default: object = strawberry.UNSET
) -> StrawberryArgument:
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        default=default,
    )


@cache
def connection_type(type_name: str) -> type:
    """The Relay connection of a bound type, with its edge, its aggregates and its groups."""
    # Here, because fields of aggregates are bound fields.
    from schema.aggregates import list_fields

    node = binding(type_name).strawberry_type
    edge = _page_type(
        f"{type_name}Edge",
        f"A row of {type_name} and its place in the list.",
        {"node": (node, "The row."), "cursor": (str, "The row's place: for `after` and `before`.")},
    )
    return _page_type(
        f"{type_name}Connection",
        f"A page of {type_name} rows.",
        {
            "edges": (StrawberryList(edge), "The rows with their cursors."),
            "nodes": (StrawberryList(node), "The rows."),  # type: ignore[arg-type]
            "page_info": (PageInfo, "Where the page stands in the list."),
        },
        total_count=strawberry.field(
            resolver=_total_count,
            description="How many rows the whole list has; counted only when asked for.",
        ),
        measured=list_fields(type_name),
    )


def _total_count(root: strawberry.Parent[Any]) -> int:
    # An awaitable, asked for at once: with the measures of the same list it is one statement.
    counted: int = root.count()
    return counted


def _page_type(
    name: str,
    description: str,
    fields: dict[str, tuple[Any, str]],
    *,
    measured: Mapping[str, Any] | None = None,
    **more: Any,
) -> type:
    annotations = {key: annotation for key, (annotation, _) in fields.items()}
    namespace: dict[str, Any] = {
        "__annotations__": annotations | dict.fromkeys(measured or {}, Any),
        "__module__": __name__,
        **{key: strawberry.field(description=described) for key, (_, described) in fields.items()},
        **more,
        **(measured or {}),
    }
    return strawberry.type(type(name, (), namespace), description=description)


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
