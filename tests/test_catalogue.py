"""The catalogue's lint: clean on a migrated database, and red for every wall that somebody takes down."""

# ruff: noqa: E501 - a hole is one line of SQL and one line of the lint

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from small_bank import BEIJING, JIANGSU, SmallBank, client_id
from sqlalchemy import select, text

from tenants.catalogue import findings, warnings
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL, Login
from tenants.scope import Scope

ALONE = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="changes the login roles, which belong to the whole server"
)

A_TABLE = "create table bank.x (branch_id int not null, id uuid, primary key (branch_id, id))"
SECURED = f"{A_TABLE}; alter table bank.x owner to {OWNER}; alter table bank.x enable row level security"

HOLES = {
    "rls_disabled": (
        "alter table bank.client disable row level security",
        "bank.client: row-level security is not enabled",
    ),
    "rls_not_forced": (
        "alter table bank.client no force row level security",
        "bank.client: row-level security is not forced",
    ),
    "owner": ("alter table bank.client owner to current_user", "bank.client: its owner is"),
    "policy_true": (
        f"create policy wide on bank.client to {PORTAL} using (true)",
        "bank.client: unknown policy wide",
    ),
    "policy_of_public": (
        "create policy wide on bank.client using (branch_id = 1)",
        "unknown policy wide for all to PUBLIC",
    ),
    "policy_of_another_role": (
        f"create policy o on bank.client to {OWNER} using (true)",
        "bank.client: unknown policy o",
    ),
    "policy_altered": (
        "alter policy portal on bank.client using (branch_id is not null)",
        "bank.client: unknown policy portal",
    ),
    "policy_check_lost": (
        "alter policy portal on bank.client with check (true)",
        "bank.client: unknown policy portal",
    ),
    "policy_widened_to_a_role": (
        f"alter policy headquarters_reads on bank.client to {HEADQUARTERS}, {PORTAL}",
        f"unknown policy headquarters_reads for select to {PORTAL}",
    ),
    "policy_client_without_client": (
        "alter policy client on bank.facility using (branch_id = any (app.branches()))",
        "bank.facility: unknown policy client",
    ),
    "policy_dropped": (
        "drop policy headquarters_updates on bank.posting",
        "bank.posting: policy missing: headquarters_updates",
    ),
    "policy_restrictive": (
        f"create policy r on bank.client as restrictive to {PORTAL} using (true)",
        "bank.client: policy r is restrictive",
    ),
    "policy_on_reference_table": (
        f"create policy p on bank.unit to {PORTAL} using (true)",
        "bank.unit: policies on a table without branch_id",
    ),
    "table_without_rls": (A_TABLE, "bank.x: row-level security is not enabled"),
    "table_without_policies": (SECURED, "bank.x: policy missing: portal"),
    "table_in_another_schema": (
        "create table public.x (branch_id int not null, id int, primary key (branch_id, id))",
        "public.x: row-level security is not enabled",
    ),
    "table_without_branch": (
        "create table bank.x (id uuid primary key)",
        "bank.x: it has no branch_id and is not listed",
    ),
    "partition": (
        "create table bank.p (branch_id int not null, id int, primary key (branch_id, id)) partition by list (branch_id); create table bank.x partition of bank.p default",
        "bank.x: row-level security is not enabled",
    ),
    "branch_nullable": ("create table bank.x (branch_id int, id int)", "bank.x: branch_id may be null"),
    "branch_not_int": (
        "create table bank.x (branch_id bigint not null, id int)",
        "bank.x: branch_id is not an int",
    ),
    "no_primary_key": ("create table bank.x (branch_id int not null, id int)", "bank.x: no primary key"),
    "primary_key_order": (
        "create table bank.x (branch_id int not null, id int, primary key (id, branch_id))",
        "bank.x: index x_pkey does not begin with branch_id and is an oracle",
    ),
    "unique_key": (
        "create unique index u on bank.client (registration_number, id)",
        "bank.client: index u does not begin with branch_id and is an oracle",
    ),
    "unique_constraint": (
        "alter table bank.client add constraint u unique (id)",
        "bank.client: index u does not begin with branch_id and is an oracle",
    ),
    "unique_key_partial": (
        "create unique index u on bank.client (legal_name, id) where status = 'ACTIVE'",
        "bank.client: index u does not begin with branch_id and is an oracle",
    ),
    "unique_key_with_branch_included_only": (
        "create unique index u on bank.client (id) include (branch_id)",
        "bank.client: index u does not begin with branch_id and is an oracle",
    ),
    "unique_key_of_an_allowed_name": (
        "drop index bank.ix_client_registration; create unique index ix_client_registration on bank.client (registration_number, id)",
        "ix_client_registration does not begin with branch_id and is an oracle",
    ),
    "exclusion_constraint": (
        "alter table bank.client add constraint u exclude using btree (id with =)",
        "bank.client: index u does not begin with branch_id and is an oracle",
    ),
    "index": (
        "create index slow on bank.client (legal_name_lc)",
        "bank.client: index slow does not begin with branch_id",
    ),
    "foreign_key": (
        "alter table bank.client add unique (id); alter table bank.contact add constraint k foreign key (client_id) references bank.client (id)",
        "bank.contact: foreign key k to bank.client does not pair",
    ),
    "foreign_key_crossed": (
        "create table bank.x (branch_id int not null, other int, id uuid, constraint k foreign key (other, id) references bank.client, primary key (branch_id, id))",
        "bank.x: foreign key k to bank.client does not pair",
    ),
    "foreign_key_of_reference_table": (
        "alter table bank.unit add b int, add i uuid, add constraint k foreign key (b, i) references bank.client",
        "bank.unit: foreign key k of a reference table",
    ),
    "foreign_key_set_null": (
        "alter table bank.credit_event add constraint k foreign key (branch_id, client_id, facility_id) references bank.facility (branch_id, client_id, id) on delete set null (facility_id)",
        "foreign key k changes rows by itself",
    ),
    "foreign_key_cascade": (
        "alter table bank.contact add constraint k foreign key (branch_id, client_id) references bank.client on update cascade",
        "foreign key k changes rows by itself",
    ),
    "truncate": (
        f"grant truncate on bank.client to {PORTAL}",
        f"bank.client: TRUNCATE is granted to {PORTAL}",
    ),
    "references": (
        f"grant references on bank.client to {PORTAL}",
        f"bank.client: REFERENCES is granted to {PORTAL}",
    ),
    "references_of_a_column": (
        f"grant references (id) on bank.client to {CLIENT}",
        f"bank.client: REFERENCES is granted to {CLIENT}",
    ),
    "trigger": (
        f"grant trigger on bank.client to {HEADQUARTERS}",
        f"bank.client: TRIGGER is granted to {HEADQUARTERS}",
    ),
    "public": ("grant select on bank.client to public", "bank.client: SELECT is granted to PUBLIC"),
    "grant_option": (
        f"grant select on bank.client to {PORTAL} with grant option",
        f"{PORTAL} may pass SELECT on",
    ),
    "client_writes": (
        f"grant update (email) on bank.contact to {CLIENT}",
        f"bank.contact: UPDATE is granted to {CLIENT}",
    ),
    "portal_writes_reference": (
        f"grant update on bank.unit to {PORTAL}",
        f"bank.unit: UPDATE on a reference table is granted to {PORTAL}",
    ),
    "revision_written": (
        f"grant update on app.alembic_version to {HEADQUARTERS}",
        "app.alembic_version: UPDATE is granted",
    ),
    "schema_create": (
        f"grant create on schema bank to {PORTAL}",
        f"schema bank: {PORTAL} may create objects",
    ),
    "schema_create_public": (
        "grant create on schema public to public",
        "schema public: PUBLIC may create objects",
    ),
    "database_create": (
        f"do $$ begin execute format('grant create on database %I to {PORTAL}', current_database()); end $$",
        f"database: {PORTAL} may create schemas",
    ),
    "view": ("create view bank.v as select * from bank.client", "bank.v: a view without security_invoker"),
    "view_security_definer": (
        "create view bank.v with (security_invoker = off) as select 1 as one",
        "bank.v: a view without security_invoker",
    ),
    "materialized_view": (
        "create materialized view bank.m as select * from bank.client",
        "bank.m: a materialized view",
    ),
    "rule": ("create rule r as on insert to bank.unit do also select 1", "bank.unit: it has rules"),
    "security_definer": (
        "create function bank.f() returns int language sql security definer as 'select 1'",
        "function bank.f(): security definer",
    ),
    "scope_function_immutable": (
        "alter function app.branches() immutable",
        "function app.branches(): is not STABLE",
    ),
    "scope_function_volatile": (
        "alter function app.clients() volatile",
        "function app.clients(): is not STABLE",
    ),
    "scope_function_unsafe": (
        "alter function app.branches() parallel unsafe",
        "function app.branches(): is not PARALLEL SAFE",
    ),
    "scope_function_definer": (
        "alter function app.branches() security definer",
        "function app.branches(): is SECURITY DEFINER",
    ),
    "scope_function_body": (
        "create or replace function app.branches() returns int[] stable parallel safe language sql return '{6}'::int[]",
        "function app.branches(): has another body",
    ),
    "scope_function_text": (
        "create or replace function app.branches() returns int[] stable parallel safe language sql as $$ select '{6}'::int[] $$",
        "function app.branches(): has another body",
    ),
    "scope_function_setting": (
        "alter function app.branches() set app.branches = '{6}'",
        "function app.branches(): has settings of its own",
    ),
    "scope_function_overloaded": (
        "create function app.branches(text) returns int[] language sql return null::int[]",
        "function app.branches(text): could be called",
    ),
    "scope_of_the_database": (
        "do $$ begin execute format('alter database %I set app.branches = ''{6}''', current_database()); end $$",
        "setting app.branches={6} of the database: must not be set",
    ),
    "scope_of_a_role_here": (
        f"do $$ begin execute format('alter role {PORTAL} in database %I set app.branches = ''{{6}}''', current_database()); end $$",
        f"setting app.branches={{6}} of role {PORTAL}",
    ),
    "login_owns": (f"alter table bank.client owner to {PORTAL}", f"role {PORTAL}: owns table bank.client"),
}

HOLES_OF_ROLES = {
    "superuser": (f"alter role {PORTAL} superuser", "is a superuser"),
    "bypass": (f"alter role {CLIENT} bypassrls", "bypass row-level security"),
    "create_role": (f"alter role {PORTAL} createrole", "create roles"),
    "create_db": (f"alter role {PORTAL} createdb", "create databases"),
    "replication": (f"alter role {PORTAL} replication", "to replicate"),
    "member_of_owner": (f"grant {OWNER} to {PORTAL}", f"is a member of {OWNER}"),
    "member_of_all_data": (f"grant pg_read_all_data to {CLIENT}", "is a member of pg_read_all_data"),
    "owner_logs_in": (f"alter role {OWNER} login", "allowed to log in"),
    "scope_of_a_role": (f"alter role {PORTAL} set app.branches = '{{6}}'", "must not be set"),
    "role_of_a_role": (f"alter role {PORTAL} set role = '{OWNER}'", "must not be set"),
}


async def test_a_migrated_database_is_in_order(administrator: asyncpg.Connection) -> None:
    assert await findings(administrator) == []


async def test_any_login_role_can_ask_and_is_told_the_same(
    database: Database, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(HOLES["truncate"][0])
    for login in Login:
        async with database.transaction(Scope(SmallBank.shanghai, login, ())) as transaction:
            assert await findings(transaction.connection) == await findings(administrator) != []
            assert await warnings(transaction.connection) == []


async def test_asking_changes_nothing_of_the_transaction_it_is_asked_in(
    database: Database, directory: Directory
) -> None:
    async with database.transaction(await directory.scope(SmallBank.jiangsu)) as transaction:
        before = await transaction.value(select(text("current_setting('search_path')")))
        await findings(transaction.connection)
        assert await transaction.value(select(text("current_setting('search_path')"))) == before
        assert await transaction.value(select(text("count(*) from bank.client"))) == 2


async def test_each_hole_is_found(administrator: asyncpg.Connection) -> None:
    """Made and undone one by one in a transaction; so the server's roles are left alone as well."""
    missed = {}
    for name, (statement, expected) in (HOLES | HOLES_OF_ROLES).items():
        await administrator.execute(f"begin; {statement}")
        found = await findings(administrator)
        await administrator.execute("rollback")
        if not any(expected in finding for finding in found):
            missed[name] = found
    assert missed == {}
    assert await findings(administrator) == []


async def test_the_privilege_to_maintain_is_found(administrator: asyncpg.Connection) -> None:
    if administrator.get_server_version() < (17,):
        pytest.skip("MAINTAIN exists from PostgreSQL 17")
    await administrator.execute(f"grant maintain on bank.client to {PORTAL}")
    assert await findings(administrator) == [f"bank.client: MAINTAIN is granted to {PORTAL}"]


async def test_temporary_tables_are_nobodys_business(credentials: Credentials) -> None:
    """Headquarters stages imports in them; they are seen by their own session only."""
    connection = await asyncpg.connect(credentials.dsn(Login.HEADQUARTERS))
    await connection.execute("create temporary table staged (branch_id int, id int)")
    assert await findings(connection) == []
    await connection.close()


@pytest.mark.parametrize(
    "grant",
    ["select on pg_catalog.pg_stat_activity", "execute on function pg_catalog.pg_stat_get_activity(int)"],
)
async def test_open_activity_is_a_warning(administrator: asyncpg.Connection, grant: str) -> None:
    await administrator.execute(f"grant {grant} to public")
    assert await findings(administrator) == []
    assert len(await warnings(administrator)) == len(Login)


# What each hole would let through: shown by a query, so that the lint is not taken at its word.


async def seen(database: Database, scope: Scope, relation: str = "bank.client") -> set[int]:
    async with database.transaction(scope) as transaction:
        rows = await transaction.rows(select(text(f"branch_id from {relation}")))
    return {row["branch_id"] for row in rows}


@pytest.mark.parametrize(
    "hole",
    ["rls_disabled", "policy_true", "policy_altered", "policy_widened_to_a_role", "scope_function_body"],
)
async def test_without_its_policy_a_table_shows_other_branches(
    database: Database, administrator: asyncpg.Connection, directory: Directory, hole: str
) -> None:
    jiangsu = await directory.scope(SmallBank.jiangsu)
    assert await seen(database, jiangsu) == {JIANGSU}
    await administrator.execute(HOLES[hole][0])
    assert BEIJING in await seen(database, jiangsu)


async def test_without_force_the_owner_sees_every_branch(administrator: asyncpg.Connection) -> None:
    async def as_owner() -> int:
        await administrator.execute(f"set role {OWNER}")
        rows: int = await administrator.fetchval("select count(*) from bank.client")
        await administrator.execute("reset role")
        return rows

    await administrator.execute(f"grant usage on schema app to {OWNER}")
    assert await as_owner() == 0
    await administrator.execute(HOLES["rls_not_forced"][0])
    assert await as_owner() == len(SmallBank().clients)


@pytest.mark.parametrize("plans", ["auto", "force_generic_plan"])
async def test_an_immutable_scope_keeps_the_first_callers_branches_for_the_second(
    credentials: Credentials, administrator: asyncpg.Connection, plans: str
) -> None:
    async def as_two_callers() -> list[set[int]]:
        answers = []
        async with _connected(credentials, Login.PORTAL) as connection:
            await connection.execute(f"set plan_cache_mode = {plans}")
            prepared = await connection.prepare("select branch_id from bank.client")
            for branch in (JIANGSU, BEIJING):
                async with connection.transaction():
                    await connection.execute(f"set local app.branches = '{{{branch}}}'")
                    answers.append({row["branch_id"] for row in await prepared.fetch()})
        return answers

    assert await as_two_callers() == [{JIANGSU}, {BEIJING}]
    await administrator.execute(HOLES["scope_function_immutable"][0])
    assert await as_two_callers() == [{JIANGSU}, {JIANGSU}]


async def test_an_immutable_scope_leaks_through_the_products_own_pool(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(HOLES["scope_function_immutable"][0])
    database = Database(credentials, connections=1)
    await database.open()
    for branch in (JIANGSU, BEIJING):
        answer = await seen(database, Scope(SmallBank.jiangsu, Login.PORTAL, (branch,)))
    assert answer == {JIANGSU}
    await database.close()


@asynccontextmanager
async def _connected(credentials: Credentials, login: Login) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(credentials.dsn(login), timeout=20)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("made", "relation"),
    [
        ("create table bank.x (branch_id int not null, id int, primary key (branch_id, id)); insert into bank.x select id, id from bank.unit", "bank.x"),
        (HOLES["view"][0], "bank.v"),
        (HOLES["materialized_view"][0], "bank.m"),
        ("create function bank.f() returns setof bank.client language sql security definer as 'select * from bank.client'; create view bank.v with (security_invoker) as select * from bank.f()", "bank.v"),
    ],
    ids=["table", "view", "materialized_view", "security_definer"],
)  # fmt: skip
async def test_a_relation_without_policies_of_its_own_shows_other_branches(
    database: Database, administrator: asyncpg.Connection, directory: Directory, made: str, relation: str
) -> None:
    await administrator.execute(f"{made}; grant select on {relation} to {PORTAL}")
    assert BEIJING in await seen(database, await directory.scope(SmallBank.jiangsu), relation)
    assert any(
        finding.startswith((f"{relation}:", "function bank.f()")) for finding in await findings(administrator)
    )


async def test_truncate_asks_no_policy(
    database: Database, administrator: asyncpg.Connection, directory: Directory
) -> None:
    await administrator.execute(f"grant truncate on bank.contact to {PORTAL}")
    async with database.transaction(await directory.scope(SmallBank.jiangsu), write=True) as transaction:
        await transaction.connection.execute("truncate bank.contact")
    assert await administrator.fetchval("select count(*) from bank.contact") == 0


@ALONE
async def test_a_member_of_the_owner_takes_the_wall_down(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    """NOINHERIT keeps nobody from SET ROLE."""
    await administrator.execute(f"grant {OWNER} to {PORTAL}")
    try:
        async with _connected(credentials, Login.PORTAL) as portal:
            await portal.execute(
                f"set role {OWNER}; alter table bank.client disable row level security; reset role"
            )
            assert await portal.fetchval("select count(*) from bank.client") == len(SmallBank().clients)
    finally:
        await administrator.execute(f"revoke {OWNER} from {PORTAL}")


async def test_a_unique_key_without_the_branch_tells_that_another_has_the_value(
    database: Database, administrator: asyncpg.Connection, directory: Directory
) -> None:
    await administrator.execute("alter table bank.contact add constraint u unique (name)")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction(await directory.scope(SmallBank.jiangsu), write=True) as transaction:
            await transaction.connection.execute(
                "insert into bank.contact (branch_id, id, client_id, name) "
                f"values ({JIANGSU}, gen_random_uuid(), '{client_id(3)}', 'Contact 5')"
            )


async def test_a_foreign_key_without_the_branch_tells_that_another_has_the_row(
    database: Database, administrator: asyncpg.Connection, directory: Directory
) -> None:
    await administrator.execute(
        "alter table bank.contact drop constraint fk_contact_branch_id_client_id; " + HOLES["foreign_key"][0]
    )
    insert = (
        "insert into bank.contact (branch_id, id, client_id, name) "
        f"values ({JIANGSU}, gen_random_uuid(), '%s', 'x')"
    )
    scope = await directory.scope(SmallBank.jiangsu)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.transaction(scope, write=True) as transaction:
            await transaction.connection.execute(insert % client_id(999))
    async with database.transaction(scope, write=True) as transaction:
        assert await transaction.connection.execute(insert % client_id(5)) == "INSERT 0 1"


async def test_a_scope_set_for_the_database_is_in_force_unasked(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(HOLES["scope_of_the_database"][0])
    async with _connected(credentials, Login.PORTAL) as portal:
        assert await portal.fetchval("select count(*) from bank.client") == 2
