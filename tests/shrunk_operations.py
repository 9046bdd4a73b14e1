"""The smallest operation that still shows what a large one did: parts are taken away while it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from drawn_operations import Drawn
from graphql import (
    REMOVE,
    ArgumentNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)

MOST_TRIES = 250
Shows = Callable[[Drawn], Awaitable[bool]]
_REMOVABLE = (FieldNode, InlineFragmentNode, FragmentSpreadNode, DirectiveNode, ArgumentNode, ObjectFieldNode)


async def shrunk(schema: GraphQLSchema, drawn: Drawn, shows: Shows) -> Drawn:
    """An operation that still `shows` it, from which nothing can be taken away."""
    tries = 0
    smaller = True
    while smaller and tries < MOST_TRIES:
        smaller = False
        for candidate in _smaller(schema, drawn):
            tries += 1
            if await shows(candidate):
                drawn, smaller = candidate, True
                break
            if tries >= MOST_TRIES:
                break
    return drawn


def _smaller(schema: GraphQLSchema, drawn: Drawn) -> Iterator[Drawn]:
    document = parse(drawn.text)
    found = _Counting()
    visit(document, found)
    for number in range(found.count):
        tidy = _tidied(visit(document, _Removing(number)))
        if tidy is not None and not validate(schema, tidy):
            named = {of.variable.name.value for d in tidy.definitions for of in _variables(d)}
            yield Drawn(
                print_ast(tidy), {name: value for name, value in drawn.variables.items() if name in named}
            )


def _variables(definition: Any) -> tuple[VariableDefinitionNode, ...]:
    return tuple(getattr(definition, "variable_definitions", None) or ())


class _Counting(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, _REMOVABLE):
            self.count += 1
        return None


class _Removing(Visitor):
    """Takes away the part with this number, counted from the outside in."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, _REMOVABLE):
            self._left -= 1
            if self._left == -1:
                return REMOVE
        return None


def _tidied(document: Any) -> Any:
    """Without fragments and variables that nothing speaks of; None where a selection became empty."""
    try:
        document = parse(print_ast(document))
    except Exception:
        return None
    while True:
        used: set[str] = set()

        class Using(Visitor):
            def enter(self, node: Node, _key: Any, parent: Any, *_: Any, used: set[str] = used) -> Any:
                if isinstance(node, FragmentSpreadNode):
                    used.add(node.name.value)
                if isinstance(node, VariableNode) and not isinstance(parent, VariableDefinitionNode):
                    used.add(f"${node.name.value}")

        class Dropping(Visitor):
            def enter(self, node: Node, *_: Any, used: set[str] = used) -> Any:
                if isinstance(node, FragmentDefinitionNode) and node.name.value not in used:
                    return REMOVE
                if isinstance(node, VariableDefinitionNode) and f"${node.variable.name.value}" not in used:
                    return REMOVE
                return None

        visit(document, Using())
        tidied = visit(document, Dropping())
        if print_ast(tidied) == print_ast(document):
            return tidied
        document = tidied
