"""How a migration makes a table that only its tenant sees into: one helper, so that no step is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alembic import op
from sqlalchemy import ForeignKeyConstraint

from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

IN_SCOPE = "branch_id = any (app.branches())"


@dataclass(frozen=True, slots=True)
class Access:
    """What the login roles may do to a tenant table, within what their policies show them.

    `portal` and `headquarters` are those roles' privileges beside SELECT: no more than some action uses.
    `client_rows` is the condition under which a client portal's caller sees a row in scope (None: never).
    """

    portal: tuple[str, ...] = ()
    headquarters: tuple[str, ...] = ("insert", "update")
    client_rows: str | None = "client_id = any (app.clients())"


def tenant_table(name: str, *elements: Any, access: Access) -> None:
    """Create → distribute (on Citus) → foreign keys → row-level security → policies → grants → owner."""
    foreign_keys = [e for e in elements if isinstance(e, ForeignKeyConstraint)]
    op.create_table(name, *(e for e in elements if not isinstance(e, ForeignKeyConstraint)), schema="bank")
    _on_citus(f"create_distributed_table('bank.{name}', 'branch_id')")
    for key in foreign_keys:
        _add_foreign_key(name, key)
    secure_tenant_table(name, access)


def reference_table(name: str, *elements: Any) -> None:
    """A table that every role reads and headquarters writes; on Citus a copy on every node."""
    op.create_table(name, *elements, schema="bank")
    _on_citus(f"create_reference_table('bank.{name}')")
    op.execute(f"grant select on bank.{name} to {PORTAL}, {CLIENT}, {HEADQUARTERS}")
    op.execute(f"grant insert, update on bank.{name} to {HEADQUARTERS}")
    op.execute(f"alter table bank.{name} owner to {OWNER}")


def secure_tenant_table(name: str, access: Access) -> None:
    """Row-level security enabled and forced, with permissive policies only (Citus drops restrictive ones)."""
    table = f"bank.{name}"
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    for role, writes in ((PORTAL, access.portal), (HEADQUARTERS, access.headquarters)):
        op.execute(f"grant {', '.join(('select', *writes))} on {table} to {role}")
    for policy in _staff_policies(table):
        op.execute(policy)
    if access.client_rows:
        let_clients_read(name, access.client_rows)
    op.execute(f"alter table {table} owner to {OWNER}")


def let_clients_read(name: str, rows: str) -> None:
    """Show the client portal's caller the rows in scope for which the condition `rows` holds."""
    table = f"bank.{name}"
    op.execute(f"create policy client on {table} for select to {CLIENT} using ({IN_SCOPE} and {rows})")
    op.execute(f"grant select on {table} to {CLIENT}")


def _staff_policies(table: str) -> list[str]:
    return [
        f"create policy portal on {table} to {PORTAL} using ({IN_SCOPE}) with check ({IN_SCOPE})",
        f"create policy headquarters_reads on {table} for select to {HEADQUARTERS} using (true)",
        # Headquarters sees every row but writes only where the statement's scope says so.
        f"create policy headquarters_inserts on {table} for insert to {HEADQUARTERS} with check ({IN_SCOPE})",
        f"create policy headquarters_updates on {table} for update to {HEADQUARTERS} "
        f"using ({IN_SCOPE}) with check ({IN_SCOPE})",
        f"create policy headquarters_deletes on {table} for delete to {HEADQUARTERS} using ({IN_SCOPE})",
    ]


def _add_foreign_key(table: str, key: ForeignKeyConstraint) -> None:
    target = key.elements[0].target_fullname.rsplit(".", 1)[0].removeprefix("bank.")
    op.create_foreign_key(
        str(key.name),
        table,
        target,
        list(key.column_keys),
        [element.target_fullname.rsplit(".", 1)[1] for element in key.elements],
        source_schema="bank",
        referent_schema="bank",
    )


def _on_citus(call: str) -> None:
    op.execute(
        "do $$ begin if exists (select from pg_extension where extname = 'citus') "
        f"then perform {call}; end if; end $$"
    )
