"""What a transaction does when it is cancelled, cut off, shared or kept too long: it ends, and tells nothing."""

# ruff: noqa: PT012 - what raises is the end of the transaction

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest
from patience import PATIENCE_S, until_it_sleeps
from small_bank import JIANGSU, SHANGHAI, SmallBank, client_id
from sqlalchemy import Integer, insert, literal, select, text
from sqlalchemy.engine import make_url

import tenants.database
from domain.access import Caller, Role
from tenants.credentials import Credentials
from tenants.database import Database, DatabaseUnavailable, StatementTimeout, Transaction
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.scope import Scope, settings_of
from tenants.tables import client, contact

BO = Caller("bo", Role.BRANCH_MANAGER, office="310000")
SCOPE = Scope(BO, Login.PORTAL, (SHANGHAI,))
BRANCHES = select(client.c.branch_id).distinct()


@pytest.fixture
async def single(credentials: Credentials) -> AsyncIterator[Database]:
    """A database with one connection a role, so that whatever is left behind meets the next caller."""
    database = Database(credentials, connections=1, statement_timeout_ms=20_000)
    await database.open()
    yield database
    await database.close()


async def branches_of(database: Database, scope: Scope) -> set[int]:
    async with database.transaction(scope) as transaction:
        return {row["branch_id"] for row in await transaction.rows(BRANCHES)}


async def nothing_is_left(database: Database) -> bool:
    """Whether every connection of every role can be had, is outside a transaction and under no scope."""
    for pool in set(database._pools.values()):
        held = [await pool.acquire(timeout=PATIENCE_S) for _ in range(pool.get_max_size())]
        for connection in held:
            assert not connection.is_in_transaction()
            for setting in ("app.branches", "app.clients"):
                assert not await connection.fetchval("select current_setting($1, true)", setting)
            for connection_setting in ("statement_timeout", "transaction_read_only"):
                assert await connection.fetchval(f"show {connection_setting}") in ("0", "off")
            if await connection.fetchval("select session_user") != Login.HEADQUARTERS:
                assert await connection.fetchval("select count(*) from bank.client") == 0
        for connection in held:
            await pool.release(connection)
    return True


def a_contact(branch: int, number: int, name: str = "new") -> object:
    return insert(contact).values(
        branch_id=branch, id=client_id(900 + number), client_id=client_id(0), name=name
    )


@pytest.mark.parametrize("yields", range(12))
async def test_a_cancelled_caller_leaves_nothing_wherever_it_was(single: Database, yields: int) -> None:
    """From before BEGIN to after COMMIT: the caller is cancelled after so many turns of the event loop."""

    async def work() -> None:
        async with single.transaction(SCOPE, write=True) as transaction:
            await transaction.rows(select(client.c.id))

    for delay in (0.0, 0.0005, 0.001, 0.002):
        task = asyncio.create_task(work())
        for _ in range(yields):
            await asyncio.sleep(0)
        await asyncio.sleep(delay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert await nothing_is_left(single)


async def test_a_caller_cancelled_during_a_statement_is_cancelled_and_no_more(single: Database) -> None:
    async with asyncio.timeout(PATIENCE_S):
        task = asyncio.create_task(_sleep(single, 1.0))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await nothing_is_left(single)


async def test_a_caller_cancelled_twice_leaves_nothing(single: Database) -> None:
    task = asyncio.create_task(_sleep(single, 1.0))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await nothing_is_left(single)


async def _sleep(database: Database, seconds: float) -> None:
    async with database.transaction(SCOPE) as transaction:
        await transaction.rows(select(text(f"pg_sleep({seconds})")))


async def test_an_error_passes_through_as_it_was(single: Database) -> None:
    refused = ValueError("refused")
    with pytest.raises(ValueError, match="refused") as caught:
        async with single.transaction(SCOPE):
            raise refused
    assert caught.value is refused
    # An error that is its own cause makes whoever follows the causes, as log formatters do, run for ever.
    assert caught.value.__cause__ is None
    assert await nothing_is_left(single)


async def test_a_bad_value_is_not_told_as_an_unreachable_database(single: Database) -> None:
    with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
        async with single.transaction(SCOPE) as transaction:
            await transaction.rows(select(literal("no number", Integer)))
    assert await nothing_is_left(single)


async def test_a_commit_that_the_database_turned_into_a_rollback_is_an_error(single: Database) -> None:
    """Whoever swallows a statement's error inside of a write must not be told that the write is kept."""
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        async with single.transaction(SCOPE, write=True) as transaction:
            await transaction.rows(a_contact(SHANGHAI, 1))  # type: ignore[arg-type]
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await transaction.rows(select(text("1/0")))
    assert await nothing_is_left(single)


async def test_a_commit_that_fails_is_an_error_and_leaves_nothing(
    single: Database, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "create function app.refuse() returns trigger language plpgsql as "
        "$$ begin raise 'not at commit' using errcode = 'check_violation'; end $$;"
        "create constraint trigger late after insert on bank.contact deferrable initially deferred "
        "for each row execute function app.refuse()"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        async with single.transaction(SCOPE, write=True) as transaction:
            await transaction.rows(a_contact(SHANGHAI, 1))  # type: ignore[arg-type]
    assert await nothing_is_left(single)


async def test_a_connection_killed_in_use_is_told_as_unavailable_and_replaced(
    single: Database, administrator: asyncpg.Connection
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with single.transaction(SCOPE) as transaction:
            await _kill(administrator, transaction)
            await transaction.rows(BRANCHES)
    assert await branches_of(single, SCOPE) == {SHANGHAI}


async def test_a_connection_killed_during_a_statement_is_told_as_unavailable(
    single: Database, administrator: asyncpg.Connection
) -> None:
    task = asyncio.create_task(_sleep(single, 15))
    await until_it_sleeps(administrator)
    await _kill_every_login(administrator)
    with pytest.raises(DatabaseUnavailable):
        await task
    assert await branches_of(single, SCOPE) == {SHANGHAI}


async def test_a_connection_killed_before_commit_is_told_as_unavailable(
    single: Database, administrator: asyncpg.Connection
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with single.transaction(SCOPE, write=True) as transaction:
            await transaction.rows(a_contact(SHANGHAI, 1))  # type: ignore[arg-type]
            await _kill(administrator, transaction)
    assert await branches_of(single, SCOPE) == {SHANGHAI}


async def test_a_callers_own_error_on_a_dead_connection_stays_its_own(
    single: Database, administrator: asyncpg.Connection
) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with single.transaction(SCOPE) as transaction:
            await _kill(administrator, transaction)
            await asyncio.sleep(0.05)
            raise ValueError("mine")
    assert await branches_of(single, SCOPE) == {SHANGHAI}


@pytest.mark.parametrize("notices_after_s", [0, 0.05])
async def test_a_connection_killed_while_idle_is_replaced_unnoticed(
    database: Database, administrator: asyncpg.Connection, notices_after_s: float
) -> None:
    await asyncio.gather(*(branches_of(database, SCOPE) for _ in range(20)))
    for _ in range(5):
        await _kill_every_login(administrator)
        await asyncio.sleep(notices_after_s)
        seen = await asyncio.gather(*(branches_of(database, SCOPE) for _ in range(20)))
        assert seen == [{SHANGHAI}] * 20
    assert await nothing_is_left(database)


async def _kill(administrator: asyncpg.Connection, transaction: Transaction) -> None:
    pid = transaction.connection.get_server_pid()
    assert await administrator.fetchval("select pg_terminate_backend($1, 5000)", pid)


async def _kill_every_login(administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where datname = current_database() and usename like 'branchgraph%'"
    )


async def test_tasks_that_share_a_transaction_take_turns(single: Database) -> None:
    async with single.transaction(SCOPE) as transaction:
        rows = await asyncio.gather(*(transaction.value(select(literal(n))) for n in range(20)))
    assert rows == list(range(20))


async def test_a_statement_that_one_sharer_cancels_ends_the_transaction_for_all(single: Database) -> None:
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        async with single.transaction(SCOPE) as transaction:
            first = asyncio.create_task(transaction.rows(select(text("pg_sleep(1)"))))
            await asyncio.sleep(0.1)
            first.cancel()
            await transaction.rows(BRANCHES)
    assert await nothing_is_left(single)


async def test_a_transaction_kept_beyond_its_end_answers_nobody(single: Database) -> None:
    async with single.transaction(SCOPE) as kept:
        pass
    neighbour = Scope(BO, Login.PORTAL, (JIANGSU,))
    async with single.transaction(neighbour):
        with pytest.raises(asyncpg.InterfaceError):
            await kept.rows(BRANCHES)


async def test_a_statement_that_waits_for_its_turn_when_the_transaction_ends_is_refused(
    single: Database,
) -> None:
    late: list[asyncio.Task[list[asyncpg.Record]]] = []
    with contextlib.suppress(asyncpg.InterfaceError, DatabaseUnavailable):
        async with single.transaction(SCOPE) as transaction:
            late += [asyncio.create_task(transaction.rows(select(client.c.id))) for _ in range(5)]
            await asyncio.sleep(0)
    async with single.transaction(Scope(BO, Login.PORTAL, (JIANGSU,))):
        outcomes = await asyncio.gather(*late, return_exceptions=True)
    # What was still answered was asked in time, under the scope of who asked.
    rows = [row for outcome in outcomes if isinstance(outcome, list) for row in outcome]
    assert {row["id"] for row in rows} <= {client_id(0), client_id(1)}
    assert any(isinstance(outcome, asyncpg.InterfaceError) for outcome in outcomes)
    assert await nothing_is_left(single)


async def test_nothing_is_answered_between_commit_and_giving_the_connection_back(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would run outside of the scope, and what sees nothing would be taken for an answer."""
    give_back = tenants.database._give_back
    outcomes: list[list[asyncpg.Record] | BaseException] = []

    async def asked_late(pool: asyncpg.Pool, connection: object) -> None:
        outcomes.extend(await asyncio.gather(kept.rows(BRANCHES), return_exceptions=True))
        await give_back(pool, connection)

    monkeypatch.setattr("tenants.database._give_back", asked_late)
    async with single.transaction(SCOPE) as kept:
        pass
    assert [type(outcome) for outcome in outcomes] == [asyncpg.InterfaceError]


async def test_a_transaction_left_open_by_a_generator_ends_with_it(single: Database) -> None:
    async def rows() -> AsyncIterator[int]:
        async with single.transaction(SCOPE) as transaction:
            for row in await transaction.rows(select(client.c.branch_id)):
                yield row["branch_id"]

    abandoned = rows()
    assert await anext(abandoned) == SHANGHAI
    await abandoned.aclose()  # type: ignore[attr-defined]
    assert await nothing_is_left(single)


async def test_no_free_connection_is_told_as_unavailable(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.database.CONNECT_TIMEOUT_S", 0.2)
    async with single.transaction(SCOPE):
        with pytest.raises(DatabaseUnavailable):
            await branches_of(single, SCOPE)
    assert await nothing_is_left(single)


async def test_a_statement_that_takes_too_long_is_told_so(credentials: Credentials) -> None:
    hasty = Database(credentials, connections=1, statement_timeout_ms=100)
    await hasty.open()
    with pytest.raises(StatementTimeout):
        await _sleep(hasty, 1)
    assert await nothing_is_left(hasty)
    await hasty.close()


async def test_who_works_longer_than_a_request_may_says_how_long_a_statement_is_waited_for(
    credentials: Credentials,
) -> None:
    """The server's time-out is lifted by a setting; the driver's, two seconds later, is ours to lift."""
    hasty = Database(credentials, connections=1, statement_timeout_ms=1)
    await hasty.open()
    async with hasty.transaction(SCOPE) as transaction:
        await transaction.connection.execute("set local statement_timeout = 0")
        transaction.patience_s = PATIENCE_S
        assert await transaction.fetch("select 1 from pg_sleep(2.2)", ())
    await hasty.close()


async def test_no_transaction_can_be_opened_on_a_closed_database(credentials: Credentials) -> None:
    database = Database(credentials, connections=1)
    await database.open()
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await branches_of(database, SCOPE)


@dataclass
class Proxy:
    """A TCP road to a Unix socket on which bytes can be made to stop without the road being closed."""

    socket: str
    silent: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self.socket)
        for source, target in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self.tasks.add(task)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if not self.silent:
                    target.write(data)
                    await target.drain()
        target.close()


@pytest.fixture
async def road(credentials: Credentials) -> AsyncIterator[tuple[Proxy, Credentials]]:
    url = make_url(credentials.url)
    directory = url.query.get("host")
    if not isinstance(directory, str):
        pytest.skip("needs the embedded server's socket")
    proxy = Proxy(f"{directory}/.s.PGSQL.5432")
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        through = url.set(host="127.0.0.1", port=port, query={})
        yield proxy, Credentials(through.render_as_string(hide_password=False))
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)


async def test_a_silent_database_is_told_as_unavailable_in_bounded_time(
    road: tuple[Proxy, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection of the pool looks alive and answers nothing: one of them is waited for, not all."""
    proxy, credentials = road
    database = Database(credentials, connections=5, statement_timeout_ms=1000)
    await database.open()
    await asyncio.gather(*(branches_of(database, SCOPE) for _ in range(20)))
    monkeypatch.setattr("tenants.database.CONNECT_TIMEOUT_S", 1.5)
    proxy.silent = True
    async with asyncio.timeout(6):
        with pytest.raises(DatabaseUnavailable):
            await branches_of(database, SCOPE)
    proxy.silent = False
    assert await branches_of(database, SCOPE) == {SHANGHAI}
    await database.close()


@pytest.mark.parametrize("branch", ["4", "1}'; reset all; --", 4.5, True, None, 2**40])
async def test_a_branch_that_is_no_branch_number_is_refused(single: Database, branch: object) -> None:
    scope = Scope(BO, Login.PORTAL, (branch,))  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError, asyncpg.PostgresError)):
        await branches_of(single, scope)
    assert await nothing_is_left(single)


@pytest.mark.parametrize("row", ["x", "{}", 7, None, "0190000c-0000-7000-8000-000000000000"])
def test_a_client_that_is_no_id_is_refused(row: object) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        settings_of(Scope(BO, Login.CLIENT, (SHANGHAI,), (row,)), write=False)  # type: ignore[arg-type]


async def test_a_scope_of_no_branches_sees_nothing(single: Database) -> None:
    assert await branches_of(single, Scope(BO, Login.PORTAL, ())) == set()
    assert await branches_of(single, Scope(BO, Login.CLIENT, (SHANGHAI,), ())) == set()


async def test_a_read_refuses_to_write(single: Database, directory: Directory) -> None:
    for caller in (SmallBank.shanghai, SmallBank.headquarters):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with single.transaction(await directory.scope(caller)) as transaction:
                await transaction.rows(a_contact(SHANGHAI, 1))  # type: ignore[arg-type]


async def test_a_caller_cancelled_while_its_error_is_undone_is_cancelled(
    single: Database,
) -> None:
    """A cancellation that is swallowed makes a time-out of the layers above wait for ever."""

    async def work() -> None:
        async with single.transaction(SCOPE):
            asyncio.get_running_loop().call_soon(task.cancel)
            raise ValueError("refused")

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await nothing_is_left(single)


async def test_a_transaction_that_nobody_continues_is_ended_by_the_server(single: Database) -> None:
    async with single.transaction(SCOPE, write=True) as transaction:
        limit = await transaction.value(
            select(text("current_setting('idle_in_transaction_session_timeout')"))
        )
    assert limit == "1min"


async def test_a_migration_under_a_running_server_costs_one_retry_and_no_more(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    scope = await directory.scope(SmallBank.shanghai)

    async def names() -> list[str]:
        async with database.transaction(scope) as transaction:
            return [row["legal_name"] for row in await transaction.rows(select(client))]

    before = await names()
    await administrator.execute("alter table bank.client alter column city type varchar(200)")
    try:
        after = await names()
    except DatabaseUnavailable:
        after = await names()

    assert after == before
