"""The values of an operation's variables, by the specification's rules; plain ones without its machinery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_nullable_type,
    get_variable_values,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

MOST_ERRORS = 10
_PLAIN: dict[str, type] = {"ID": str, "String": str, "Int": int, "Boolean": bool}


class Variables:
    """How one operation's variables are read; made once for an operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        plain: list[tuple[str, type, GraphQLVariableSignature]] = []
        for definition in self._definitions:
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError) or (kind := _kind(signature)) is None:
                break
            plain.append((signature.name, kind, signature))
        self._plain = plain if len(plain) == len(self._definitions) else None

    def values(
        self, given: Mapping[str, Any], *, hide_suggestions: bool
    ) -> VariableValues | list[GraphQLError]:
        """The coerced values, or what is wrong with them."""
        return self._at_once(given) or get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=MOST_ERRORS,
            hide_suggestions=hide_suggestions,
        )

    def _at_once(self, given: Mapping[str, Any]) -> VariableValues | None:
        """The values where each is there and of the very type that is wanted; None where there is more to it."""
        if self._plain is None:
            return None
        sources, coerced = {}, {}
        for name, kind, signature in self._plain:
            value = given.get(name)
            if type(value) is not kind or (kind is int and not -(2**31) <= value < 2**31):  # type: ignore[operator]
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)


def _kind(signature: GraphQLVariableSignature) -> type | None:
    type_: Any = get_nullable_type(signature.type) if is_non_null_type(signature.type) else signature.type
    return _PLAIN.get(getattr(type_, "name", ""))
