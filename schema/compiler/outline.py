"""What an operation asks for, field by field: merged, aliases kept, fragments and conditions resolved.

graphql-core's own `collect_fields` does the resolving, so that the rules are the specification's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues, get_argument_values

from schema.binding import (
    AggregatesSource,
    GroupsSource,
    MeasuresSource,
    MembersSource,
    NodeSource,
    NodesSource,
    Source,
)


class NotCompiled(Exception):
    """The plan cannot answer this; str() says why, and the normal executor does."""


@dataclass(slots=True, eq=False)
class Selected:
    """One field of the answer. `fields` are those below it, in the answer's order."""

    key: str
    name: str
    parent: str
    source: Source | None
    type: GraphQLNamedType
    definition: GraphQLField
    node: FieldNode
    fields: tuple[Selected, ...] = ()
    # Of a field whose type is abstract: what was selected of each type that it may be.
    of_types: dict[str, tuple[Selected, ...]] | None = None
    place: int = -1
    template: Template | None = None
    above: Selected | None = None

    @property
    def varies(self) -> bool:
        """Whether its arguments depend on variables; of measures, those of the fields below as well; of a
        segment's members, those of the segment.
        """
        if any(_has_variable(argument.value) for argument in self.node.arguments or ()):
            return True
        if isinstance(self.source, MembersSource) and self.above is not None and self.above.varies:
            return True
        below = self.fields if isinstance(self.source, _MEASURED) else ()
        return any(field.varies for field in below)

    def arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Its arguments, coerced, by their GraphQL names."""
        if self.template is None:
            self.template = _template(self)
        if not self.template.is_whole:
            return get_argument_values(self.definition, self.node, variables)
        given = dict(self.template.constant)
        for name, variable, required in self.template.variables:
            value = variables.coerced.get(variable)
            if value is None and (required or variable not in variables.coerced):
                return get_argument_values(self.definition, self.node, variables)
            given[name] = value
        return given


@dataclass(frozen=True, slots=True)
class Template:
    """A field's arguments, as far as they are known before the variables are: most are variables as they stand.

    `variables` holds the argument, the variable and whether the argument must have a value. Not `is_whole` where
    variables stand inside of lists and objects.
    """

    constant: dict[str, Any]
    variables: tuple[tuple[str, str, bool], ...]
    is_whole: bool


def _template(field: Selected) -> Template:
    given = {argument.name.value: argument.value for argument in field.node.arguments or ()}
    variables = {name: value for name, value in given.items() if isinstance(value, VariableNode)}
    if any(_has_variable(value) for name, value in given.items() if name not in variables):
        return Template({}, (), is_whole=False)
    others = GraphQLField(
        field.definition.type,
        args={name: of for name, of in field.definition.args.items() if name not in variables},
    )
    return Template(
        get_argument_values(others, field.node),
        tuple(
            (name, value.name.value, is_non_null_type(field.definition.args[name].type))
            for name, value in variables.items()
        ),
        is_whole=True,
    )


@dataclass(slots=True, eq=False)
class Outline:
    """The whole answer, and those of its fields that have arguments, each in its place."""

    fields: tuple[Selected, ...]
    places: list[Selected]


def outline(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDefinitionNode],
    variables: VariableValues,
) -> Outline:
    """The outline of a query for these values of the variables of @skip and @include. Raises NotCompiled."""
    return _Reading(schema, operation, fragments, variables).outline()


def outlines_of_mutation(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDefinitionNode],
    variables: VariableValues,
) -> list[tuple[Outline, list[FieldNode]]]:
    """An outline of each of a mutation's fields by itself, in their order, and where it stands in the document.

    Of a payload's types each has its own fields. Raises NotCompiled.
    """
    return list(_Reading(schema, operation, fragments, variables, changes=True).outlines_apart())


def deciding_variables(
    operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables that decide by @skip and @include what is in the answer."""
    found: dict[str, None] = {}
    for selection_set in (operation.selection_set, *(f.selection_set for f in fragments.values())):
        for name in _deciding(selection_set):
            found[name] = None
    return tuple(found)


def _deciding(selections: SelectionSetNode) -> Iterator[str]:
    for selection in selections.selections:
        for directive in selection.directives or ():
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
        below = getattr(selection, "selection_set", None)
        if below is not None:
            yield from _deciding(below)


class _Reading:
    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        changes: bool = False,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self._variables = variables
        self._changes = changes
        self._places: list[Selected] = []

    def outline(self) -> Outline:
        root = self._schema.query_type
        assert root is not None
        collected = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        fields = self._selected(root, collected.grouped_field_set)
        return Outline(fields, self._places)

    def outlines_apart(self) -> Iterator[tuple[Outline, list[FieldNode]]]:
        root = self._schema.mutation_type
        assert root is not None
        collected = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        for key, details in collected.grouped_field_set.items():
            self._places = []
            field = self._one(root, key, details)
            yield Outline((field,), self._places), [detail.node for detail in details]

    def _selected(
        self, parent: GraphQLObjectType, grouped: dict[str, list[FieldDetails]]
    ) -> tuple[Selected, ...]:
        return tuple(self._one(parent, key, details) for key, details in grouped.items())

    def _one(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Selected:
        node = details[0].node
        name = node.name.value
        definition = parent.fields.get(name)
        if definition is None:
            if name != "__typename":
                raise NotCompiled(f"{name} is about the schema itself")
            return Selected(key, name, parent.name, None, parent, _TYPENAME, node)
        declared = definition.extensions.get("strawberry-definition")
        made = Selected(
            key,
            name,
            parent.name,
            getattr(declared, "source", None),
            get_named_type(definition.type),
            definition,
            node,
        )
        if definition.args or isinstance(made.source, AggregatesSource):
            made.place = len(self._places)
            self._places.append(made)
        if isinstance(made.type, GraphQLObjectType):
            made.fields = self._below(made.type, details)
            for field in made.fields:
                field.above = made
        elif isinstance(made.source, NodeSource | NodesSource) or (
            self._changes and made.source is None and is_abstract_type(made.type)
        ):
            made.of_types = {
                possible.name: self._below(possible, details)
                for possible in self._schema.get_possible_types(made.type)  # type: ignore[arg-type]
            }
        elif node.selection_set:
            raise NotCompiled(f"{parent.name}.{name} may be of several types")
        return made

    def _below(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Selected, ...]:
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        )
        return self._selected(type_, collected.grouped_field_set)


_MEASURED = AggregatesSource | MeasuresSource | GroupsSource
_TYPENAME = GraphQLField(GraphQLObjectType("Typename", {}))


def _has_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    if (listed := getattr(value, "values", None)) is not None:
        return any(_has_variable(item) for item in listed)
    fields = getattr(value, "fields", None)
    return fields is not None and any(_has_variable(field.value) for field in fields)
