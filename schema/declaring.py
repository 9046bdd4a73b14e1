"""Types, inputs and enums made from the bindings: known by name, so that they may name one another."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from functools import cache
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField


@cache
def type_named(name: str) -> type:
    """The class of a type that is declared already or will be: types lead to one another and to themselves.

    Neither of it nor of an input is any instance made, so Strawberry needs no dataclass of each: hundreds of them
    took seconds.
    """
    return define(type(name, (), {}))


@cache
def input_named(name: str) -> type:
    """The class of an input, likewise; what is given for it is read as plain values (`plain_arguments`)."""
    return define(type(name, (), {}), is_input=True, from_input=_as_given)


def define(made: type, **about: Any) -> type:
    """Make a class known to Strawberry as a type that has no fields yet."""
    nothing: Any = {"description": None, "interfaces": [], "extend": False, "directives": (), "fields": []}
    nothing |= {"is_input": False, "is_interface": False, "is_type_of": None, "resolve_type": None}
    definition = StrawberryObjectDefinition(name=made.__name__, origin=made, **nothing | about)
    made.__strawberry_definition__ = definition  # type: ignore[attr-defined]
    return made


def _as_given(made: type, given: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    del made, context
    return given


def declare_type(name: str, description: str, fields: Mapping[str, tuple[Any, StrawberryField]]) -> type:
    """A Strawberry type of `python_name: (type, field)`."""
    return fill(type_named(name), description, fields)


def fill(made: type, description: str, fields: Mapping[str, tuple[Any, StrawberryField]]) -> type:
    """Give a defined type its fields; the type of one that is None is its resolver's."""
    for key, (annotation, field) in fields.items():
        field.python_name, field.origin = key, made
        if annotation is not None:
            field.type_annotation = annotated(annotation)
    return _declared(made, description, [field for _, field in fields.values()])


def declare_input(name: str, description: str, fields: Mapping[str, tuple[Any, ...]]) -> type:
    """A Strawberry input of `python_name: (type, description[, default])`; without a default it is required."""
    made = [
        StrawberryField(
            python_name=key,
            graphql_name=key.rstrip("_") if key.endswith("_") else None,
            type_annotation=annotated(annotation),
            description=described,
            default=default[0] if default else dataclasses.MISSING,
        )
        for key, (annotation, described, *default) in fields.items()
    ]
    return _declared(input_named(name), description, made)


def _declared(made: type, description: str, fields: list[StrawberryField]) -> type:
    definition = made.__strawberry_definition__  # type: ignore[attr-defined]
    assert not definition.fields, f"{made.__name__} is declared twice"
    definition.description = description
    # Into the same list: the definition looks at the types of what it is made with, and they may be in the making.
    definition.fields += fields
    return made


@cache
def annotated(annotation: Any) -> StrawberryAnnotation:
    """Strawberry's own of a type, worked out once for all that are of it."""
    return StrawberryAnnotation(annotation)


def declare_enum(name: str, description: str, values: Mapping[str, str]) -> Any:
    """A Strawberry enum of `value: description`; each value is known to callers in capitals."""
    members = {
        value.upper(): strawberry.enum_value(value, description=text) for value, text in values.items()
    }
    bare: Any = enum.Enum(name, members)  # type: ignore[misc]
    return strawberry.enum(bare, description=description)
