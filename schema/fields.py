"""How a bound field is declared, and how Strawberry is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement, FromClause
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import UNRESOLVED, StrawberryField

from domain.conditions import Condition
from domain.money import Money
from schema import reading
from schema.binding import (
    AmountSource,
    Binding,
    ColumnSource,
    ComputedSource,
    ConnectionSource,
    ExpressionSource,
    IdSource,
    Row,
    Source,
    ToOneSource,
    binding,
    bindings,
    register,
)
from schema.budget import width_of
from schema.filters import condition, order_input, order_keys, where_input
from schema.ids import encode
from schema.paging import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    Page,
    PageRequest,
    complete_order,
    decode_cursor,
    default_order,
    list_name,
    page_size,
)
from schema.request import Request, request_of
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
        return isinstance(self.source, ColumnSource | AmountSource | IdSource)

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
            case ComputedSource(load=load):
                return self._batched(request_of(info), load, source)
            case ConnectionSource() as connection_source:
                row = source if isinstance(source, Row) else None
                return self._page(request_of(info), connection_source, kwargs, row, width_of(info))

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The annotation's type; of a relation, the type that its target is bound to."""
        source = getattr(self, "source", None)
        if not isinstance(source, ToOneSource | ConnectionSource):
            return super().resolve_type(type_definition=type_definition)
        if source.target not in bindings():
            return UNRESOLVED
        if isinstance(source, ConnectionSource):
            return connection_type(source.target)
        target = binding(source.target).strawberry_type
        return target if source.required else StrawberryOptional(of_type=target)  # type: ignore[arg-type]

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """Relay's paging, and what the target's binding offers to filter and order by."""
        if isinstance(self.source, ConnectionSource) and self._arguments is None:
            self._arguments = _list_arguments(self.source)
        return self._arguments or []

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value

    def _batched(self, request: Request, load: Any, row: Row) -> Awaitable[Any]:
        return request.batch((row.binding.type_name, self.python_name), partial(load, request)).load(row)

    async def _page(
        self, request: Request, source: ConnectionSource, given: dict[str, Any], row: Row | None, fields: int
    ) -> Page:
        if not given.get("include_below", True) and source.below:
            source = ConnectionSource(source.target, {"branch_id": "id"}, source.order)
        where = condition(source.target, given.get("where"))
        of = list_name(source, where, row)
        return await reading.page(
            request, source, _asked(source, given, where, of), row, of=of, fields=fields
        )


def _asked(source: ConnectionSource, given: dict[str, Any], where: Condition | None, of: str) -> PageRequest:
    target = binding(source.target)
    size, backward = page_size(given.get("first"), given.get("last"))
    order = order_keys(source.target, given.get("order_by")) or default_order(source.order)
    order = complete_order(target, order)
    after, before = given.get("after"), given.get("before")
    return PageRequest(
        size=size,
        backward=backward,
        order=order,
        position=None if after is None else decode_cursor(of, target, order, after),
        until=None if before is None else decode_cursor(of, target, order, before),
        where=where,
    )


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


def _argument(name: str, annotation: Any, description: str, default: object) -> StrawberryArgument:
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        default=default,
    )


@cache
def connection_type(type_name: str) -> type:
    """The Relay connection of a bound type, with its edge."""
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
    )


async def _total_count(root: strawberry.Parent[Any]) -> int:
    counted: int = await root.count()
    return counted


def _page_type(name: str, description: str, fields: dict[str, tuple[Any, str]], **more: Any) -> type:
    namespace: dict[str, Any] = {
        "__annotations__": {key: annotation for key, (annotation, _) in fields.items()},
        "__module__": __name__,
        **{key: strawberry.field(description=described) for key, (_, described) in fields.items()},
        **more,
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


def computed(load: Callable[[Any, list[Row]], Awaitable[list[Any]]], description: str) -> Any:
    """Python, the exception: `load(request, rows)` answers for all parents of a batch at once."""
    return BoundField.declare(ComputedSource(load), description)
