"""Inputs and enums that are made from the bindings: declared once by name, so that they may name one another."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

import strawberry


def declare_input(name: str, description: str, fields: Mapping[str, tuple[Any, ...]]) -> type:
    """A Strawberry input of `python_name: (annotation, description[, default])`; without a default it is required.

    An annotation may be text that names another declared input, itself included: names are looked up here.
    """
    members = {
        key: strawberry.field(
            name=key.rstrip("_") if key.endswith("_") else None,
            description=described,
            default=default[0] if default else dataclasses.MISSING,
        )
        for key, (_, described, *default) in fields.items()
    }
    annotations = {key: annotation for key, (annotation, *_) in fields.items()}
    made = type(name, (), {"__annotations__": annotations, "__module__": __name__, **members})
    globals()[name] = strawberry.input(made, name=name, description=description)
    return made


def declare_enum(name: str, description: str, values: Mapping[str, str]) -> Any:
    """A Strawberry enum of `value: description`; each value is known to callers in capitals."""
    members = {
        value.upper(): strawberry.enum_value(value, description=text) for value, text in values.items()
    }
    bare: Any = enum.Enum(name, members)  # type: ignore[misc]
    globals()[name] = strawberry.enum(bare, description=description)
    return globals()[name]
