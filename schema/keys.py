"""Primary keys of bound types: their shape, and many of them as one relation of a statement."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ARRAY, cast, column, func, literal
from sqlalchemy.sql.selectable import TableValuedAlias

from schema import ids
from schema.binding import Binding, binding, bindings
from schema.errors import BadInput

NOT_OURS = "this is not an id of this API: pass one exactly as it was given"


def named(text: str) -> ids.GlobalId:
    """What a global id names. Raises BadInput where it is no id of any bound type."""
    found = ids.decode(text)
    if found.type_name not in bindings() or not fits(binding(found.type_name), found.key):
        raise BadInput(NOT_OURS)
    return found


def fits(target: Binding, key: ids.Key) -> bool:
    """Whether a decoded key has the shape of this type's primary key."""
    return tuple(map(type, key)) == _kinds(target)


@cache
def _kinds(target: Binding) -> tuple[type, ...]:
    return tuple(target.table.c[name].type.python_type for name in target.key)


def keys_table(types: list[Any], keys: list[tuple[Any, ...]], name: str = "k") -> TableValuedAlias:
    """The keys as a relation k(k0, k1, …, n), n counting from 1."""
    arrays = [
        cast(literal([key[i] for key in keys], ARRAY(type_)), ARRAY(type_)) for i, type_ in enumerate(types)
    ]
    columns = [column(f"k{i}", type_) for i, type_ in enumerate(types)]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality="n", name=name).render_derived()
