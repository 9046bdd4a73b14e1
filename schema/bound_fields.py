"""A field that knows its source, and how Strawberry and the normal executor are told of it."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any

import strawberry
from graphql.execution.values import get_argument_values
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import UNRESOLVED, StrawberryField

from domain.money import Money
from schema import lookups, reading, totals
from schema.binding import (
    AmountSource,
    AncestorsSource,
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
)
from schema.budget import width_of
from schema.ids import encode
from schema.listing import Listing
from schema.order_inputs import order_input
from schema.page_arguments import page_asked
from schema.paging import DEFAULT_PAGE, LARGEST_PAGE
from schema.request import Request, request_of
from schema.where import where_input


@strawberry.interface(description="Anything with a global id, so that it can be fetched again by `node`.")
class Node:
    """What every bound type is."""

    id: strawberry.ID = strawberry.field(
        description="Opaque and stable; pass it back exactly as it was given."
    )


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
            # Here, because connections have bound fields themselves.
            from schema.connections import connection_type

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
