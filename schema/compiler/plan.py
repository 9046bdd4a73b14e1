"""Plans: an operation's statement, compiled once for every kind of caller and every shape of its variables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLSchema
from graphql.execution.values import VariableValues
from sqlalchemy import ColumnElement, case, func, literal_column, select

from schema.binding import binding
from schema.compiler import roots
from schema.compiler.building import Audience, Building, Fill
from schema.compiler.json_text import element
from schema.compiler.outline import NotCompiled, Outline, deciding_variables, outline
from schema.compiler.reads import MOST_WEIGHT, RELATED, Read, read
from schema.compiler.segments import together
from schema.documents import Operation
from schema.errors import TooDear
from schema.reading import is_hidden
from schema.request import Request
from schema.segment_reading import SEGMENT_TYPE, dimensions_of
from tenants.database import DIALECT
from tenants.segments.rulebook import RulesInForce
from tenants.segments.statements import mentions_segments, only_by

REFUSED = "an argument is refused, and the normal executor says so at its place"
"""Why an operation is left to the normal executor that will refuse one of its arguments."""
OUTDATED = b"\x02"
"""What a statement answers whose rules are no longer those in force."""
_OTHERWISE = f"'\\x{OUTDATED.hex()}'::bytea"
MOST_SHAPES = 200
"""Plans kept of one outline: every shape of a caller's `where` makes one."""
MOST_OUTLINES = 10
"""Outlines kept of one operation: every choice among its @skip and @include makes one."""


@dataclass(slots=True, eq=False)
class Plan:
    """One statement: the text of an expression of type bytea, and what fills its parameters."""

    text: str
    fills: tuple[tuple[Fill, Any], ...]
    roots: tuple[tuple[str, FieldNode], ...]
    """The answer's own fields, for errors that concern them all."""
    stamp: str | None = None
    """Of the rules that stand in it, where it speaks of segments: the statement answers OUTDATED by others."""

    @property
    def weight(self) -> int:
        """Estimated bytes of memory, with its share of the outline's."""
        return 4 * len(self.text) + 500 * len(self.fills)

    def values(self, reads: Sequence[Read], request: Request) -> list[Any]:
        """The values of $1, $2, … for one request."""
        return [
            fill(reads, request) if process is None else process(fill(reads, request))
            for fill, process in self.fills
        ]


@dataclass(frozen=True, slots=True)
class Bound:
    """A plan with one request's values, ready to run."""

    plan: Plan
    values: list[Any]
    is_new: bool


@dataclass(slots=True, eq=False)
class _Shaped:
    """An operation for certain values of @skip and @include: its outline, what does not vary, and its plans."""

    outline: Outline
    reads: list[Read | None]
    plans: dict[Any, Plan | str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Ready:
    """An operation's arguments, read: all that can be known of it before it is known who asks."""

    shaped: _Shaped
    reads: list[Read]
    shape: tuple[Hashable, ...]
    dimensions: frozenset[str]
    plans: dict[Audience, Plan | str] = field(default_factory=dict)


def ready(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> Ready | str:
    """The operation with its arguments; or the reason why the normal executor must answer.

    Raises TooDear where the arguments together are too much, and another GraphQLError where one cannot be taken:
    the normal executor says that at its place in the answer.
    """
    shaped = _shaped(schema, operation, variables)
    if isinstance(shaped, str):
        return shaped
    try:
        reads = _read(shaped, variables)
    except NotCompiled as reason:
        return str(reason)
    shape = tuple(one.shape for one, known in zip(reads, shaped.reads, strict=True) if not known)
    return Ready(shaped, reads, shape, frozenset(name for one in reads for name in one.dimensions))


def _read(shaped: _Shaped, variables: VariableValues) -> list[Read]:
    reads: list[Read] = []
    weight = 0
    for known, place in zip(shaped.reads, shaped.outline.places, strict=True):
        reads.append(known or read(place, variables))
        weight += reads[-1].weight
        # At once: reading what comes after would be the very work that is too much.
        if weight > MOST_WEIGHT:
            raise TooDear(
                f"the conditions, orderings and groups of this operation weigh more than {MOST_WEIGHT:,} (a "
                f"comparison 1, twenty values of a list 1, a relation {RELATED}): ask in several operations"
            )
    return reads


class RulesUnknown(Exception):
    """The operation speaks of segments, and the rules in force have not been read yet, or too long ago."""


def bound(asked: Ready, request: Request, most_bytes: int, *, rules_are_new: bool = False) -> Bound | str:
    """The statement that answers the request's caller, with its values; or why the normal executor must.

    Its value is empty where the answer would be longer than `most_bytes`: no more than that leaves the database.
    It is OUTDATED where the rules have changed since they were read. Raises RulesUnknown where they never were, or
    where they know nothing of a dimension that is asked for, unless `rules_are_new`.
    """
    audience = Audience.of(request)
    rulebook = request.rules.known()
    if not is_known(asked.dimensions, rulebook) and not is_hidden(request, binding(SEGMENT_TYPE)):
        if rules_are_new:
            return REFUSED
        raise RulesUnknown
    plan = asked.plans.get(audience)
    is_new = False
    if plan is None or is_outdated(plan, rulebook):
        plan, is_new = _plan(asked, audience, most_bytes, rulebook)
        asked.plans[audience] = plan
    return plan if isinstance(plan, str) else Bound(plan, plan.values(asked.reads, request), is_new)


def is_known(dimensions: frozenset[str], rulebook: RulesInForce | None) -> bool:
    """Whether the rulebook has all these dimensions."""
    return not dimensions or (rulebook is not None and dimensions <= dimensions_of(rulebook))


def is_outdated(plan: Plan | str, rulebook: RulesInForce | None) -> bool:
    """Whether the plan was made of other rules than these."""
    stamp = None if isinstance(plan, str) else plan.stamp
    return stamp is not None and (rulebook is None or rulebook.stamp != stamp)


def _plan(
    asked: Ready, audience: Audience, most_bytes: int, rulebook: RulesInForce | None
) -> tuple[Plan | str, bool]:
    plans = asked.shaped.plans
    shape = (audience, *asked.shape)
    if (known := plans.get(shape)) is not None and not is_outdated(known, rulebook):
        return known, False
    if len(plans) >= MOST_SHAPES:
        plans.clear()
    plans[shape] = made = _compiled(asked.shaped.outline, asked.reads, audience, most_bytes, rulebook)
    return made, True


def _shaped(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> _Shaped | str:
    if operation.deciding is None:
        operation.deciding = deciding_variables(operation.node, operation.fragments)
    plans = operation.plans
    key = tuple(variables.coerced.get(name) for name in operation.deciding)
    shaped: _Shaped | str | None = plans.get(key)
    if shaped is None:
        if len(plans) >= MOST_OUTLINES:
            plans.clear()
        shaped = plans[key] = _outlined(schema, operation, variables)
    return shaped


def _outlined(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> _Shaped | str:
    try:
        made = outline(schema, operation.node, operation.fragments, variables)
        return _Shaped(
            made,
            [None if place.varies else read(place, variables) for place in made.places],
        )
    except NotCompiled as reason:
        return str(reason)


def _compiled(
    made: Outline, reads: Sequence[Read], audience: Audience, most_bytes: int, rulebook: RulesInForce | None
) -> Plan | str:
    building = Building(audience, reads, {place.place for place in made.places if place.varies})
    try:
        whole = roots.data(building, made.fields)
    except NotCompiled as reason:
        return str(reason)
    roots_of = tuple((field.key, field.node) for field in made.fields)
    return planned(building, element(whole), roots_of, most_bytes, rulebook)


def planned(
    building: Building,
    whole: ColumnElement[Any],
    roots_of: tuple[tuple[str, FieldNode], ...],
    most_bytes: int,
    rulebook: RulesInForce | None,
) -> Plan:
    """The statement that answers the text `whole`. Raises RulesUnknown where it needs rules that are unknown."""
    statement = select(func.convert_to(_bounded(whole, most_bytes), element("'UTF8'")))
    compiled = statement.compile(dialect=DIALECT)
    text = str(compiled)
    processors = compiled._bind_processors
    fills = tuple(
        (building.fills.get(name) or _always(compiled.params[name]), processors.get(name))
        for name in compiled.positiontup or ()
    )
    if not mentions_segments(text):
        return Plan(f"({text})", fills, roots_of)
    if rulebook is None:
        raise RulesUnknown
    spoken = together(one.spoken_of for one in building.reads)
    text = only_by(text, rulebook, spoken, stamp=len(fills) + 1, otherwise=_OTHERWISE)
    return Plan(f"({text})", (*fills, (_always(rulebook.stamp), None)), roots_of, rulebook.stamp)


def _bounded(whole: ColumnElement[Any], most_bytes: int) -> ColumnElement[Any]:
    """The text, or an empty one where it is too long; worked out once, hence OFFSET."""
    made = select(whole.label("text")).offset(literal_column("0")).subquery("whole")
    fits = func.octet_length(made.c.text) <= literal_column(str(int(most_bytes)))
    return select(case((fits, made.c.text), else_=element("''"))).select_from(made).scalar_subquery()


def _always(value: Any) -> Fill:
    """What is the same in every request: a constant of the SQL's own."""
    return lambda _reads, _request: value
