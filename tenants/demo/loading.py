"""Loads the demo bank by set-based SQL, some thousand clients with all their facts per transaction.

Client number n is the same company at every scale, so a load that was cut off goes on where it stopped and a
small demo bank can be made larger. Headquarters gets its opening day last: that is the mark of a whole load.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.organisation import Organisation
from tenants.database import Database, Transaction
from tenants.demo.covering import score_quarters
from tenants.demo.finishing import LOADING_LIMIT_S, ONE_LOADER, finish
from tenants.demo.trending import keep_past_quotas
from tenants.intake.shipped import load_regions
from tenants.organisation import Directory
from tenants.scope import Scope, operator_scope

ROOM = Path(__file__).parent
# In this order: each file may use what those before it have drafted.
DRAFTS = ("draft_clients", "draft_lending", "draft_behaviour")
ENTITIES = (
    "clients",
    "contacts",
    "facilities",
    "postings",
    "statements",
    "events",
    "months",
    "interactions",
    "complaints",
    "ratings",
    "links",
)

CLIENTS_AT_SCALE_1 = 10_000
CLIENTS_A_TRANSACTION = 5_000
NUMBER_BITS = 60

HEADQUARTERS = "Headquarters of the Demo Bank"
IS_LOADED = "select exists (select from bank.unit where code = 'HQ' and name = $1 and opened_on is not null)"
IS_ANOTHER_BANK = "select exists (select from bank.unit where kind = 'HEADQUARTERS' and name <> $1)"
READ_ON = "insert into bank.business_day (day) values (pg_temp.today()) on conflict do nothing"
OPEN_HEADQUARTERS = "update bank.unit set opened_on = date '1996-01-18' where code = 'HQ'"
# In one go for all of a new client, in place of once for each table of it.
FACTS_AFTERWARDS = "set local app.facts_deferred = 'on'"
MAKE_FACTS = "select app.make_facts(array_agg(branch_id), array_agg(client_id)) from draft_client"
LAST_CLIENT = """
    select id
    from bank.client
    where branch_id = any (app.branches())
        and id between pg_temp.id('client', $1) and pg_temp.id('client', 4294967295)
    order by id desc
    limit 1
"""


class ForeignBank(Exception):
    """The database holds a bank that is not the demo bank. Safe to show to the operator."""


async def demo_is_loaded(database: Database) -> bool:
    """Whether a load of the demo bank has come to its end, at whatever scale."""
    async with database.transaction(_operator()) as transaction:
        loaded: bool = await transaction.connection.fetchval(IS_LOADED, HEADQUARTERS)
    return loaded


async def load_demo(
    database: Database,
    directory: Directory,
    *,
    scale: int = 1,
    say: Callable[[str], None],
    clients: int | None = None,
) -> None:
    """Bring the demo bank to `scale` times 10,000 clients, or to `clients`; `say` is told the progress.

    Goes on where an earlier load stopped; loads nothing twice. Raises ForeignBank, before anything is
    written, where the database holds another bank.
    """
    wanted = CLIENTS_AT_SCALE_1 * scale if clients is None else clients
    started = time.monotonic()
    await _found(database, directory)
    directory.forget()
    scope = await directory.operator()
    await _staff(database, scope)
    say(f"regions, {len(scope.branches)} units and their staff: {time.monotonic() - started:.1f} s")
    tally = _Tally()
    done = 0
    while done := await _next_clients(database, scope, done, wanted, tally):
        say(f"clients up to {done:,} of {wanted:,}: {time.monotonic() - started:.1f} s")
    for line in tally.lines():
        say(line)
    await finish(database, directory, say)
    async with database.transaction(scope, write=True) as transaction:
        await _prepare(transaction)
        await _run(transaction, "segment_past", "task_past", "afterwards")
        await score_quarters(transaction)
        await keep_past_quotas(transaction)
        await transaction.connection.execute(OPEN_HEADQUARTERS)


class _Tally:
    """Rows and seconds of each entity."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}

    def add(self, entity: str, rows: int, seconds: float) -> None:
        self._rows[entity] += rows
        self._seconds[entity] = self._seconds.get(entity, 0.0) + seconds

    def lines(self) -> list[str]:
        return [f"{entity}: {rows:,} in {self._seconds[entity]:.1f} s" for entity, rows in self._rows.items()]


async def _found(database: Database, directory: Directory) -> None:
    """Regions, indicators and the organisation tree: reference tables, which are not in any branch."""
    async with database.transaction(_operator()) as transaction:
        await _refuse_another_bank(transaction)
    await load_regions(database, directory)
    async with database.transaction(_operator(), write=True) as transaction:
        await _prepare(transaction)
        await _refuse_another_bank(transaction)
        await transaction.connection.execute(READ_ON)
        await _run(transaction, "profiles", "organisation")
        await _run(transaction, "afterwards")


async def _refuse_another_bank(transaction: Transaction) -> None:
    if await transaction.connection.fetchval(IS_ANOTHER_BANK, HEADQUARTERS):
        raise ForeignBank("the database already holds another bank; load the demo into an empty one")


async def _staff(database: Database, scope: Scope) -> None:
    async with database.transaction(scope, write=True) as transaction:
        await _prepare(transaction)
        await _run(transaction, "profiles", "offices", "staff", "afterwards")


async def _next_clients(database: Database, scope: Scope, done: int, wanted: int, tally: _Tally) -> int:
    """Load the next clients with everything they have; the number of the last one, 0 where none is left.

    At least `done` are there; how many more an earlier or another loader has made is looked up.
    """
    async with database.transaction(scope, write=True) as transaction:
        await _prepare(transaction)
        loaded = _number(await transaction.connection.fetchval(LAST_CLIENT, done))
        last = min(loaded + CLIENTS_A_TRANSACTION, wanted)
        if loaded < last:
            await transaction.connection.execute("insert into span values ($1, $2)", loaded + 1, last)
            await _run(transaction, "profiles", "offices", *DRAFTS)
            await transaction.connection.execute(FACTS_AFTERWARDS)
            for entity in ENTITIES:
                before = time.monotonic()
                rows = await _run(transaction, entity)
                tally.add(entity, rows, time.monotonic() - before)
            before = time.monotonic()
            await transaction.connection.execute(MAKE_FACTS, timeout=LOADING_LIMIT_S)
            tally.add("rows of facts", last - loaded, time.monotonic() - before)
        await _run(transaction, "afterwards")
    return last if loaded < last else 0


async def _prepare(transaction: Transaction) -> None:
    # Compiling these statements would take longer than running them.
    await transaction.connection.execute("set local statement_timeout = 0; set local jit = off")
    await transaction.connection.execute(ONE_LOADER, timeout=LOADING_LIMIT_S)
    await _run(transaction, "functions")


async def _run(transaction: Transaction, *names: str) -> int:
    """Run the SQL of these files; the rows that the last statement wrote."""
    status: Any = ""
    for name in names:
        sql = (ROOM / "sql" / f"{name}.sql").read_text(encoding="utf-8")
        status = await transaction.connection.execute(sql, timeout=LOADING_LIMIT_S)
    count = str(status).rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


def _number(client_id: UUID | None) -> int:
    """The number that a client's id was made from; 0 where there is no client."""
    return client_id.int & (1 << NUMBER_BITS) - 1 if client_id else 0


def _operator() -> Scope:
    """The operator without a branch: sees every row, writes reference tables only."""
    return operator_scope(Organisation(()))
