"""The branches that reserve in the bench, and the statements of one reservation as a script for pgbench."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import func, select

from api.issuer import parse_persona
from bench import by_hand
from bench.answers import NoAnswer
from bench.ground import Ground
from bench.operations import Operation
from bench.overheard import Overheard, Statement, literal, overhear
from domain.limits.nodes import NodeKind
from schema import ids
from tenants.database import Database
from tenants.limits.opening import open_books
from tenants.organisation import Directory
from tenants.scope import Scope
from tenants.tables import client, limit_node, unit

CLIENTS, MOST_TRIED = 5, 40
AMOUNT = {"amount": "0.01", "currency": "CNY"}
ROOM_MINOR = 10**8
KEY, CLIENT = "<key>", "<client>"
_MOVEMENT, _COMMITMENT, _LIMIT = "<movement>", "<commitment>", "<limit>"
# Of the branch's clients some with a limit of their own, which they draw on, below the branch's.
_OWN_LIMITS = """
with chosen as (
    select c.id from bank.client c where c.branch_id = $1 order by c.id limit $3
), opened as (
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, client_id, currency,
        sanctioned_minor, valid_from, valid_until, status, created_by, approved_by)
    select $1, gen_random_uuid(), 'CLIENT', 'Bench', $1, $2, chosen.id, 'CNY', $4, app.today(), app.today() + 3650,
        'ACTIVE', 'bench', 'bench, too'
    from chosen
    on conflict do nothing
    returning client_id, id
)
select client_id, id from opened
union
select n.client_id, n.id from bank.limit_node n join chosen on n.branch_id = $1 and n.client_id = chosen.id
where n.kind = 'CLIENT' and n.status = 'ACTIVE' and n.name = 'Bench'
order by client_id
"""


@dataclass(frozen=True, slots=True)
class Office:
    """A branch that reserves: who does it there, and for which clients."""

    code: str
    branch_id: int
    scope: Scope
    clients: tuple[UUID, ...]
    limits: tuple[UUID, ...]
    """The clients' own limits, below the branch's, for which all its bookings wait."""

    @property
    def operation(self) -> Operation:
        """The mutation, as this branch's manager sends it."""
        return Operation("reserve", "a reservation", f"branch:{self.code}")

    def id_of(self, client_id: UUID) -> str:
        """A client of the branch."""
        return ids.encode("Client", (self.branch_id, client_id))

    def variables(self, key: str, client_id: str) -> dict[str, Any]:
        """What is asked: a little of the client's own limit."""
        asked = {"idempotencyKey": key, "clientId": client_id}
        return {"input": asked | {"product": "TERM_LOAN", "amount": AMOUNT}}


async def prepared(ground: Ground, branches: Sequence[int]) -> tuple[list[Office], list[Path]]:
    """The branches with most clients, their books open, and the scripts for so many `branches` of them."""
    database = Overheard(ground.credentials)
    await database.open()
    try:
        async with database.transaction(await Directory(database).operator(), write=True) as transaction:
            await transaction.connection.execute("set local statement_timeout = '600s'; set local jit = off")
            await open_books(transaction)
        heard = [await _said(database, office) for office in await _offices(database, max(branches))]
        offices, said = [office for office, _ in heard], [statements for _, statements in heard]
        types = await _types(ground, said[0])
        scripts = [await _script(ground, types, offices[:some], said[:some]) for some in branches]
        return offices, scripts
    finally:
        await database.close()


async def _offices(database: Database, most: int) -> list[Office]:
    directory = Directory(database)
    number = func.count().label("clients")
    chosen = (
        select(unit.c.code, unit.c.id, limit_node.c.id.label("limit"))
        .join(client, client.c.branch_id == unit.c.id)
        .join(limit_node, limit_node.c.branch_id == unit.c.id)
        .where(limit_node.c.kind == NodeKind.BRANCH)
        .where(limit_node.c.sanctioned_minor - limit_node.c.committed_minor > ROOM_MINOR)
        .group_by(unit.c.code, unit.c.id, limit_node.c.id)
        .order_by(number.desc(), unit.c.id)
        .limit(most)
    )
    offices = []
    async with database.transaction(await directory.operator(), write=True) as transaction:
        for row in await transaction.rows(chosen):
            given = (row["id"], row["limit"], MOST_TRIED, ROOM_MINOR)
            own = await transaction.fetch(_OWN_LIMITS, given)
            scope = await directory.scope(parse_persona(f"branch:{row['code']}"))
            clients, limits = ([UUID(int=one[name].int) for one in own] for name in ("client_id", "id"))
            offices.append(Office(row["code"], row["id"], scope, tuple(clients), tuple(limits)))
    return offices


async def _said(database: Overheard, office: Office) -> tuple[Office, list[Statement]]:
    """One reservation's statements, with words in place of what is new each time; the office with those of its
    clients who may have one and find room under every cap, so that it takes no more than these statements.
    """
    served: list[tuple[UUID, UUID]] = []
    statements: list[Statement] = []
    for one, limit in zip(office.clients, office.limits, strict=True):
        # What has expired is swept by the first that books in a branch, and shares of caps are dealt to it.
        for _ in range(2):
            key = f"overheard-{os.urandom(8).hex()}"
            said, body = await overhear(
                database, office.scope, office.operation.document(), office.variables(key, office.id_of(one))
            )
        payload = orjson.loads(body)["data"]["reserveQuota"]
        if "movement" in payload and not database.transactions:
            served.append((one, limit))
            movement, commitment = payload["movement"], payload["movement"]["commitment"]
            words = {key: KEY, str(one): CLIENT, str(limit): _LIMIT}
            words[str(ids.decode(movement["id"]).key[1])] = _MOVEMENT
            words[str(ids.decode(commitment["id"]).key[1])] = _COMMITMENT
            statements = [(text, [_in_words(value, words) for value in values]) for text, values in said]
        if len(served) == CLIENTS:
            break
    if not served:
        raise NoAnswer(f"no client of {office.code} may have a reservation: {payload}")
    clients, limits = zip(*islice(cycle(served), CLIENTS), strict=True)
    return replace(office, clients=clients, limits=limits), statements


def _in_words(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_in_words(one, words) for one in value]
    if isinstance(value, UUID):
        return words.get(str(value), value)
    if isinstance(value, str):
        for known, word in words.items():
            value = value.replace(known, word)
    return value


async def _script(
    ground: Ground,
    types: Sequence[Sequence[str]],
    offices: Sequence[Office],
    said: Sequence[Sequence[Statement]],
) -> Path:
    """A reservation in one of these branches, with a new key, new ids and one of its clients each time."""
    number = "lpad(to_hex(:run::bigint), 8, '0') || lpad(to_hex(:client_id::bigint), 7, '0') || '{}' || "
    number += "lpad(to_hex(:count::bigint), 16, '0')"
    clients = ",".join(literal(one) for office in offices for one in office.clients)
    limits = ",".join(literal(one) for office in offices for one in office.limits)
    place = f"(:office::int - 1) * {CLIENTS} + :client::int"
    generated = {
        KEY: f"'k' || {number.format(0)}",
        _MOVEMENT: f"({number.format(1)})::uuid",
        _COMMITMENT: f"({number.format(2)})::uuid",
        CLIENT: f"(array[{clients}]::uuid[])[{place}]",
        _LIMIT: f"(array[{limits}]::uuid[])[{place}]",
    }
    sets = [
        "\\set count :count + 1",
        f"\\set office random(1, {len(offices)})",
        f"\\set client random(1, {CLIENTS})",
    ]
    made = ground.home / f"reserve-{len(offices)}.sql"
    made.write_text(by_hand.script(said, types, generated, sets), encoding="utf-8")
    return made


async def _types(ground: Ground, said: Sequence[Statement]) -> list[list[str]]:
    """The types of the statements' parameters."""
    connection = await asyncpg.connect(ground.credentials.administrator_dsn, timeout=10)
    try:
        prepared = [await connection.prepare(text) for text, _ in said]
        return [[one.name for one in statement.get_parameters()] for statement in prepared]
    finally:
        await connection.close()
