"""Plans: an operation's statement, compiled once for every kind of caller and every shape of its variables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLSchema
from graphql.execution.values import VariableValues
from sqlalchemy import func, select

from schema.compiler import roots
from schema.compiler.building import Audience, Building, Fill
from schema.compiler.json_text import element
from schema.compiler.outline import NotCompiled, Outline, deciding_variables, outline
from schema.compiler.reads import Read, read
from schema.documents import Operation
from schema.request import Request
from tenants.database import DIALECT

MOST_SHAPES = 200
"""Plans kept of one outline: every shape of a caller's `where` makes one."""
MOST_OUTLINES = 50
"""Outlines kept of one operation: every choice among its @skip and @include makes one."""


@dataclass(slots=True, eq=False)
class Plan:
    """One statement: the text of an expression of type bytea, and what fills its parameters."""

    text: str
    fills: tuple[tuple[Fill, Any], ...]
    roots: tuple[tuple[str, FieldNode], ...]
    """The answer's own fields, for errors that concern them all."""

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
    plans: dict[Audience, Plan | str] = field(default_factory=dict)


def ready(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> Ready | str:
    """The operation with its arguments; or the reason why the normal executor must answer.

    Raises GraphQLError where an argument cannot be taken: the normal executor says so at its place in the answer.
    """
    shaped = _shaped(schema, operation, variables)
    if isinstance(shaped, str):
        return shaped
    places = shaped.outline.places
    try:
        reads = [known or read(place, variables) for known, place in zip(shaped.reads, places, strict=True)]
    except NotCompiled as reason:
        return str(reason)
    shape = tuple(one.shape for one, known in zip(reads, shaped.reads, strict=True) if not known)
    return Ready(shaped, reads, shape)


def bound(asked: Ready, request: Request) -> Bound | str:
    """The statement that answers the request's caller, with its values; or why the normal executor must."""
    audience = Audience.of(request)
    plan = asked.plans.get(audience)
    is_new = False
    if plan is None:
        plan, is_new = _plan(asked, audience)
        asked.plans[audience] = plan
    return plan if isinstance(plan, str) else Bound(plan, plan.values(asked.reads, request), is_new)


def _plan(asked: Ready, audience: Audience) -> tuple[Plan | str, bool]:
    plans = asked.shaped.plans
    shape = (audience, *asked.shape)
    if (known := plans.get(shape)) is not None:
        return known, False
    if len(plans) >= MOST_SHAPES:
        plans.clear()
    plans[shape] = made = _compiled(asked.shaped.outline, asked.reads, audience)
    return made, True


def _shaped(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> _Shaped | str:
    plans = operation.plans
    deciding = plans.get("deciding")
    if deciding is None:
        deciding = plans["deciding"] = deciding_variables(operation.node, operation.fragments)
    key = tuple(variables.coerced.get(name) for name in deciding)
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


def _compiled(made: Outline, reads: Sequence[Read], audience: Audience) -> Plan | str:
    building = Building(audience, reads, {place.place for place in made.places if place.varies})
    try:
        whole = roots.data(building, made.fields)
    except NotCompiled as reason:
        return str(reason)
    statement = select(func.convert_to(element(whole), element("'UTF8'")))
    compiled = statement.compile(dialect=DIALECT)
    text = str(compiled)
    processors = compiled._bind_processors
    fills = tuple(
        (building.fills.get(name) or _always(compiled.params[name]), processors.get(name))
        for name in compiled.positiontup or ()
    )
    return Plan(f"({text})", fills, tuple((field.key, field.node) for field in made.fields))


def _always(value: Any) -> Fill:
    """What is the same in every request: a constant of the SQL's own."""
    return lambda _reads, _request: value
