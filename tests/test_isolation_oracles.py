"""Nothing that can be asked, tried or waited for tells what another tenant has."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from full_bank import parents_at_home
from policed_tables import (
    BRANCHES,
    CLIENTS,
    Outcome,
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
from small_bank import BEIJING, SHANGHAI

from tenants.credentials import Credentials
from tenants.roles import Login

__all__ = ["tables", "template"]


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
