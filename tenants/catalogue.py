"""What the database's catalogue must show before anybody is served: each finding names a hole and its table.

The lint asks about every table there is, so a future one is held to the rules without anybody's remembering to
list it. It reads `pg_catalog` only, which every role may, and works on PostgreSQL 15 to 18.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL, Login

REFERENCE_TABLES = (
    "app.alembic_version",
    "bank.allocation_branch",
    "bank.allocation_constraint",
    "bank.allocation_proposal",
    "bank.allocation_run",
    "bank.allocation_snapshot",
    "bank.business_day",
    "bank.cap_pool",
    "bank.compensation_account",
    "bank.compensation_fund",
    "bank.compensation_funder",
    "bank.compensation_terms",
    "bank.concentration_cap",
    "bank.connection_rule",
    "bank.currency",
    "bank.delegated_authority",
    "bank.dimension",
    "bank.division",
    "bank.division_cluster",
    "bank.division_model",
    "bank.division_move",
    "bank.division_move_exposure",
    "bank.division_part",
    "bank.division_policy",
    "bank.division_policy_product",
    "bank.industry_indicator",
    "bank.limit_policy",
    "bank.playbook",
    "bank.playbook_item",
    "bank.playbook_product",
    "bank.quota_month",
    "bank.region",
    "bank.region_class",
    "bank.region_cluster",
    "bank.region_indicator",
    "bank.regulatory_capital",
    "bank.rule_set",
    "bank.rule_set_simulation",
    "bank.rules_change",
    "bank.scorecard_class",
    "bank.scorecard_indicator",
    "bank.scorecard_model",
    "bank.standing",
    "bank.unit",
    "jobs.pgqueuer",
    "jobs.pgqueuer_log",
    "jobs.pgqueuer_schedules",
    "jobs.pgqueuer_statistics",
)
"""Tables without branch_id: the same for every tenant, and so to be listed by name."""

INDEXES_ACROSS_BRANCHES = (
    "ix_cap_share_pool",
    "ix_client_group_group_no",
    "ix_client_link_related",
    "ix_client_registration",
)
"""Indexes that do not begin with branch_id: a token, a link, a group and a pool are found by what names them."""

ROWS_OF_A_CLIENT = {
    "bank.client": "(id = ANY (app.clients()))",
    # Not what the bank suspects of its client.
    "bank.credit_event": "(client_id = ANY (app.clients())) "
    "AND (kind <> ALL (ARRAY['MISUSE'::text, 'RELATED_PARTY_ABUSE'::text]))",
    "bank.staff": "(EXISTS ( SELECT FROM bank.client c WHERE ((c.branch_id = staff.branch_id) "
    "AND (c.relationship_manager_id = staff.id))))",
}
"""The client portal's condition where it is not about the table's own `client_id` alone."""

FUNCTIONS = {
    "app.branches()": (
        "integer[]",
        "(NULLIF(current_setting('app.branches'::text, true), ''::text))::integer[]",
    ),
    "app.clients()": ("uuid[]", "(NULLIF(current_setting('app.clients'::text, true), ''::text))::uuid[]"),
}

_LOGINS = ", ".join(f"'{login}'" for login in Login)
_REFERENCE = ", ".join(f"'{table}'" for table in REFERENCE_TABLES)
_ACROSS = ", ".join(f"'{index}'" for index in INDEXES_ACROSS_BRANCHES)


def _ours(catalogue: str, alias: str) -> str:
    """Objects of neither the system nor an extension; temporary ones count as the system's."""
    return (
        rf"n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (select from pg_depend d "
        f"where d.classid = '{catalogue}'::regclass and d.objid = {alias}.oid and d.deptype = 'e')"
    )


_KNOWN = f"""
with login as (
    select oid, rolname as name from pg_roles where rolname in ({_LOGINS})
), relation as (
    select c.oid, n.nspname || '.' || c.relname as name, c.relkind, c.relowner, c.relacl, c.reloptions,
        c.relrowsecurity, c.relforcerowsecurity, c.relhasrules,
        a.attnum as branch, a.atttypid as branch_type, a.attnotnull as branch_stated
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attribute a on a.attrelid = c.oid and a.attname = 'branch_id' and not a.attisdropped
    where c.relkind in ('r', 'p', 'f', 'v', 'm') and {_ours("pg_class", "c")}
), tenant as (
    select * from relation where relkind in ('r', 'p', 'f') and branch is not null
), reference as (
    select * from relation where relkind in ('r', 'p', 'f') and branch is null
), granted as (
    select r.oid, r.name, r.branch, x.grantee, x.privilege_type as privilege, x.is_grantable
    from relation r cross join lateral (
        select * from aclexplode(r.relacl)
        union all
        select e.* from pg_attribute a cross join lateral aclexplode(a.attacl) e where a.attrelid = r.oid
    ) x
    where x.grantee = 0 or x.grantee in (select oid from login)
)
"""

_TABLES = (
    # Who owns a table may switch its row-level security off.
    f"""select name || ': its owner is ' || pg_get_userbyid(relowner) || ', not {OWNER}' from relation
        where relkind in ('r', 'p', 'f') and pg_get_userbyid(relowner) <> '{OWNER}'
        and name <> 'app.alembic_version'""",
    "select name || ': row-level security is not enabled' from tenant where not relrowsecurity",
    "select name || ': row-level security is not forced on the owner' from tenant where not relforcerowsecurity",
    "select name || ': a foreign table has no row-level security' from relation where relkind = 'f'",
    "select name || ': branch_id may be null' from tenant where not branch_stated",
    "select name || ': branch_id is not an int' from tenant where branch_type <> 'int4'::regtype",
    f"""select name || ': it has no branch_id and is not listed as a reference table' from reference
        where name not in ({_REFERENCE})""",
    """select name || ': no primary key' from tenant t
        where not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)""",
    "select name || ': it has rules' from relation where relhasrules and relkind not in ('v', 'm')",
    """select name || ': a view without security_invoker reads as its owner' from relation where relkind = 'v'
        and not coalesce((select option_value::bool from pg_options_to_table(reloptions)
            where option_name = 'security_invoker'), false)""",
    "select name || ': a materialized view has no row-level security' from relation where relkind = 'm'",
)

# A unique key tells whoever inserts that the value is taken; so does a foreign key that it is there.
_KEYS = (
    f"""select t.name || ': index ' || c.relname || ' does not begin with branch_id' ||
            case when i.indisunique or i.indisexclusion then ' and is an oracle across tenants' else '' end
        from tenant t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
        where i.indkey[0] <> t.branch
        and (i.indisunique or i.indisexclusion or c.relname not in ({_ACROSS}))""",
    """select t.name || ': foreign key ' || k.conname || ' to ' || f.name || ' does not pair the branch_ids'
        from pg_constraint k join tenant t on t.oid = k.conrelid join tenant f on f.oid = k.confrelid
        where k.contype = 'f' and not exists (
            select from unnest(k.conkey, k.confkey) pair (here, there)
            where pair.here = t.branch and pair.there = f.branch)""",
    """select r.name || ': foreign key ' || k.conname || ' of a reference table to tenant table ' || f.name
        from pg_constraint k join reference r on r.oid = k.conrelid join tenant f on f.oid = k.confrelid
        where k.contype = 'f'""",
    """select r.name || ': foreign key ' || k.conname || ' changes rows by itself'
        from pg_constraint k join relation r on r.oid = k.conrelid
        where k.contype = 'f' and (k.confdeltype in ('n', 'd') or k.confupdtype in ('c', 'n', 'd'))""",
)

_PRIVILEGES = (
    """select distinct name || ': ' || privilege || ' is granted to PUBLIC' from granted where grantee = 0""",
    """select distinct name || ': ' || privilege || ' is granted to ' || pg_get_userbyid(grantee) from granted
        where grantee <> 0 and privilege not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')""",
    """select distinct name || ': ' || pg_get_userbyid(grantee) || ' may pass ' || privilege || ' on' from granted
        where grantee <> 0 and is_grantable""",
    f"""select distinct name || ': ' || privilege || ' is granted to {CLIENT}, which only reads' from granted
        where pg_get_userbyid(grantee) = '{CLIENT}' and privilege in ('INSERT', 'UPDATE', 'DELETE')""",
    f"""select distinct name || ': ' || privilege || ' on a reference table is granted to {PORTAL}' from granted
        where branch is null and pg_get_userbyid(grantee) = '{PORTAL}'
        and privilege in ('INSERT', 'UPDATE', 'DELETE')""",
    # What runs there runs for all branches.
    f"""select distinct name || ': ' || privilege || ' is granted to ' || pg_get_userbyid(grantee) ||
            ': the queue is headquarters\'' alone' from granted
        where name like 'jobs.%' and pg_get_userbyid(grantee) in ('{PORTAL}', '{CLIENT}')""",
    f"""select 'app.alembic_version: ' || privilege || ' is granted to {HEADQUARTERS}' from granted
        where name = 'app.alembic_version' and pg_get_userbyid(grantee) = '{HEADQUARTERS}'
        and privilege <> 'SELECT'""",
    f"""select 'schema ' || n.nspname || ': ' || coalesce(l.name, 'PUBLIC') || ' may create objects in it'
        from pg_namespace n
        cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
        left join login l on l.oid = x.grantee
        where x.privilege_type = 'CREATE' and (x.grantee = 0 or l.oid is not null)
        and {_ours("pg_namespace", "n")}""",
    """select 'database: ' || coalesce(l.name, 'PUBLIC') || ' may create schemas in it'
        from pg_database b cross join lateral aclexplode(coalesce(b.datacl, acldefault('d', b.datdba))) x
        left join login l on l.oid = x.grantee
        where b.datname = current_database() and x.privilege_type = 'CREATE'
        and (x.grantee = 0 or l.oid is not null)""",
)

_ROLES = (
    f"""select 'role ' || needed || ': missing' from unnest(array['{OWNER}', {_LOGINS}]) needed
        where not exists (select from pg_roles where rolname = needed)""",
    f"""select 'role ' || rolname || ': is ' || attribute from pg_roles cross join lateral (values
            (rolsuper, 'a superuser'), (rolbypassrls, 'allowed to bypass row-level security'),
            (rolcreaterole, 'allowed to create roles'), (rolcreatedb, 'allowed to create databases'),
            (rolreplication, 'allowed to replicate'), (rolcanlogin and rolname = '{OWNER}', 'allowed to log in')
        ) has (it, attribute)
        where it and rolname in ('{OWNER}', {_LOGINS})""",
    """select distinct 'role ' || l.name || ': is a member of ' || pg_get_userbyid(m.roleid)
        from pg_auth_members m join login l on l.oid = m.member""",
    # Temporary tables, in which headquarters stages imports, are recorded here as well.
    """select distinct 'role ' || l.name || ': owns ' || pg_describe_object(s.classid, s.objid, s.objsubid)
        from pg_shdepend s join login l on l.oid = s.refobjid and s.refclassid = 'pg_authid'::regclass
        where s.deptype = 'o' and s.dbid in (0, (select oid from pg_database where datname = current_database()))
        and not exists (select from pg_class c where s.classid = 'pg_class'::regclass and c.oid = s.objid
            and c.relpersistence = 't')""",
    # A default of the scope is a scope that nobody stated; the others switch the guards off.
    r"""select 'setting ' || setting || ' of ' ||
            coalesce('role ' || pg_get_userbyid(nullif(setrole, 0)), 'the database') || ': must not be set'
        from pg_db_role_setting cross join lateral unnest(setconfig) setting
        where setting ~ '^(app\.|search_path=|role=|session_authorization=|session_replication_role=)'
        and setdatabase in (0, (select oid from pg_database where datname = current_database()))
        and (setrole = 0 or setrole in (select oid from login))""",
)

_CODE = (
    f"""select 'function ' || p.oid::regprocedure || ': security definer runs as its owner'
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prosecdef and {_ours("pg_proc", "p")}""",
)

CHECKS = (*_TABLES, *_KEYS, *_PRIVILEGES, *_ROLES, *_CODE)
"""Each a query of one column: what is wrong, a row for each hole."""

_POLICIES = """
select t.name as table, p.polname as policy, p.polpermissive as permissive,
    case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
        when 'd' then 'delete' end as command,
    array(select coalesce(r.rolname, 'PUBLIC') from unnest(p.polroles) of (role)
        left join pg_roles r on r.oid = of.role order by 1)::text[] as roles,
    pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as checked
from relation t join pg_policy p on p.polrelid = t.oid
"""

_SCOPE_FUNCTIONS = """
select p.oid::regprocedure::text as name, p.provolatile::text as volatility, p.proparallel::text as parallel,
    l.lanname as language, p.prosecdef as definer, p.prorettype::regtype::text as returns, p.prokind::text as kind,
    pg_get_function_sqlbody(p.oid) as body, p.proconfig as settings
from pg_proc p join pg_language l on l.oid = p.prolang join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'app' and p.proname in ('branches', 'clients')
"""

_TENANT_TABLES = """
select t.name, exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'client_id'
    and not a.attisdropped) as of_client
from tenant t
"""

_ACTIVITY = """
select distinct what || ' is open to ' || l.name || ': it shows what other callers are asking'
from login l, lateral (values
    ('pg_stat_activity', has_table_privilege(l.oid, 'pg_catalog.pg_stat_activity', 'select')),
    ('pg_stat_get_activity()', has_function_privilege(l.oid, 'pg_catalog.pg_stat_get_activity(int)', 'execute'))
) shown (what, may)
where may
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """A row-level security policy as the catalogue prints it; conditions in one line."""

    name: str
    command: str
    role: str
    using: str | None
    checked: str | None


async def findings(connection: Any) -> list[str]:
    """Everything that opens a way around the tenants' walls, sorted; empty on a database in order."""
    async with _reading(connection):
        # In one statement, so that what all of them look through is gathered once.
        found = [row[0] for row in await connection.fetch(_KNOWN + " union all ".join(CHECKS))]
        tables = await connection.fetch(_KNOWN + _TENANT_TABLES)
        policies = await connection.fetch(_KNOWN + _POLICIES)
        functions = await connection.fetch(_SCOPE_FUNCTIONS)
    return sorted({*found, *_about_policies(tables, policies), *_about_functions(functions)})


async def warnings(connection: Any) -> list[str]:
    """What only the server's administrator can close, and a managed server's may not."""
    async with _reading(connection):
        return sorted(row[0] for row in await connection.fetch(_KNOWN + _ACTIVITY))


@asynccontextmanager
async def _reading(connection: Any) -> AsyncIterator[None]:
    """With a search path under which the catalogue prints every name of ours in full."""
    own = not connection.is_in_transaction()
    if own:
        await connection.execute("begin read only")
    before = await connection.fetchval("select current_setting('search_path')")
    try:
        await connection.execute("set local search_path = pg_catalog")
        yield
        await connection.execute("select set_config('search_path', $1, true)", before)
    finally:
        if own:
            await connection.execute("rollback")


def _about_policies(tables: Iterable[Any], policies: Iterable[Any]) -> Iterator[str]:
    found: dict[str, set[Policy]] = {}
    for row in policies:
        table, name = row["table"], row["policy"]
        if not row["permissive"]:
            yield f"{table}: policy {name} is restrictive, and Citus drops those"
        found.setdefault(table, set()).update(
            Policy(name, row["command"], role, _line(row["using"]), _line(row["checked"]))
            for role in row["roles"]
        )
    for row in tables:
        expected, allowed = _policies_of(row["name"], of_client=row["of_client"])
        there = found.pop(row["name"], set())
        yield from (f"{row['name']}: policy missing: {_told(policy)}" for policy in expected - there)
        yield from (f"{row['name']}: unknown policy {_told(policy)}" for policy in there - expected - allowed)
    yield from (f"{table}: policies on a table without branch_id" for table in found)


def _policies_of(table: str, *, of_client: bool) -> tuple[set[Policy], set[Policy]]:
    """The policies that a tenant table must have, and those that it may have."""
    scope = "(branch_id = ANY (app.branches()))"
    must = {
        Policy("portal", "all", PORTAL, scope, scope),
        Policy("headquarters_reads", "select", HEADQUARTERS, "true", None),
        Policy("headquarters_inserts", "insert", HEADQUARTERS, None, scope),
        Policy("headquarters_updates", "update", HEADQUARTERS, scope, scope),
        Policy("headquarters_deletes", "delete", HEADQUARTERS, scope, None),
    }
    own = ROWS_OF_A_CLIENT.get(table, "(client_id = ANY (app.clients()))" if of_client else None)
    may = {Policy("client", "select", CLIENT, f"({scope} AND {own})", None)} if own else set()
    return must, may


def _about_functions(functions: Iterable[Any]) -> Iterator[str]:
    there = {row["name"]: row for row in functions}
    yield from (f"function {name}: missing" for name in FUNCTIONS.keys() - there.keys())
    for name, row in there.items():
        returns, body = FUNCTIONS.get(name, (None, None))
        if returns is None:
            yield f"function {name}: could be called in place of the scope's own"
            continue
        wrong = {
            "is not STABLE": row["volatility"] != "s",
            "is not PARALLEL SAFE": row["parallel"] != "s",
            "is not a function in SQL": (row["language"], row["kind"]) != ("sql", "f"),
            "is SECURITY DEFINER": row["definer"],
            f"does not return {returns}": row["returns"] != returns,
            "has settings of its own": row["settings"] is not None,
            f"has another body: {_line(row['body'])}": _line(row["body"]) != f"RETURN {body}",
        }
        yield from (f"function {name}: {what}" for what, is_so in wrong.items() if is_so)


def _line(expression: str | None) -> str | None:
    return " ".join(expression.split()) if expression is not None else None


def _told(policy: Policy) -> str:
    return f"{policy.name} for {policy.command} to {policy.role} using {policy.using} with check {policy.checked}"
