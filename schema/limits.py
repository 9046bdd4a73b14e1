"""How large an operation may be: measured on the document alone, every fragment once, before it is validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from schema.errors import Code

MOST_TOKENS = 4_000
INTROSPECTION_ALIAS = 40
"""How many ordinary aliases one below `__schema` or `__type` counts for."""
INTROSPECTION = frozenset({"__schema", "__type"})
"""The fields that ask for the schema; what is below them is bounded on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most of each that one operation may have; what a fragment holds counts wherever it is spread."""

    tokens: int = MOST_TOKENS
    depth: int = 15
    fields: int = 1_000
    root_fields: int = 50
    aliases: int = 200
    directives: int = 100
    introspection_depth: int = 20
    introspection_fields: int = 300
    cost: int = 1_000_000


DEFAULT_LIMITS = Limits()


class Extent(NamedTuple):
    """How much a selection asks for, fragments written out."""

    depth: int = 0
    width: int = 0
    """Fields at its own level."""
    fields: int = 0
    """Fields at every level."""
    aliases: int = 0
    directives: int = 0
    introspection_depth: int = 0
    introspection_fields: int = 0

    def beside(self, other: Extent) -> Extent:
        """Both, in one selection."""
        return Extent(
            max(self.depth, other.depth),
            self.width + other.width,
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.introspection_depth, other.introspection_depth),
            self.introspection_fields + other.introspection_fields,
        )


_NOTHING = Extent()


def excesses(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """What is too much in the document; empty where nothing is. A cycle of fragments is, having no end."""
    fragments = {
        part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)
    }
    try:
        known = _extents(fragments)
    except CycleError as cycle:
        return [_endless(fragments, cycle.args[1])]
    return [
        GraphQLError(message, part, extensions={"code": Code.VALIDATION_FAILED.value})
        for part in document.definitions
        if isinstance(part, OperationDefinitionNode)
        for message in _too_much(_of_operation(part, known), limits)
    ]


def introspects(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether an operation within the limits asks for the schema; `__typename` does not."""
    return any(name in INTROSPECTION for name in _root_fields(operation.selection_set, fragments))


def asks_for_the_schema_alone(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> bool:
    """Whether all that an operation within the limits asks for is the schema."""
    names = set(_root_fields(operation.selection_set, fragments))
    return bool(names & INTROSPECTION) and names <= INTROSPECTION | {"__typename"}


def _root_fields(
    selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    for selection in selected.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif isinstance(selection, FragmentSpreadNode):
            yield from _root_fields(fragments[selection.name.value].selection_set, fragments)
        elif isinstance(selection, InlineFragmentNode):
            yield from _root_fields(selection.selection_set, fragments)


def _too_much(found: Extent, limits: Limits) -> Iterator[str]:
    at_once = "ask in several operations"
    bounds = [
        (found.depth, limits.depth, "levels of fields", at_once),
        (found.fields, limits.fields, "fields and fragments, written out", at_once),
        (found.width, limits.root_fields, "fields at its root", at_once),
        (found.aliases, limits.aliases, "aliases", "ask for many rows by a list and its `where`"),
        (found.directives, limits.directives, "directives", "leave out those that decide nothing"),
        (found.introspection_depth, limits.introspection_depth, "levels of introspection", at_once),
        (found.introspection_fields, limits.introspection_fields, "fields of introspection", at_once),
    ]
    for counted, most, what, remedy in bounds:
        if counted > most:
            # Fragments that double each other reach numbers of any length.
            many = f"{counted:,}" if counted < 10**9 else "over a milliard"
            yield f"the operation has {many} {what}; at most {most:,} are taken: {remedy}"


def _endless(fragments: Mapping[str, FragmentDefinitionNode], cycle: list[str]) -> GraphQLError:
    # graphlib names what depends on what backwards, the first once more at the end.
    first, *between = reversed(cycle[1:])
    by_way = f" by way of {', '.join(repr(name[:100]) for name in between[:5])}" if between else ""
    message = f"fragment {first[:100]!r} spreads itself{by_way}: take one of the spreads away"
    return GraphQLError(message, fragments[first], extensions={"code": Code.VALIDATION_FAILED.value})


def _extents(fragments: Mapping[str, FragmentDefinitionNode]) -> dict[str, Extent]:
    """The extent of each fragment, innermost first. Raises CycleError."""
    spreads = {name: set(_spreads(fragment.selection_set)) for name, fragment in fragments.items()}
    known: dict[str, Extent] = {}
    for name in TopologicalSorter(spreads).static_order():
        # A fragment that is spread but not there is the validation's to report.
        if name in fragments:
            known[name] = _directed(fragments[name], _of(fragments[name].selection_set, known))
    return known


def _spreads(selected: SelectionSetNode | None) -> Iterator[str]:
    for selection in selected.selections if selected else ():
        if isinstance(selection, FragmentSpreadNode):
            yield selection.name.value
        elif isinstance(selection, FieldNode | InlineFragmentNode):
            yield from _spreads(selection.selection_set)


def _of_operation(operation: OperationDefinitionNode, known: Mapping[str, Extent]) -> Extent:
    on_variables = sum(len(variable.directives or ()) for variable in operation.variable_definitions or ())
    found = _directed(operation, _of(operation.selection_set, known))
    return found._replace(directives=found.directives + on_variables)


def _of(selected: SelectionSetNode | None, known: Mapping[str, Extent]) -> Extent:
    found = _NOTHING
    for selection in selected.selections if selected else ():
        found = found.beside(_directed(selection, _of_selection(selection, known)))
    return found


def _of_selection(selection: SelectionNode, known: Mapping[str, Extent]) -> Extent:
    if isinstance(selection, FieldNode):
        return _of_field(selection, known)
    if isinstance(selection, FragmentSpreadNode):
        part = known.get(selection.name.value, _NOTHING)
    else:
        assert isinstance(selection, InlineFragmentNode)
        part = _of(selection.selection_set, known)
    # Counted itself: fragments that are empty could double each other without a field.
    return part._replace(fields=part.fields + 1)


def _of_field(field: FieldNode, known: Mapping[str, Extent]) -> Extent:
    below = _of(field.selection_set, known)
    if field.name.value in INTROSPECTION:
        return Extent(
            width=1,
            directives=below.directives,
            # Of aliases nobody who reads the schema has need, and a few fields of it are all types again.
            aliases=INTROSPECTION_ALIAS * (below.aliases + (field.alias is not None)),
            introspection_depth=1 + below.depth,
            introspection_fields=1 + below.fields,
        )
    aliases = below.aliases + (field.alias is not None)
    return below._replace(depth=1 + below.depth, width=1, fields=1 + below.fields, aliases=aliases)


def _directed(
    node: SelectionNode | FragmentDefinitionNode | OperationDefinitionNode, found: Extent
) -> Extent:
    return found._replace(directives=found.directives + len(node.directives)) if node.directives else found
