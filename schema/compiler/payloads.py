"""A mutation's payload: what it says itself, in Python; the rows it shows, by their key in one statement."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from sqlalchemy import func, select
from strawberry.types.field import StrawberryField

from schema.binding import Unread, binding, is_bound
from schema.bound_fields import BoundField
from schema.compiler.building import Audience, Building
from schema.compiler.json_text import concatenated, element
from schema.compiler.outline import NotCompiled, Outline, Selected, deciding_variables, outlines_of_mutation
from schema.compiler.plan import (
    MOST_OUTLINES,
    MOST_SHAPES,
    REFUSED,
    Plan,
    RulesUnknown,
    is_known,
    is_outdated,
    planned,
)
from schema.compiler.reads import MOST_WEIGHT, Read, read
from schema.compiler.roots import by_key, fields_of
from schema.compiler.rows import row_object
from schema.compiler.segments import NONE
from schema.documents import Operation
from schema.reading import is_hidden
from schema.request import Request
from schema.segment_reading import SEGMENT_TYPE

NO_ROW = b"\x04"
"""What a statement answers where the row is not in sight; JSON text holds neither this nor the other."""
BETWEEN_ROWS = b"\x03"
_NO_ROW, _BETWEEN_ROWS = (f"chr({ord(mark)})" for mark in (NO_ROW, BETWEEN_ROWS))
KEY_PLACE = 0
"""The place of the mutation's own arguments: the statement has the key of the row there."""


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a payload's object: the JSON before its value, and where the value is."""

    before: bytes
    selected: Selected
    name: str
    is_row: bool


@dataclass(slots=True, eq=False)
class Payload:
    """One field of a mutation: for each type it may answer, what is asked of it; and the plans made so far."""

    key: str
    nodes: list[FieldNode]
    root: Selected
    outline: Outline
    known: list[Read | None]
    members: dict[str, tuple[Member, ...]]
    plans: dict[Any, Plan | str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Asked:
    """One field of a mutation with its arguments for a request, but for those of the mutation itself."""

    payload: Payload
    reads: list[Read]
    shape: tuple[Hashable, ...]

    @property
    def dimensions(self) -> frozenset[str]:
        """The dimensions that are named, each of which must have rules in force."""
        return frozenset(name for one in self.reads for name in one.dimensions)


@dataclass(slots=True, eq=False)
class ReadyMutation:
    """A mutation whose payloads can be compiled: its fields, in their order."""

    fields: list[Asked]


def ready_mutation(
    schema: GraphQLSchema, operation: Operation, variables: VariableValues
) -> ReadyMutation | str:
    """The mutation with the arguments below its payloads; or why the normal executor must carry it out."""
    payloads = _payloads(schema, operation, variables)
    if isinstance(payloads, str):
        return payloads
    try:
        return ReadyMutation([_asked(payload, variables) for payload in payloads])
    except NotCompiled as reason:
        return str(reason)


def _asked(payload: Payload, variables: VariableValues) -> Asked:
    reads, shape, weight = [], [], 0
    for known, place in zip(payload.known, payload.outline.places, strict=True):
        one = known or read(place, variables)
        if known is None:
            shape.append(one.shape)
        weight += one.weight
        reads.append(one)
    if weight > MOST_WEIGHT:
        raise NotCompiled(REFUSED)
    return Asked(payload, reads, tuple(shape))


def _payloads(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> list[Payload] | str:
    if operation.deciding is None:
        operation.deciding = deciding_variables(operation.node, operation.fragments)
    key = tuple(variables.coerced.get(name) for name in operation.deciding)
    payloads: list[Payload] | str | None = operation.plans.get(key)
    if payloads is None:
        if len(operation.plans) >= MOST_OUTLINES:
            operation.plans.clear()
        payloads = operation.plans[key] = _outlined(schema, operation, variables)
    return payloads


def _outlined(schema: GraphQLSchema, operation: Operation, variables: VariableValues) -> list[Payload] | str:
    try:
        found = outlines_of_mutation(schema, operation.node, operation.fragments, variables)
        return [_payload(outline, nodes, variables) for outline, nodes in found]
    except NotCompiled as reason:
        return str(reason)


def _payload(outline: Outline, nodes: list[FieldNode], variables: VariableValues) -> Payload:
    (root,) = outline.fields
    if root.name == "__typename":
        return Payload(root.key, nodes, root, outline, [], {})
    if root.of_types is None or root.place != KEY_PLACE or is_non_null_type(root.definition.type):
        raise NotCompiled(f"{root.name} answers no union of a success and refusals")
    below = [None if place.varies else read(place, variables) for place in outline.places[1:]]
    members = {name: _members(selected) for name, selected in root.of_types.items()}
    return Payload(root.key, nodes, root, outline, [Read((), []), *below], members)


def _members(selected: Sequence[Selected]) -> tuple[Member, ...]:
    members = []
    for index, one in enumerate(selected):
        before = ("," if index else "{") + f'"{one.key}":'
        name, is_row = _declared(one)
        members.append(Member(before.encode(), one, name, is_row))
    return tuple(members)


def _declared(selected: Selected) -> tuple[str, bool]:
    """The attribute that holds a field's value, and whether that is a row. Raises NotCompiled."""
    if selected.name == "__typename":
        return "", False
    declared = selected.definition.extensions.get("strawberry-definition")
    type_ = get_nullable_type(selected.definition.type)
    is_row = selected.of_types is not None or is_bound(selected.type.name)
    if (
        not isinstance(declared, StrawberryField)
        or isinstance(declared, BoundField)
        or not declared.is_basic_field
        or selected.place >= 0
        or (is_row and is_list_type(type_))
    ):
        raise NotCompiled(f"{selected.parent}.{selected.name} is answered by Python")
    if not is_row:
        for below in selected.fields:
            _declared(below)
    return declared.python_name, is_row


def plan_of_rows(
    asked: Asked, request: Request, answered: str, row: Unread, most_bytes: int
) -> tuple[Plan, bool]:
    """The statement that answers all rows that a payload of the type `answered` shows, and whether it is new.

    Raises NotCompiled; RulesUnknown where the rules in force are to be read first.
    """
    audience = Audience.of(request)
    rulebook = request.rules.known()
    if not is_hidden(request, binding(SEGMENT_TYPE)) and not is_known(asked.dimensions, rulebook):
        raise RulesUnknown
    plans = asked.payload.plans
    shape = (audience, answered, row.type_name, *asked.shape)
    known = plans.get(shape)
    if isinstance(known, str):
        raise NotCompiled(known)
    if known is not None and not is_outdated(known, rulebook):
        return known, False
    if len(plans) >= MOST_SHAPES:
        plans.clear()
    building = Building(audience, asked.reads, _varying(asked))
    try:
        whole = _rows(building, asked.payload.members[answered], row.type_name)
    except NotCompiled as reason:
        plans[shape] = str(reason)
        raise
    plans[shape] = made = planned(building, whole, (), most_bytes, rulebook)
    return made, True


def values_of(plan: Plan, asked: Asked, row: Unread, request: Request) -> list[Any]:
    """The values of the statement's parameters."""
    reads = [_key_read(row), *asked.reads[1:]]
    return plan.values(reads, request)


def _varying(asked: Asked) -> set[int]:
    return {KEY_PLACE, *(place.place for place in asked.payload.outline.places if place.varies)}


def _key_read(row: Unread) -> Read:
    return Read((), list(row.key), spoken_of=None if row.type_name == SEGMENT_TYPE else NONE)


def _rows(building: Building, members: Sequence[Member], type_name: str) -> Any:
    """The objects of the row, one for each field that shows it, or NO_ROW."""
    target = binding(type_name)
    table = building.table(target)
    parts: list[Any] = []
    for member in members:
        if member.is_row:
            parts += [_BETWEEN_ROWS] if parts else []
            parts.append(row_object(building, target, table, fields_of(member.selected, type_name)))
    written = element(concatenated(parts)) if parts else element("'-'")
    found = select(written).select_from(table).where(by_key(building, target, table, KEY_PLACE))
    return func.coalesce(found.scalar_subquery(), element(_NO_ROW))


class NotShown(Exception):
    """A value that the normal executor would refuse to show: it is to say so in its own words."""


def value_of(member: Member, said: Any) -> bytes:
    """The JSON of a field that is no row. Raises NotShown."""
    selected = member.selected
    if selected.name == "__typename":
        return b'"%s"' % selected.parent.encode()
    try:
        return orjson.dumps(_completed(selected, selected.definition.type, getattr(said, member.name)))
    except GraphQLError as refused:
        raise NotShown(str(refused)) from refused


def _completed(selected: Selected, type_: Any, value: Any) -> Any:
    if is_non_null_type(type_):
        if value is None:
            raise NotShown(f"{selected.parent}.{selected.name} has no value")
        type_ = type_.of_type
    if value is None:
        return None
    if is_list_type(type_):
        return [_completed(selected, type_.of_type, item) for item in value]
    if is_leaf_type(type_):
        return type_.coerce_output_value(value)
    return {below.key: _of_object(below, value) for below in selected.fields}


def _of_object(selected: Selected, whole: Any) -> Any:
    if selected.name == "__typename":
        return selected.parent
    name = selected.definition.extensions["strawberry-definition"].python_name
    return _completed(selected, selected.definition.type, getattr(whole, name))
