"""Primary keys of bound types: their shape, and many of them as one relation of a statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, cast, column, func, literal
from sqlalchemy.sql.selectable import TableValuedAlias

from schema import ids
from schema.binding import Binding


def fits(target: Binding, key: ids.Key) -> bool:
    """Whether a decoded key has the shape of this type's primary key."""
    kinds = tuple(target.table.c[name].type.python_type for name in target.key)
    return tuple(type(part) for part in key) == kinds


def keys_table(types: list[Any], keys: list[tuple[Any, ...]], name: str = "k") -> TableValuedAlias:
    """The keys as a relation k(k0, k1, …, n), n counting from 1."""
    arrays = [
        cast(literal([key[i] for key in keys], ARRAY(type_)), ARRAY(type_)) for i, type_ in enumerate(types)
    ]
    columns = [column(f"k{i}", type_) for i, type_ in enumerate(types)]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality="n", name=name).render_derived()
