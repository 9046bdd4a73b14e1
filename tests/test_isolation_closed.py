"""Whatever stands in the scope's settings and whatever a caller tries in SQL: no row of another tenant's.

The tables are asked of the catalogue, so that a new one is covered by being there.
"""

from __future__ import annotations

import json
from uuid import UUID

import asyncpg
import pytest
from policed_tables import (
    BRANCHES,
    CLIENTS,
    Tenant,
    a_row,
    entered,
    fresh,
    inserted,
    is_nothing,
    tables,
    template,
    tried,
)
from small_bank import BEIJING, JIANGSU, SHANGHAI, client_id

from tenants.credentials import Credentials
from tenants.roles import Login

__all__ = ["tables", "template"]

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
