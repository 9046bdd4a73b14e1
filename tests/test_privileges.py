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
        "cap_posting": "insert",
        "client": "insert update",
        # By the triggers that keep the facts, as the writer.
        "client_fact": "insert update",
        "client_fact_version": "insert",
        "client_link": "insert update",
        "contact": "delete insert update",
        "credit_event": "insert",
        "financial_statement": "insert",
        "idempotency_key": "insert",
        # Booking on limits; what may be changed of them is granted by column.
        "limit_commitment": "insert",
        "limit_movement": "insert",
        "limit_node": "insert",
        # By the trigger that keeps the terms, as the writer.
        "limit_node_version": "insert",
        "limit_posting": "insert",
        # What a client has become, recorded by whoever changed its facts.
        "segment_history": "insert update",
        # What that asks to be done.
        "task": "insert update",
    }
    assert not [table for role, table in may if role == Login.CLIENT], "a client portal's login only reads"


async def test_a_branch_changes_of_limits_what_a_booking_changes_and_no_name_nor_origin(
    administrator: asyncpg.Connection,
) -> None:
    rows = await administrator.fetch(
        """select table_name, array_agg(column_name::text) as columns from information_schema.role_column_grants
           where table_schema = 'bank' and grantee = $1 and privilege_type = 'UPDATE'
             and table_name in ('limit_node', 'limit_node_version', 'limit_commitment', 'limit_movement',
                'limit_posting', 'cap_share', 'cap_posting')
           group by table_name""",
        PORTAL,
    )
    may = {row["table_name"]: set(row["columns"]) for row in rows}
    assert may.keys() == {"limit_node", "limit_node_version", "limit_commitment", "cap_share"}
    assert may["limit_node_version"] == {"valid_until"}
    assert may["cap_share"] == {"used_minor"}
    whose = {"branch_id", "id", "client_id", "facility_id", "product", "currency"}
    assert not may["limit_node"] & (whose | {"kind", "dealt_minor", "created_by", "parent_branch_id"})
    assert not may["limit_commitment"] & (whose | {"node_id", "opened_on", "syndication_id"})
