"""What operations ask for, and what could be asked for: fields, arguments, fields of inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    visit,
)

OPTIONAL = ("currency", "at", "bucket", "field")
"""Fields of inputs that every type has but not every type has a use for."""


class _Asking(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.found: set[str] = set()

    def enter_field(self, node: Any, *_: Any) -> None:
        parent = self._info.get_parent_type()
        assert parent is not None
        self.found.add(f"{parent.name}.{node.name.value}")
        self.found |= {f"{parent.name}.{node.name.value}({one.name.value})" for one in node.arguments or ()}

    def enter_object_value(self, node: Any, *_: Any) -> None:
        named = get_named_type(self._info.get_input_type())
        assert named is not None
        self.found |= {f"{named.name}.{one.name.value}" for one in node.fields}


def asked_for(schema: GraphQLSchema, operations: Iterable[str]) -> set[str]:
    """The fields, arguments and fields of inputs that appear in operations."""
    found: set[str] = set()
    for operation in operations:
        info = TypeInfo(schema)
        asking = _Asking(info)
        visit(parse(operation), TypeInfoVisitor(info, asking))
        found |= asking.found
    return found


def askable(schema: GraphQLSchema) -> set[str]:
    """The fields, arguments and fields of inputs that can be reached from the query's root."""
    found: set[str] = set()
    unseen: list[Any] = [schema.query_type]
    seen: set[str] = set()
    while unseen:
        made = unseen.pop()
        if made.name in seen:
            continue
        seen.add(made.name)
        if isinstance(made, GraphQLObjectType):
            for name, field in made.fields.items():
                found |= {f"{made.name}.{name}", *(f"{made.name}.{name}({key})" for key in field.args)}
                unseen += [get_named_type(field.type), *(get_named_type(a.type) for a in field.args.values())]
        elif isinstance(made, GraphQLInputObjectType):
            found |= {f"{made.name}.{name}" for name in made.fields if name not in OPTIONAL}
            unseen += [get_named_type(field.type) for field in made.fields.values()]
    return found
