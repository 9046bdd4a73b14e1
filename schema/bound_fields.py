"""A field that knows its source, and how Strawberry and the normal executor are told of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import strawberry
from graphql.execution.values import get_argument_values
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import UNRESOLVED, StrawberryField

from domain.conditions import Condition
from domain.lending import Product
from domain.money import Money
from schema import (
    lookups,
    quota_reading,
    reading,
    related_reading,
    segment_migrations,
    segment_reading,
    totals,
)
from schema.binding import (
    AmountSource,
    AncestorsSource,
    AsOfSource,
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
    Source,
    TextsSource,
    ToOneSource,
    TotalSource,
    UnitQuotaSource,
    binding,
    is_bound,
)
from schema.budget import width_of
from schema.declaring import annotated
from schema.ids import encode
from schema.inputs import MoneyInput
from schema.listing import Listing
from schema.order_inputs import order_input
from schema.page_arguments import page_asked
from schema.paging import DEFAULT_PAGE, LARGEST_PAGE
from schema.related_reading import DEEPEST, DEFAULT_DEPTH, DEFAULT_RELATED, MOST_RELATED
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
        asks = isinstance(self.source, ObjectSource) and (self.source.for_headquarters or self.source.sql)
        return isinstance(self.source, _OF_THE_ROW) and not asks

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The field's value, or what will be."""
        del args
        match self.source:
            case ColumnSource(name=name) | TextsSource(name=name):
                return source.record[name]
            case ObjectsSource(name=name, made=made):
                return [made(**members) for members in orjson.loads(source.record[name])]
            case ObjectSource() as hidden if hidden.for_headquarters and hidden.is_hidden_from(
                request_of(info).scope.login
            ):
                return None
            case ObjectSource(made=made, sql=sql) if sql is not None:
                return self._made_of(request_of(info), made, ExpressionSource(sql), source)
            case ObjectSource(name=name, made=made):
                kept = source.record[name]
                return None if kept is None else made(orjson.loads(kept))
            case AmountSource(minor=minor, currency=currency):
                value = source.record[minor]
                return None if value is None else Money(value, source.record[currency])
            case IdSource():
                return encode(source.binding.type_name, source.key)
            case ToOneSource() as to_one_source:
                return reading.to_one(request_of(info), to_one_source, source)
            case AsOfSource() as as_of_source:
                return reading.as_of(request_of(info), as_of_source, source, kwargs["day"])
            case SegmentsSource() as segments_source:
                return segment_reading.segments(
                    request_of(info), segments_source, source, kwargs.get("dimensions"), width_of(info)
                )
            case RelatedSource() as related_source:
                return related_reading.related(
                    request_of(info), related_source, source, plain_arguments(info), width_of(info)
                )
            case QuotaSource(at_root=True):
                return quota_reading.quota_of_id(request_of(info), plain_arguments(info))
            case QuotaSource():
                return quota_reading.quota(request_of(info), source, plain_arguments(info))
            case UnitQuotaSource() as quota_source:
                return quota_reading.unit_quota_of(
                    request_of(info), quota_source, source, kwargs.get("as_of")
                )
            case SegmentSource():
                return segment_reading.named(request_of(info), kwargs["dimension"], kwargs["value"])
            case MigrationsSource():
                return segment_migrations.migrations(
                    request_of(info), kwargs["dimension"], kwargs["from"], kwargs["to"]
                )
            case NameSource(name=name):
                return getattr(source, name)
            case MembersSource() as members_source:
                given = plain_arguments(info)
                return self._page(
                    request_of(info),
                    members_source.of,
                    given,
                    None,
                    width_of(info),
                    source.condition(members_source),
                )
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
        if isinstance(source, AncestorsSource):
            return StrawberryList(binding("OrganisationUnit").strawberry_type or UNRESOLVED)
        if isinstance(source, MembersSource):
            source = source.of
        if not isinstance(source, _OF_A_BOUND_TYPE):
            return super().resolve_type(type_definition=type_definition)
        if source.target is None:
            return StrawberryOptional(of_type=Node)
        if not is_bound(source.target):
            return UNRESOLVED
        if isinstance(source, ConnectionSource):
            # Here, because connections have bound fields themselves.
            from schema.connections import connection_type

            return connection_type(source.target)
        target: Any = binding(source.target).strawberry_type
        if isinstance(source, SegmentsSource | RelatedSource) or (
            isinstance(source, KeysSource) and source.many
        ):
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

    async def _made_of(
        self, request: Request, made: Callable[[Any], Any], source: ExpressionSource, row: Row
    ) -> Any:
        """The object made of JSON that is worked out for the row; None where there is none."""
        kept = await reading.expression(request, source, self.python_name, row)
        return None if kept is None else made(orjson.loads(kept))

    async def _page(
        self,
        request: Request,
        source: ConnectionSource,
        given: dict[str, Any],
        row: Row | None,
        fields: int,
        besides: Condition | None = None,
    ) -> Listing:
        source, asked = page_asked(source, given, besides)
        named = segment_reading.named_in(asked.where, binding(source.target))
        await segment_reading.check(request, sorted(set(named)))
        return Listing(request, source, asked, row, fields=fields)


def plain_arguments(info: Any) -> dict[str, Any]:
    """A field's arguments as the specification coerces them, by their GraphQL names."""
    raw = info._raw_info
    definition = raw.parent_type.fields[raw.field_name]
    return get_argument_values(definition, raw.field_nodes[0], request_of(info).variables)


_OF_THE_ROW = (
    ColumnSource
    | TextsSource
    | ObjectsSource
    | ObjectSource
    | AmountSource
    | IdSource
    | FactSource
    | NameSource
)
_OF_A_BOUND_TYPE = (
    ToOneSource
    | AsOfSource
    | SegmentsSource
    | RelatedSource
    | QuotaSource
    | UnitQuotaSource
    | ConnectionSource
    | CodeSource
    | NodeSource
    | KeysSource
)


def _arguments_of(source: Source) -> list[StrawberryArgument]:
    match source:
        case ConnectionSource():
            return _list_arguments(source)
        case MembersSource(of=source):
            return _list_arguments(source)
        case SegmentsSource():
            described = "Only these dimensions, each at most once in the list; all of them if not said."
            return [_argument("dimensions", list[str] | None, described, None)]
        case SegmentSource():
            return [
                _argument("dimension", str, "The dimension's code."),
                _argument("value", str, "The value in it."),
            ]
        case RelatedSource():
            return [
                _argument("depth", int, f"How many links far, at most {DEEPEST}.", DEFAULT_DEPTH),
                _argument("first", int, f"How many companies, at most {MOST_RELATED}.", DEFAULT_RELATED),
            ]
        case QuotaSource(at_root=at_root):
            whose = [_argument("client_id", strawberry.ID, "The client.")] if at_root else []
            return [*whose, *_quota_arguments()]
        case UnitQuotaSource():
            return [_argument("as_of", dt.date | None, _AS_OF, None)]
        case MigrationsSource():
            return [
                _argument("dimension", str, "The dimension's code."),
                _argument("from", dt.date, "The first day, at its end."),
                _argument("to", dt.date, "The last day, at its end."),
            ]
        case AsOfSource():
            return [_argument("day", dt.date, "The day at whose end.")]
        case CodeSource(column=name):
            return [_argument(name, str, "The code.")]
        case NodeSource():
            return [_argument("id", strawberry.ID, "The id, exactly as it was given.")]
        case NodesSource():
            return [_argument("ids", list[strawberry.ID], "The ids.")]
        case _:
            return []


_AS_OF = (
    "On which day: an earlier one as it was at its end, a later one by today's balances; today if not said."
)


def _quota_arguments() -> list[StrawberryArgument]:
    return [
        _argument(
            "product", Product | None, "For which kind of credit; for none in particular if not said.", None
        ),
        _argument("amount", MoneyInput | None, "An amount to ask about: `allowed` says whether it is.", None),
        _argument("as_of", dt.date | None, _AS_OF, None),
    ]


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
        type_annotation=annotated(annotation),
        description=description,
        default=default,
    )
