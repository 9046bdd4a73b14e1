"""Operations by hypothesis-graphql, whose arguments mean something after all: pages, ids and codes that exist.

On its own it gives every argument of a list at once and ids at random, so that nearly all would be refused.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from drawn_operations import Drawn, literal
from drawn_values import Pool, Values
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse_value,
    print_ast,
    visit,
)
from graphql.language.ast import StringValueNode
from hypothesis import strategies as st
from hypothesis_graphql import queries

_SCALARS = {
    "Decimal": ["0", "-1.5", "400000", "12345678901234567890.5"],
    "BigInt": ["0", "-1", "9007199254740993"],
    "Date": ["2023-12-31", "2024-02-29"],
    "DateTime": ["2024-01-01T12:00:00.000001Z"],
}


def generated_operations(schema: GraphQLSchema, pool: Pool) -> st.SearchStrategy[Drawn]:
    """Valid operations over the whole schema."""
    scalars = {
        name: st.sampled_from([StringValueNode(value=value) for value in values])
        for name, values in _SCALARS.items()
    }
    documents = queries(schema, custom_scalars=scalars, allow_x00=False, print_ast=lambda document: document)

    def meaningful(document: DocumentNode, seed: int) -> Drawn:
        info = TypeInfo(schema)
        values = Values(Random(seed), schema, pool)
        return Drawn(print_ast(visit(document, TypeInfoVisitor(info, _Mending(info, values)))), {})

    return st.builds(meaningful, documents, st.integers(0, 2**20))


class _Mending(Visitor):
    """Puts arguments that exist in the place of those drawn without knowing what is there."""

    def __init__(self, info: TypeInfo, values: Values) -> None:
        super().__init__()
        self._info = info
        self._values = values

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        definition = self._info.get_field_def()
        parent = self._info.get_parent_type()
        if definition is None or parent is None or not node.arguments:
            return None
        given = self._given(parent.name, node.name.value, definition)
        kept = [one for one in node.arguments if one.name.value not in _MENDED and self._values.chance(0.5)]
        mended = [
            ArgumentNode(name=NameNode(value=name), value=parse_value(literal(value)))
            for name, value in given.items()
        ]
        return replace(node, arguments=(*kept, *mended))

    def _given(self, parent: str, name: str, definition: Any) -> dict[str, Any]:
        target = get_named_type(definition.type).name
        offered = definition.args
        if "after" in offered:
            return self._values.page(f"{parent}.{name}", target.removesuffix("Connection"))
        if name == "groups":
            return self._values.groups(parent.removesuffix("Connection"))
        if "asOf" in offered:
            return self._values.quota(offered)
        if "dimensions" in offered:
            return {"dimensions": self._values.dimensions()}
        if "dimension" in offered:
            return self._values.segment()
        if "day" in offered:
            return {"day": self._values.day()}
        if "depth" in offered:
            return self._values.walk()
        if "id" in offered:
            return {"id": self._values.ids(None if target == "Node" else target, 1)[-1]}
        if "ids" in offered:
            return {"ids": self._values.ids(None, 4)}
        if "code" in offered:
            return {"code": self._values.code_of(name)}
        if "currency" in offered:
            return {"currency": self._values.currency()}
        return {"at": self._values.percentile()} if "at" in offered else {}


_MENDED = {
    "first",
    "last",
    "after",
    "before",
    "orderBy",
    "by",
    "having",
    "id",
    "ids",
    "code",
    "dimensions",
    "dimension",
    "value",
    "day",
    "depth",
    "currency",
    "at",
    "clientId",
    "product",
    "amount",
    "asOf",
}
