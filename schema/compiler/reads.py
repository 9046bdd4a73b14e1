"""What a field's arguments say, split in two: the shape, which decides the SQL, and the values, which fill it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql.execution.values import VariableValues

from domain.conditions import AllOf, AnyOf, Compare, Condition, Every, NoneOf, Not, One, Some
from schema.binding import (
    AggregatesSource,
    AsOfSource,
    CodeSource,
    ConnectionSource,
    GroupsSource,
    MeasureSource,
    MeasuresSource,
    MembersSource,
    MigrationsSource,
    NodeSource,
    NodesSource,
    QuotaSource,
    RelatedSource,
    SegmentSource,
    SegmentsSource,
    UnitQuotaSource,
    binding,
)
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.segments import NONE, Dimensions, spoken_of
from schema.condition_sql import shape_of, values_of
from schema.group_reading import read_grouping
from schema.groups import Grouping
from schema.groups import shape_of as shape_of_groups
from schema.groups import values_of as values_of_groups
from schema.lookups import identities, identity
from schema.measures import ROWS, AggregateFunction, Measure, measure, measure_shape, measure_values
from schema.ordering import order_shape, order_values
from schema.page_arguments import page_asked
from schema.paging import PageRequest, mark_of
from schema.quota_reading import CLIENT, quota_asked
from schema.related_reading import walk_asked
from schema.scalars import parse_text
from schema.segment_reading import SEGMENT_TYPE, NamedSegment, named_in


@dataclass(slots=True)
class Read:
    """Arguments as read for one request. Equal shapes make the same SQL; `values` fill its parameters in order."""

    shape: Hashable
    values: list[Any]
    asked: Any = None
    dimensions: tuple[str, ...] = ()
    """The dimensions that are named, each of which must have rules in force."""
    spoken_of: Dimensions = NONE
    """The dimensions whose segments its SQL reads; the shape decides them."""
    weight: int = 0
    """How much work its SQL is: comparisons and values, of whose like a few hundred are an honest view."""


@dataclass(frozen=True, slots=True)
class ListAsked:
    """A page of a list; the offsets say where in `values` each part begins."""

    source: ConnectionSource
    page: PageRequest
    until_at: int
    order_at: int
    where_at: int


RELATED = 10
"""What a relation weighs: a table more in the statement."""
MOST_WEIGHT = 2_000
"""What the arguments of one operation may weigh together."""

SIZE, MARK, POSITION = 0, 1, 2
"""Where a list's page size, its cursors' mark and the values of `after` stand among its values."""


@dataclass(frozen=True, slots=True)
class GroupsAsked:
    """Groups, and what is measured of each."""

    grouping: Grouping
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of `target` that is selected, and the place of the field that says its currency."""

    target: str
    selected: Selected
    measure: Measure
    currency_place: int


def read(selected: Selected, variables: VariableValues) -> Read:
    """What the arguments of a field ask for. Raises BadInput, and NotCompiled for a field of no known kind."""
    given = selected.arguments(variables)
    match selected.source:
        case AggregatesSource():
            wanted, which = _measures([selected], variables)
            values = [value for of in wanted for value in measure_values(of)]
            return Read((which, *(measure_shape(of) for of in wanted)), values, wanted)
        case GroupsSource(target=target):
            return _groups(target, selected, given, variables)
        case MeasuresSource():
            return Read((), [given["currency"]], given["currency"])
        case MeasureSource():
            return Read((), [given["at"]], given["at"])
        case ConnectionSource() as source:
            return _list(source, given)
        case MembersSource() as source:
            assert selected.above is not None
            named = NamedSegment(**selected.above.arguments(variables))
            return _list(source.of, given, named.condition(source))
        case SegmentSource():
            return Read((), [given["dimension"], given["value"]], dimensions=(given["dimension"],))
        case MigrationsSource():
            values = [given[name] for name in ("dimension", "from", "to")]
            return Read((), values, dimensions=(given["dimension"],))
        case SegmentsSource():
            return _segments(given.get("dimensions"))
        case AsOfSource():
            return Read((), [given["day"]])
        case RelatedSource():
            return Read((), list(walk_asked(given)))
        case QuotaSource(at_root=at_root):
            whose = identity(CLIENT, given["clientId"]).key if at_root else ()
            # Which dimension the limits are for, the database knows.
            return Read((), [*quota_asked(given), *whose], spoken_of=None, weight=RELATED)
        case UnitQuotaSource():
            return Read((), [given.get("asOf")], weight=RELATED)
        case CodeSource(column=name):
            return Read((), [parse_text(given[name])])
        case NodeSource() as source:
            found = identity(source, given["id"])
            return Read(found.type_name, list(found.key), spoken_of=_of_nodes([found.type_name]))
        case NodesSource():
            return _nodes(given["ids"])
    raise NotCompiled(f"{selected.parent}.{selected.name} is answered by Python")


def _segments(dimensions: list[str] | None) -> Read:
    """The dimensions are part of the shape: they are few, and the statement is planned for those alone."""
    if dimensions is None:
        return Read(None, [], spoken_of=None)
    wanted = tuple(sorted(set(dimensions)))
    return Read(wanted, [], wanted, wanted, frozenset(wanted), len(wanted))


def _list(source: ConnectionSource, given: Mapping[str, Any], besides: Condition | None = None) -> Read:
    source, page = page_asked(source, given, besides)
    values: list[Any] = [page.size, mark_of(binding(source.target), page.order)]
    values += _known(page.position)
    until_at = len(values)
    values += _known(page.until)
    order_at = len(values)
    values += order_values(page.order)
    where_at = len(values)
    if page.where is not None:
        values += values_of(page.where, binding(source.target))
    shape = (
        source.below,
        page.backward,
        order_shape(page.order),
        _missing(page.position),
        _missing(page.until),
        None if page.where is None else shape_of(page.where, binding(source.target)),
    )
    weight = len(values) // 10 + sum(RELATED for key in page.order if not key.is_column)
    spoken: Dimensions = NONE
    if page.where is not None:
        weight += _weight(page.where)
        spoken = spoken_of(page.where, binding(source.target))
    asked = ListAsked(source, page, until_at, order_at, where_at)
    named = tuple(named_in(page.where, binding(source.target)))
    return Read(shape, values, asked, named, spoken, weight)


def _weight(condition: Condition) -> int:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return 1 + sum([_weight(part) for part in parts])
        case Compare(value=value):
            # Of a list, what is sent; a list costs no more SQL than one value.
            return 1 + (len(value) // 20 if isinstance(value, tuple) else 0)
        case Not(part):
            return 1 + _weight(part)
        case One(part=part) | Some(part=part) | NoneOf(part=part) | Every(part=part):
            return RELATED + _weight(part)


def _groups(target: str, selected: Selected, given: Mapping[str, Any], variables: VariableValues) -> Read:
    grouping = read_grouping(target, given)
    shown = [part for part in selected.fields if isinstance(part.source, AggregatesSource)]
    wanted, which = _measures(shown, variables)
    shape = (which, shape_of_groups(grouping, wanted))
    values = values_of_groups(grouping, wanted)
    weight = len(values) + RELATED * len(grouping.keys)
    named = grouping.dimensions
    return Read(shape, values, GroupsAsked(grouping, wanted), named, frozenset(named), weight)


def _measures(
    shown: Sequence[Selected], variables: VariableValues
) -> tuple[tuple[Measure, ...], tuple[int, ...]]:
    """What is measured in `aggregates` objects, each once; and which of them each selected measure is."""
    found = [
        one.measure for part in shown for one in _each_measure(part, lambda field: field.arguments(variables))
    ]
    wanted = tuple(dict.fromkeys(found))
    return wanted, tuple(wanted.index(of) for of in found)


def measured(reads: Sequence[Read], selected: Selected) -> list[Measured]:
    """The measures selected in an `aggregates` object, in the answer's order."""

    def given(field: Selected) -> Mapping[str, Any]:
        if field.place < 0:
            return {}
        name = "currency" if isinstance(field.source, MeasuresSource) else "at"
        return {name: reads[field.place].asked}

    return list(_each_measure(selected, given))


def _each_measure(selected: Selected, given: Callable[[Selected], Mapping[str, Any]]) -> Iterator[Measured]:
    assert isinstance(selected.source, AggregatesSource)
    target = selected.source.target
    for part in selected.fields:
        if isinstance(part.source, MeasureSource):
            yield Measured(target, part, ROWS, -1)
        elif isinstance(part.source, MeasuresSource):
            currency = given(part).get("currency")
            for below in part.fields:
                if isinstance(below.source, MeasureSource):
                    function = AggregateFunction(below.source.function)
                    at = given(below).get("at")
                    made = measure(target, function, field=part.source.field, currency=currency, at=at)
                    yield Measured(target, below, made, part.place)


def _known(position: tuple[Any, ...] | None) -> list[Any]:
    return [value for value in position or () if value is not None]


def _missing(position: tuple[Any, ...] | None) -> tuple[bool, ...] | None:
    return None if position is None else tuple(value is None for value in position)


def _nodes(given: list[str]) -> Read:
    """For each type among the ids: the places in the list, then each part of the keys, as arrays."""
    found = identities(given)
    types = sorted({one.type_name for one in found})
    values: list[Any] = [len(found)]
    for type_name in types:
        own = [(place, one.key) for place, one in enumerate(found, start=1) if one.type_name == type_name]
        values.append([place for place, _ in own])
        values += [list(parts) for parts in zip(*(key for _, key in own), strict=True)]
    return Read(tuple(types), values, spoken_of=_of_nodes(types))


def _of_nodes(types: Sequence[str]) -> Dimensions:
    return None if SEGMENT_TYPE in types else NONE
