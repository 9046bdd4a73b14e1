"""The small bank with playbooks in force, on a day that a test decides, its clients of types that it decides."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from conftest import Server
from small_bank import CLIENTS, client_id
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tenants import tables as t
from tenants.credentials import Credentials
from tenants.database import Database, Transaction
from tenants.organisation import Directory
from tenants.playbooks.settling import Settled, apply_playbooks
from tenants.playbooks.shipped import ensure_playbooks
from tenants.segments.shipped import shipped_rule_sets

RELATIONSHIP = "relationshipType"
DAY = dt.date(2025, 3, 31)
OPEN_ENDED = text("'infinity'")


def key_of(index: int) -> tuple[int, UUID]:
    """The key of the client at this place of CLIENTS."""
    return CLIENTS[index][0], client_id(index)


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[Transaction]:
    """A transaction of the operator's own commands."""
    scope = await Directory(database).operator()
    async with database.transaction(scope, write=True) as transaction:
        yield transaction


@asynccontextmanager
async def cloned(server: Server, template: str) -> AsyncIterator[Database]:
    """A database for all tests of a module, furnished."""
    name = f"{template}_{os.urandom(4).hex()}"
    await server.run(f"create database {name} template {template} strategy file_copy")
    database = Database(Credentials(server.to(name)), connections=2)
    await database.open()
    await furnish(database)
    yield database
    await database.close()
    await server.run(f"drop database {name} with (force)")


async def furnish(database: Database) -> None:
    """Put the playbooks in place, and let the day be DAY."""
    async with writing(database) as transaction:
        await put_in_place(transaction)
        await become(transaction, DAY)


async def put_in_place(transaction: Transaction) -> None:
    """Dimension, values and playbooks, as the bank's commands put them there."""
    known = upsert(t.dimension).values(code=RELATIONSHIP, name="Type of relationship")
    await transaction.rows(known.on_conflict_do_nothing())
    if not await transaction.value(select(t.rule_set.c.id).limit(1)):
        (body,) = [one.rule_set for one in shipped_rule_sets() if one.code == RELATIONSHIP]
        rules = {"dimension_code": RELATIONSHIP, "number": 1, "body": body}
        await transaction.rows(insert(t.rule_set).values(**rules, created_by="a", edited_by="a"))
    await ensure_playbooks(transaction)


async def classify_everybody(transaction: Transaction) -> None:
    """A client of every type, some with something done; the rest of none."""
    for index, value in enumerate(["STRATEGIC", "GROWTH", "STABLE", "AT_RISK", "LAPSING"]):
        await classify(transaction, index, value)
    done = {"status": "DONE", "done_at": func.app.moment(), "done_by": "rita", "outcome": "Well."}
    await transaction.rows(update(t.task).where(t.task.c.kind == "REVIEW").values(**done))
    await classify(transaction, 4, None)


async def become(transaction: Transaction, day: dt.date) -> None:
    """Let the bank's day be this one."""
    await transaction.rows(
        upsert(t.business_day)
        .values(day=day)
        .on_conflict_do_update(index_elements=["singleton"], set_={"day": day})
    )


async def classify(transaction: Transaction, index: int, value: str | None) -> Settled:
    """Record a client's type of relationship, and let the playbooks follow."""
    await record(transaction, index, value)
    return await apply_playbooks(transaction, [key_of(index)])


async def record(transaction: Transaction, index: int, value: str | None) -> None:
    """Record a client's type of relationship, as recording does."""
    h = t.segment_history
    branch_id, client = key_of(index)
    of_client = (h.c.branch_id == branch_id, h.c.client_id == client, h.c.dimension_code == RELATIONSHIP)
    closed = update(h).where(*of_client, h.c.valid_until == OPEN_ENDED).values(valid_until=func.app.moment())
    await transaction.rows(closed)
    if value is not None:
        own = {"branch_id": branch_id, "id": func.gen_random_uuid(), "client_id": client}
        told = {"dimension_code": RELATIONSHIP, "value": value, "rule_set_id": 1, "cause": "CHANGE"}
        own["valid_from"] = func.app.moment()
        await transaction.rows(insert(h).values(**own, **told))


async def tasks_of(transaction: Transaction, index: int) -> dict[str, dict[str, Any]]:
    """A client's open tasks, by the code of their item."""
    branch_id, client = key_of(index)
    asked = select(t.client_task).where(
        t.client_task.c.branch_id == branch_id,
        t.client_task.c.client_id == client,
        t.client_task.c.status == "OPEN",
    )
    return {row["item_code"]: dict(row) for row in await transaction.rows(asked)}
