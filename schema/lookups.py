"""The normal executor's way to rows that an argument or the request itself names: by code, by id, by key."""

from __future__ import annotations

from typing import Any

from schema import ids, reading
from schema.binding import CodeSource, KeysSource, NodeSource, Row, binding
from schema.errors import BadInput
from schema.keys import named
from schema.request import Request

MOST_NODES = 100


async def by_code(request: Request, source: CodeSource, code: str) -> Row | None:
    """The row with this code; None where there is none in sight."""
    return (await reading.by_columns(request, binding(source.target), (source.column,), [(code,)]))[0]


async def by_id(request: Request, source: NodeSource, text: str) -> Row | None:
    """The row with this global id; None where there is none in sight. Raises BadInput."""
    found = identity(source, text)
    return await reading.by_key(request, found.type_name, found.key)


async def by_ids(request: Request, given: list[str], width: int) -> list[Row | None]:
    """The rows with these global ids, in their order, None for those not in sight. Raises BadInput."""
    decoded = identities(given)
    request.budget.spend(len(decoded), width)
    rows: dict[ids.GlobalId, Row | None] = {}
    for type_name in {found.type_name for found in decoded}:
        keys = list(dict.fromkeys(found.key for found in decoded if found.type_name == type_name))
        loaded = await reading.by_keys(request, binding(type_name), keys)
        rows |= {ids.GlobalId(type_name, key): row for key, row in zip(keys, loaded, strict=True)}
    return [rows[found] for found in decoded]


async def by_request(request: Request, source: KeysSource) -> Any:
    """The rows whose keys the request knows; of one that is not many, the row or None."""
    found = await reading.by_keys(request, binding(source.target), source.keys(request))
    if source.many:
        return [row for row in found if row]
    return found[0] if found else None


def identity(source: NodeSource, text: str) -> ids.GlobalId:
    """What a global id names, of the type that is asked for. Raises BadInput."""
    (found,) = identities([text])
    if source.target is not None and found.type_name != source.target:
        raise BadInput(f"this is the id of a {found.type_name}, not of a {source.target}")
    return found


def identities(given: list[str]) -> list[ids.GlobalId]:
    """What global ids name. Raises BadInput where one is none of this API, or there are too many."""
    if len(given) > MOST_NODES:
        raise BadInput(f"`ids` lists {len(given)} ids; at most {MOST_NODES} are taken")
    return [named(text) for text in given]
