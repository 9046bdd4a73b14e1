"""Which staged rows contradict what the bank has recorded and never rewrites, asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from domain.intake.rows import Plan
from domain.intake.targets import is_found_only
from domain.statements import UNBALANCED
from tenants.database import Transaction
from tenants.intake import statements
from tenants.intake.staging import OF_CLIENT, TO_CLIENT, table_columns

CONVERTED = "is kept in another currency, and amounts do not convert"
NO_SUCH_CLIENT = (
    "is not a client of this branch: import the client first, or check its registration and branch"
)
MOVED = "belongs to another client in this bank"

_WITH_OWN_REFERENCE = ("facility", "interaction", "complaint")

# Where the file is blank an old amount stays, in the minor units of the currency that it was given in. A client
# without capital has no such amount. A facility has postings besides its own amounts.
_CONVERTED = {
    "client": """
select s."row" from pg_temp.staged_client s
join bank.client t on (t.branch_id, t.registration_country, t.registration_number)
    = (s.branch_id, s.registration_country, s.registration_number)
where t.currency <> s.currency and t.registered_capital_minor is not null
""",
    "facility": """
select s."row" from pg_temp.staged_facility s
join bank.facility t on t.branch_id = s.branch_id and t.reference = s.reference
where t.currency <> s.currency
""",
    "client_month": f"""
select s."row" from pg_temp.staged_client_month s {TO_CLIENT}
join bank.client_month t on t.branch_id = s.branch_id and t.client_id = c.id and t.month = s.month
where t.currency <> s.currency
""",
    "financial_statement": statements.in_another_currency(TO_CLIENT),
}


async def contradictions(transaction: Transaction, plan: Plan) -> dict[int, tuple[str, str]]:
    """Place of the row → (entity, reason)."""
    found: dict[int, tuple[str, str]] = {}
    for entity, reason, asked in _asked(plan):
        for record in await transaction.connection.fetch(asked):
            found.setdefault(record["row"], (entity, reason))
    return found


def _asked(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """(entity, reason, the statement that finds the places), the first reason first."""
    columns = plan.columns
    makes_client = columns["client"] and not is_found_only("client", columns["client"])
    for entity in OF_CLIENT:
        if columns[entity] and not makes_client:
            yield "client", NO_SUCH_CLIENT, _without_client(entity)
    for entity, converted in _CONVERTED.items():
        if columns[entity] and (entity != "client" or makes_client):
            yield entity, CONVERTED, converted
    for entity in _WITH_OWN_REFERENCE:
        if columns[entity]:
            yield entity, MOVED, _moved(entity)
    if columns["credit_event"]:
        yield "credit_event", "is recorded otherwise, and events are not rewritten", _rewritten_events(plan)
    if columns["financial_statement"]:
        names = table_columns("financial_statement", columns["financial_statement"])
        yield "financial_statement", UNBALANCED, statements.unbalanced(names, TO_CLIENT)


def _without_client(entity: str) -> str:
    return f'select s."row" from pg_temp.staged_{entity} s left {TO_CLIENT.lstrip()} where c.id is null'


def _moved(entity: str) -> str:
    return f"""
select s."row" from pg_temp.staged_{entity} s
join bank.{entity} t on t.branch_id = s.branch_id and t.reference = s.reference
join bank.client c on c.branch_id = t.branch_id and c.id = t.client_id
where (c.registration_country, c.registration_number) is distinct from (s.client_country, s.client_number)
"""


def _rewritten_events(plan: Plan) -> str:
    columns = [c for c in table_columns("credit_event", plan.columns["credit_event"]) if c != "note"]
    old, new = (", ".join(f"{side}.{c}" for c in columns) for side in "ts")
    return (
        'select s."row" from pg_temp.staged_credit_event s join bank.credit_event t '
        "on (t.branch_id, t.source, t.reference, t.kind) = (s.branch_id, s.source, s.reference, s.kind) "
        f"where ({old}) is distinct from ({new})"
    )
