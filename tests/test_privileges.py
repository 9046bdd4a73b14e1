"""What the grants allow, before any policy is asked."""

from __future__ import annotations

import asyncpg

from tenants.roles import OWNER, PORTAL, Login


async def test_each_role_may_do_no_more_than_some_action_does(administrator: asyncpg.Connection) -> None:
    rows = await administrator.fetch(
        """select grantee, table_name, string_agg(lower(privilege_type), ' ' order by privilege_type) as may
           from information_schema.role_table_grants
           where table_schema = 'bank' and grantee like 'branchgraph_%' and grantee <> $1
             and privilege_type <> 'SELECT'
           group by grantee, table_name""",
        OWNER,
    )
    may = {(row["grantee"], row["table_name"]): row["may"] for row in rows}
    assert {table: may[role, table] for role, table in may if role == PORTAL} == {
        "client": "insert update",
        # By the triggers that keep the facts, as the writer.
        "client_fact": "insert update",
        "client_fact_version": "insert",
        "client_link": "insert update",
        "contact": "delete insert update",
        "credit_event": "insert",
        "financial_statement": "insert",
        "idempotency_key": "insert",
        # What a client has become, recorded by whoever changed its facts.
        "segment_history": "insert update",
        # What that asks to be done.
        "task": "insert update",
    }
    assert not [table for role, table in may if role == Login.CLIENT], "a client portal's login only reads"
