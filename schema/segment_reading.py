"""The normal executor's way to segments, and what both ways share: dimensions that a caller names must be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import and_, select

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Operator, Some
from domain.segmentation.rules import Rulebook
from schema.binding import Binding, MembersSource, Row, SegmentsSource, binding
from schema.condition_fields import relation_of
from schema.errors import BadInput
from schema.keys import keys_table
from schema.reading import Parent, is_hidden
from schema.relations import of_dimensions
from schema.request import Request

SEGMENT_TYPE = "ClientSegment"
_WHOLE = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN})
"""Comparisons with whole codes."""


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """A segment that a caller names: a dimension, and a value in it."""

    dimension: str
    value: str

    def condition(self, of: MembersSource) -> Condition:
        """That a row is in it."""
        return Some(
            of.segments,
            AllOf(
                (
                    Compare("dimension", Operator.EQ, self.dimension),
                    Compare("value", Operator.EQ, self.value),
                )
            ),
        )


def refuse_unknown(named: Iterable[str], known: Iterable[str]) -> None:
    """Raises BadInput where a dimension is named that has no rules in force."""
    dimensions = sorted(known)
    for name in named:
        if name not in dimensions:
            listed = ", ".join(dimensions) or "none at all"
            raise BadInput(f"{name[:100]!r} is no dimension with rules in force; there are {listed}")


def named_in(condition: Condition | None, target: Binding) -> Iterator[str]:
    """The dimensions that a condition on rows of a type names."""
    match condition:
        case None:
            return
        case Compare("dimension", operator, value) if operator in _WHOLE and target.type_name == SEGMENT_TYPE:
            yield from map(str, value if isinstance(value, tuple) else (value,))
        case Compare():
            return
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from named_in(part, target)
        case Not(part):
            yield from named_in(part, target)
        case _:
            yield from named_in(condition.part, binding(relation_of(target, condition).target))


def dimensions_of(rulebook: Rulebook) -> frozenset[str]:
    """The dimensions that have rules in force, be they those of some branches alone."""
    return frozenset({*rulebook.default, *rulebook.overrides})


async def check(request: Request, named: Sequence[str]) -> None:
    """The same by the rules that the request's own snapshot shows."""
    if not named or is_hidden(request, binding(SEGMENT_TYPE)):
        return
    rulebook = await request.snapshot.rulebook()
    refuse_unknown(named, dimensions_of(rulebook))


async def named(request: Request, dimension: str, value: str) -> NamedSegment:
    """The segment of these names. Raises BadInput."""
    await check(request, [dimension])
    return NamedSegment(dimension, value)


async def segments(
    request: Request, source: SegmentsSource, row: Row, dimensions: list[str] | None, width: int
) -> list[Row]:
    """The row's segments by dimension, of these or of all. Raises BadInput."""
    wanted = None if dimensions is None else tuple(sorted(set(dimensions)))
    await check(request, wanted or ())
    load = partial(_load, request, source, wanted)
    key = tuple(row.record[name] for name in source.on.values())
    found: list[Row] = await request.batch((source.target, "segments", wanted), load).load(key)
    request.budget.spend(len(found), width)
    return found


async def _load(
    request: Request, source: SegmentsSource, dimensions: tuple[str, ...] | None, parents: list[Parent]
) -> Sequence[list[Row]]:
    target = binding(source.target)
    found: list[list[Row]] = [[] for _ in parents]
    if is_hidden(request, target) or dimensions == ():
        return found
    table = target.table
    wanted = keys_table([table.c[name].type for name in source.on], parents)
    same = and_(*(table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(source.on)))
    statement = select(wanted.c.n, table).select_from(wanted.join(table, same))
    if dimensions is not None:
        statement = statement.where(of_dimensions(table, dimensions))
    for record in await request.snapshot.rows(statement.order_by(wanted.c.n, table.c.dimension)):
        found[record["n"] - 1].append(Row(target, record))
    return found
