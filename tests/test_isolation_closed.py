"""Whatever stands in the scope's settings and whatever a caller tries in SQL: no row of another tenant's.

The tables are asked of the catalogue, so that a new one is covered by being there.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from full_bank import parents_at_home, something_everywhere
from small_bank import BEIJING, JIANGSU, SHANGHAI, client_id

from tenants.credentials import Credentials
from tenants.roles import Login

BRANCHES = f"{{{SHANGHAI},{JIANGSU}}}"
CLIENTS = f"{{{client_id(1)},{client_id(4)}}}"
"""A client user's own: the same company, kept by two branches."""

GARBAGE = [
    None,
    "",
    " ",
    "{}",
    "{NULL}",
    "{{}}",
    "NULL",
    "null",
    "all",
    "*",
    "%",
    "true",
    "4",
    "0",
    "{-1}",
    "{0}",
    "{1,x}",
    "{4,",
    "{4}}",
    "{4.0}",
    "{99999999999}",
    "{1}'; --",
    "'{4}'",
    "{4} or true",
    "{*}",
    "[4]",
    "[1:1]={99}",
    "(select array_agg(id) from bank.unit)",
]


FRESH = {
    "valid_from": "1999-12-31T00:00:00Z",
    "currency": "USD",
    "bucket": "RESERVED",
    "class_code": "RISK",
    "cap_id": "900",
    "subject": "nobody",
}
"""Of a key's columns that are no ids: what no row has."""


@dataclass(frozen=True)
class Tenant:
    """A tenant table as the catalogue knows it: its columns that can be written, key first."""

    name: str
    columns: list[str]
    key: list[str]
    foreign: list[str] = field(default_factory=list)
    """Columns, other than branch_id, that refer to another tenant table."""


async def tenant_tables(administrator: asyncpg.Connection) -> list[Tenant]:
    rows = await administrator.fetch(
        """
        select c.oid::regclass::text as name,
            array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0
                and not attisdropped and attgenerated = '' order by attnum) as columns,
            array(select attname::text from pg_index i join pg_attribute a on a.attrelid = c.oid
                and a.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisprimary
                and attname <> 'branch_id') as key,
            array(select distinct attname::text from pg_constraint k join pg_attribute a on a.attrelid = c.oid
                and a.attnum = any (k.conkey) where k.conrelid = c.oid and k.contype = 'f'
                and b.attnum = any (k.conkey) and attname <> 'branch_id' and attgenerated = '') as foreign
        from pg_class c join pg_attribute b on b.attrelid = c.oid and b.attname = 'branch_id'
        where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text !~ '^pg_' order by 1
        """
    )
    return [Tenant(**row) for row in rows]


@pytest.fixture(autouse=True)
async def every_privilege(administrator: asyncpg.Connection) -> None:
    """So that it is the policies that refuse, on every table, and not the grants before them."""
    await administrator.execute(
        f"grant select, insert, update, delete on all tables in schema bank to {Login.PORTAL}, {Login.CLIENT}"
    )


@pytest.fixture(scope="module")
def template(odd_template: str) -> str:
    """The small bank with something in nearly every table, to clone from."""
    return odd_template


@pytest.fixture
async def tables(administrator: asyncpg.Connection) -> list[Tenant]:
    """Every tenant table, each with rows in Shanghai and in Beijing."""
    for branch, currency in ((SHANGHAI, "CNY"), (BEIJING, "EUR")):
        await administrator.execute(something_everywhere(branch, currency))
    found = await tenant_tables(administrator)
    assert len(found) >= 9
    for table in found:
        there = await administrator.fetch(f"select distinct branch_id from {table.name}")
        assert {SHANGHAI, BEIJING} <= {row["branch_id"] for row in there}, (
            f"give {table.name} rows in the test"
        )
    return found


@dataclass(frozen=True)
class Outcome:
    """Everything that a caller learns from a statement."""

    answer: str
    code: str = ""
    detail: str = ""
    hint: str = ""
    constraint: str = ""

    def without(self, *values: object) -> Outcome:
        """The same with what the caller had said itself blotted out."""
        told = [self.answer, self.code, self.detail, self.hint, self.constraint]
        for value in values:
            told = [part.replace(str(value), "…") for part in told]
        return Outcome(*told)


@asynccontextmanager
async def entered(credentials: Credentials, login: Login) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(credentials.dsn(login), timeout=20)
    yield connection
    await connection.close()


async def tried(
    connection: asyncpg.Connection,
    statement: str,
    *values: object,
    branches: str | None = None,
    clients: str | None = None,
) -> Outcome:
    """What a statement answers under these settings; nothing of it is kept. Rows are told as JSON."""
    await connection.execute("begin")
    try:
        for setting, value in (("app.branches", branches), ("app.clients", clients)):
            if value is not None:
                await connection.execute("select set_config($1, $2, true)", setting, value)
        if statement.startswith("select"):
            rows = await connection.fetch(statement, *values)
            return Outcome(json.dumps([dict(row) for row in rows], default=str))
        return Outcome(await connection.execute(statement, *values))
    except asyncpg.PostgresError as error:
        told = (error.args[0], error.sqlstate, error.detail, error.hint, error.constraint_name)
        return Outcome(*(part or "" for part in told))
    finally:
        await connection.execute("rollback")


def is_nothing(outcome: Outcome) -> bool:
    return outcome.code != "" or outcome.answer in ("[]", '[{"count": 0}]', "UPDATE 0", "DELETE 0")


@pytest.mark.parametrize("login", [Login.PORTAL, Login.CLIENT])
async def test_a_scope_that_is_none_shows_nothing(
    credentials: Credentials, tables: list[Tenant], login: Login
) -> None:
    async with entered(credentials, login) as caller:
        for table in tables:
            for garbage in GARBAGE:
                outcome = await tried(
                    caller, f"select count(*) from {table.name}", branches=garbage, clients=CLIENTS
                )
                assert is_nothing(outcome), (table.name, garbage, outcome)


async def test_a_client_that_is_none_sees_nothing(credentials: Credentials, tables: list[Tenant]) -> None:
    async with entered(credentials, Login.CLIENT) as caller:
        for table in tables:
            for garbage in [*GARBAGE, f"{{{client_id(1)},x}}", str(client_id(1)), f"{{{UUID(int=0)}}}"]:
                outcome = await tried(
                    caller, f"select count(*) from {table.name}", branches=BRANCHES, clients=garbage
                )
                assert is_nothing(outcome), (table.name, garbage, outcome)


async def test_the_settings_that_are_a_scope_show_its_rows(
    credentials: Credentials, tables: list[Tenant]
) -> None:
    """So that the tests above are not satisfied by a role that sees nothing at all."""
    async with entered(credentials, Login.CLIENT) as caller:
        outcome = await tried(
            caller, "select branch_id, id from bank.client", branches=BRANCHES, clients=CLIENTS
        )
        assert {row["id"] for row in json.loads(outcome.answer)} == {str(client_id(1)), str(client_id(4))}
        outcome = await tried(caller, "select branch_id from bank.staff", branches=BRANCHES, clients=CLIENTS)
        assert {row["branch_id"] for row in json.loads(outcome.answer)} == {SHANGHAI, JIANGSU}
    async with entered(credentials, Login.PORTAL) as caller:
        for table in tables:
            outcome = await tried(
                caller, f"select distinct branch_id from {table.name}", branches=f"{{{SHANGHAI}}}"
            )
            assert outcome.answer == f'[{{"branch_id": {SHANGHAI}}}]', table.name


@pytest.mark.parametrize("login", [Login.PORTAL, Login.CLIENT, Login.HEADQUARTERS])
@pytest.mark.parametrize("branches", [None, "", "{}", "{NULL}", "all", f"{{{SHANGHAI}}}"])
async def test_no_foreign_row_can_be_changed_removed_or_made(
    credentials: Credentials,
    administrator: asyncpg.Connection,
    tables: list[Tenant],
    login: Login,
    branches: str | None,
) -> None:
    async with entered(credentials, login) as caller:
        for table in tables:
            where = f"where branch_id = {BEIJING}"
            for statement in (
                f"update {table.name} set branch_id = branch_id {where}",
                f"update {table.name} set branch_id = {SHANGHAI} {where}",
                f"delete from {table.name} {where}",
            ):
                outcome = await tried(caller, statement, branches=branches, clients=CLIENTS)
                assert is_nothing(outcome), (statement, outcome)
            row = await a_row(administrator, table, BEIJING)
            made = await inserted(caller, table, fresh(row, table), branches=branches)
            assert made.code in ("42501", "22P02"), (table.name, made)


@pytest.mark.parametrize("login", [Login.PORTAL, Login.HEADQUARTERS])
async def test_no_row_can_be_moved_to_a_branch_out_of_scope(
    credentials: Credentials, tables: list[Tenant], login: Login
) -> None:
    async with entered(credentials, login) as caller:
        for table in tables:
            outcome = await tried(
                caller,
                f"update {table.name} set branch_id = {BEIJING} where branch_id = {SHANGHAI}",
                branches=f"{{{SHANGHAI}}}",
            )
            # What only grows says no before anybody asks where to.
            assert outcome.code in ("42501", "23001"), (table.name, outcome)


async def test_headquarters_reads_all_and_writes_only_where_it_says_so(
    credentials: Credentials, administrator: asyncpg.Connection, tables: list[Tenant]
) -> None:
    async with entered(credentials, Login.HEADQUARTERS) as caller:
        for table in tables:
            everything = await administrator.fetchval(f"select count(*) from {table.name}")
            outcome = await tried(caller, f"select count(*) from {table.name}", branches="{}")
            assert outcome.answer == f'[{{"count": {everything}}}]'
            row = fresh(await a_row(administrator, table, BEIJING), table)
            assert (await inserted(caller, table, row, branches=f"{{{SHANGHAI}}}")).code == "42501"
            # The same row in scope is taken, or refused for nothing but what its own branch has already.
            allowed = await inserted(caller, table, row, branches=f"{{{SHANGHAI},{BEIJING}}}")
            # … or, where the key is another row's, since there is no such row.
            no_such = {"23503"} if set(table.key) & set(table.foreign) else set()
            assert allowed.code in {"", "23505"} | no_such, (table.name, allowed)


@pytest.mark.parametrize("login", [Login.PORTAL, Login.CLIENT])
async def test_a_foreign_id_answers_exactly_as_a_missing_one(
    credentials: Credentials, administrator: asyncpg.Connection, tables: list[Tenant], login: Login
) -> None:
    async with entered(credentials, login) as caller:
        for table in tables:
            foreign = await a_row(administrator, table, BEIJING)
            missing = fresh(foreign, table)
            match = " and ".join(f"{column}::text = ${n + 1}" for n, column in enumerate(table.key))
            for statement in (
                "select * from {} where {}",
                "select count(*) from {} where {}",
                "select * from {} where {} for update",
                "select * from {} where {} for key share",
                "update {} set branch_id = branch_id where {}",
                "delete from {} where {}",
            ):
                outcomes = {
                    await tried(
                        caller,
                        statement.format(table.name, match),
                        *(str(row[column]) for column in table.key),
                        branches=f"{{{SHANGHAI}}}",
                        clients=CLIENTS,
                    )
                    for row in (foreign, missing)
                }
                assert len(outcomes) == 1, (statement, outcomes)
                assert is_nothing(outcomes.pop())


@pytest.mark.parametrize("conflict", ["", "do nothing", "do update"])
@pytest.mark.parametrize("login", [Login.PORTAL, Login.HEADQUARTERS])
async def test_an_upsert_tells_nothing_of_a_foreign_row(
    credentials: Credentials,
    administrator: asyncpg.Connection,
    tables: list[Tenant],
    login: Login,
    conflict: str,
) -> None:
    async with entered(credentials, login) as caller:
        for table in tables:
            key = ", ".join(["branch_id", *table.key])
            set_ = ", ".join(f"{column} = excluded.{column}" for column in ["branch_id", *table.key])
            clause = {
                "": "",
                "do nothing": "on conflict do nothing",
                "do update": f"on conflict ({key}) do update set {set_}",
            }[conflict]
            foreign = await a_row(administrator, table, BEIJING)
            outcomes = {
                await inserted(caller, table, row, clause, branches=f"{{{SHANGHAI}}}")
                for row in (foreign, fresh(foreign, table))
            }
            assert len(outcomes) == 1, outcomes
            assert outcomes.pop().code == "42501"


async def test_no_unique_key_tells_what_another_branch_has(
    credentials: Credentials, administrator: asyncpg.Connection, tables: list[Tenant]
) -> None:
    """A copy of a foreign row, ids and names and all, is taken in one's own branch as if there were none."""
    async with entered(credentials, Login.PORTAL) as caller:
        for table in tables:
            row = await a_foreign_row_at_home(administrator, table)
            outcome = await inserted(caller, table, row, branches=f"{{{SHANGHAI}}}")
            assert outcome == Outcome("INSERT 0 1"), (table.name, outcome)


async def test_no_foreign_key_tells_what_another_branch_has(
    credentials: Credentials, administrator: asyncpg.Connection, tables: list[Tenant]
) -> None:
    referring = [(table, column) for table in tables for column in table.foreign]
    assert len(referring) >= 7
    async with entered(credentials, Login.PORTAL) as caller:
        for table, column in referring:
            home = await a_foreign_row_at_home(administrator, table)
            foreign = await administrator.fetchval(
                f"select {column}::text from {table.name} where branch_id = $1 and {column} is not null",
                BEIJING,
            )
            assert foreign, f"let a row of Beijing's {table.name} have a {column} in the test"
            outcomes = set()
            for value in (foreign, str(uuid4())):
                outcome = await inserted(caller, table, home | {column: value}, branches=f"{{{SHANGHAI}}}")
                outcomes.add(outcome.without(value))
            assert len(outcomes) == 1, outcomes
            refused = outcomes.pop()
            assert refused.code == "23503", (table.name, column, refused)
            assert foreign not in refused.answer + refused.detail


async def a_foreign_row_at_home(administrator: asyncpg.Connection, table: Tenant) -> dict[str, Any]:
    """Beijing's row as Shanghai would write it: for a client and a facility of Shanghai's that have nothing yet."""
    home = {name: str(uuid4()) for name in ("client_id", "facility_id")}
    somebody = await administrator.fetchval("select id::text from bank.staff where branch_id = $1", SHANGHAI)
    home |= dict.fromkeys(("relationship_manager_id", "staff_id", "assignee_id"), somebody)
    await administrator.execute(
        "insert into bank.client (branch_id, id, registration_country, registration_number, legal_name, currency) "
        f"values ({SHANGHAI}, '{home['client_id']}', 'CN', '{home['client_id']}', 'x', 'CNY');"
        "insert into bank.facility "
        "(branch_id, id, client_id, reference, product, currency, limit_minor, status) values "
        f"({SHANGHAI}, '{home['facility_id']}', '{home['client_id']}', '{home['facility_id']}', 'TERM_LOAN', "
        "'CNY', 1, 'ACTIVE');"
        # What is kept of the new client, so that a copy of it can be taken.
        f"delete from bank.client_fact where client_id = '{home['client_id']}'"
    )
    home |= await parents_at_home(administrator, BEIJING, SHANGHAI, home)
    row = await a_row(administrator, table, BEIJING)
    # A limit's parent is of its own branch where the limit is not the branch's own.
    referring = [*table.foreign, *(column for column in ("parent_branch_id", "parent_id") if column in row)]
    return row | {column: home[column] for column in referring} | {"branch_id": SHANGHAI}


async def test_no_lock_tells_what_another_branch_has(
    credentials: Credentials,
) -> None:
    """A row that Beijing holds locked makes nobody else wait."""
    async with (
        entered(credentials, Login.PORTAL) as beijing,
        entered(credentials, Login.PORTAL) as shanghai,
        beijing.transaction(),
    ):
        await beijing.execute(f"set local app.branches = '{{{BEIJING}}}'")
        assert await beijing.fetch("select id from bank.client for update")
        await shanghai.execute("set lock_timeout = '200ms'")
        for statement in (
            f"select id from bank.client where branch_id = {BEIJING} for update",
            f"update bank.client set email = 'x' where branch_id = {BEIJING}",
        ):
            assert is_nothing(await tried(shanghai, statement, branches=f"{{{SHANGHAI}}}"))


async def test_only_the_scopes_own_settings_and_nothing_else_can_widen_it(credentials: Credentials) -> None:
    """What a caller who could run SQL of its own might try short of stating another scope."""
    async with entered(credentials, Login.PORTAL) as caller:
        for statement in (
            "set role branchgraph_owner",
            "set role branchgraph_headquarters",
            "set session authorization branchgraph_headquarters",
            "set local session_replication_role = replica",
            "alter table bank.client disable row level security",
            "alter table bank.client no force row level security",
            "create policy mine on bank.client using (true)",
            "drop policy portal on bank.client",
            "create or replace function app.branches() returns int[] return '{6}'::int[]",
            "alter function app.branches() immutable",
            "create table bank.mine as table bank.client",
            "create schema mine",
            "truncate bank.contact",
            "create view bank.mine as table bank.client",
            "create statistics bank.mine on branch_id, id from bank.client",
            "copy bank.client to program 'cat'",
            "table pg_stat_activity",
            "select pg_stat_get_activity(null)",
            "select pg_read_file('/etc/passwd')",
            "table pg_authid",
            "table pg_statistic",
        ):
            outcome = await tried(caller, statement)
            assert outcome.code == "42501", (statement, outcome)
        await caller.execute("set row_security = off")
        assert (await tried(caller, "table bank.client", branches=BRANCHES)).code == "42501"


async def test_the_planners_statistics_are_kept_from_callers(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("analyze bank.client")
    async with entered(credentials, Login.PORTAL) as caller:
        seen = await tried(
            caller, "select count(*) from pg_stats where tablename = 'client'", branches=BRANCHES
        )
        assert is_nothing(seen)


async def test_a_plan_tells_no_foreign_number_of_rows(
    credentials: Credentials,
) -> None:
    """A function that tells what it is asked about is not asked about rows that the policy hides."""
    async with entered(credentials, Login.PORTAL) as caller:
        outcome = await tried(
            caller,
            "select legal_name from bank.client where 1 / (registered_capital_minor - 90000000000) <> 0",
            branches=f"{{{SHANGHAI}}}",
        )
        assert outcome.code == "", "Beijing's capital, which divides by zero, was looked at"


async def a_row(administrator: asyncpg.Connection, table: Tenant, branch: int) -> dict[str, Any]:
    text = await administrator.fetchval(
        f"select to_jsonb(t) from {table.name} t where branch_id = $1 order by {', '.join(table.key)} limit 1",
        branch,
    )
    row: dict[str, Any] = json.loads(text)
    return row


def fresh(row: dict[str, Any], table: Tenant) -> dict[str, Any]:
    """The same row under a key that nobody has."""
    return row | {column: FRESH.get(column) or str(uuid4()) for column in table.key}


async def inserted(
    caller: asyncpg.Connection,
    table: Tenant,
    row: dict[str, Any],
    conflict: str = "",
    *,
    branches: str | None,
) -> Outcome:
    columns = ", ".join(table.columns)
    statement = (
        f"insert into {table.name} ({columns}) "
        f"select {columns} from jsonb_populate_record(null::{table.name}, $1::jsonb) {conflict}"
    )
    return await tried(caller, statement, json.dumps(row), branches=branches)
