"""SQL of an import: temporary tables filled by COPY, and one set-based statement from each into its table.

COPY cannot fill a table under row-level security, so it fills temporary ones. Every name in these texts comes
from the declared targets, none from a file or a mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from domain.intake.rows import Plan, Row
from domain.intake.targets import KEYS, TARGETS, Kind
from tenants.database import Transaction

TENANT_ENTITIES = ("client", "facility", "credit_event")

_OF_CLIENT = {
    "client_country": "c.registration_country",
    "client_number": "c.registration_number",
}
_EXTRA: dict[str, dict[str, str]] = {
    "facility": _OF_CLIENT,
    "credit_event": _OF_CLIENT | {"facility_reference": "f.reference"},
    "region_indicator": {"region_code": "t.region_code"},
}
"""What a staged row carries beside its own columns, so that the rows it belongs to can be found."""

_TO_CLIENT = """
join bank.client c on c.branch_id = s.branch_id
    and c.registration_country = s.client_country and c.registration_number = s.client_number"""
_TO_FACILITY = """
left join bank.facility f on f.branch_id = s.branch_id and f.reference = s.facility_reference"""
_JOINS = {"facility": _TO_CLIENT, "credit_event": _TO_CLIENT + _TO_FACILITY}
_FOUND = {
    "facility": {"client_id": "c.id"},
    "credit_event": {"client_id": "c.id", "facility_id": "f.id"},
    "region_indicator": {"region_code": "s.region_code"},
}
"""Columns that the joins supply."""

_CHANGED = {
    "client": ("version = t.version + 1", "updated_at = now()"),
    "facility": ("version = t.version + 1",),
}
"""What else changes with a row."""

_ONLY_GROWS = frozenset({"credit_event"})


@dataclass(frozen=True, slots=True)
class Staged:
    """One entity's statements. `rows` maps each key to the places, within the batch, that bring it."""

    entity: str
    create: str
    columns: tuple[str, ...]
    upsert: str
    key_width: int


def staged(plan: Plan) -> list[Staged]:
    """The entities that this mapping fills, in the order in which they can be loaded."""
    return [_staged(entity, columns) for entity, columns in plan.columns.items() if columns]


def table_columns(entity: str, names: tuple[str, ...]) -> list[str]:
    """The table's columns of these targets: amounts are kept in minor units and named for it."""
    return [f"{n}_minor" if TARGETS[entity][n].kind is Kind.AMOUNT else n for n in names]


def _staged(entity: str, names: tuple[str, ...]) -> Staged:
    columns, extra = table_columns(entity, names), _EXTRA.get(entity, {})
    tenant = ["branch_id", "id"] if entity in TENANT_ENTITIES else []
    selected = [*(f"t.{c}" for c in tenant), *(f"{e} as {n}" for n, e in extra.items())]
    selected += [f"t.{c}" for c in columns]
    tables = f"bank.{entity} t"
    tables += ", bank.client c" if "client_number" in extra else ""
    tables += ", bank.facility f" if "facility_reference" in extra else ""
    create = (
        f"create temporary table staged_{entity} on commit drop as "
        f'select 0 as "row", {", ".join(selected)} from {tables} with no data'
    )
    key = _conflict_key(entity)
    return Staged(entity, create, ("row", *tenant, *extra, *columns), _upsert(entity, columns, key), len(key))


def _conflict_key(entity: str) -> list[str]:
    if entity in TENANT_ENTITIES:
        return ["branch_id", *KEYS[entity]]
    return [*_FOUND.get(entity, {}), *KEYS[entity]]


def _upsert(entity: str, columns: list[str], key: list[str]) -> str:
    found = _FOUND.get(entity, {})
    own = ["branch_id", "id"] if entity in TENANT_ENTITIES else []
    into = [*own, *found, *columns]
    values = [*(f"s.{c}" for c in own), *found.values(), *(f"s.{c}" for c in columns)]
    keyed = ", ".join(f"s.{c}" for c in key)
    return (
        f"insert into bank.{entity} as t ({', '.join(into)}) "
        f"select distinct on ({keyed}) {', '.join(values)} from pg_temp.staged_{entity} s"
        f"{_JOINS.get(entity, '')} "
        f'where s."row" >= $1 and s."row" < $2 order by {keyed}, s."row" '
        f"on conflict ({', '.join(key)}) {_on_conflict(entity, [c for c in columns if c not in key])} "
        f"returning {', '.join(f't.{c}' for c in key)}"
    )


def _on_conflict(entity: str, columns: list[str]) -> str:
    """A blank of the file does not erase what the bank knows; a row that says nothing new is not written."""
    if entity in _ONLY_GROWS or not columns:
        return "do nothing"
    merged = {c: f"coalesce(excluded.{c}, t.{c})" for c in columns}
    changes = [*(f"{c} = {value}" for c, value in merged.items()), *_CHANGED.get(entity, ())]
    old, new = ", ".join(f"t.{c}" for c in merged), ", ".join(merged.values())
    return f"do update set {', '.join(changes)} where ({old}) is distinct from ({new})"


_MOVED_FACILITIES = """
select s."row" from pg_temp.staged_facility s
join bank.facility t on t.branch_id = s.branch_id and t.reference = s.reference
join bank.client c on c.branch_id = t.branch_id and c.id = t.client_id
where (c.registration_country, c.registration_number) is distinct from (s.client_country, s.client_number)
"""
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
}


async def contradictions(transaction: Transaction, plan: Plan) -> dict[int, tuple[str, str]]:
    """Which staged rows contradict what the bank has recorded and never rewrites: place → (entity, reason)."""
    found: dict[int, tuple[str, str]] = {}
    connection = transaction.connection
    for entity, converted in _CONVERTED.items():
        if plan.columns[entity]:
            for record in await connection.fetch(converted):
                found[record["row"]] = (entity, "is kept in another currency, and amounts do not convert")
    if plan.columns["facility"]:
        for record in await connection.fetch(_MOVED_FACILITIES):
            found[record["row"]] = ("facility", "belongs to another client in this bank")
    if plan.columns["credit_event"]:
        for record in await connection.fetch(_rewritten_events(plan)):
            found[record["row"]] = ("credit_event", "is recorded otherwise, and events are not rewritten")
    return found


def _rewritten_events(plan: Plan) -> str:
    columns = [c for c in table_columns("credit_event", plan.columns["credit_event"]) if c != "note"]
    old, new = (", ".join(f"{side}.{c}" for c in columns) for side in "ts")
    return (
        'select s."row" from pg_temp.staged_credit_event s join bank.credit_event t '
        "on (t.branch_id, t.source, t.reference, t.kind) = (s.branch_id, s.source, s.reference, s.kind) "
        f"where ({old}) is distinct from ({new})"
    )


async def copy(
    transaction: Transaction, plan: Plan, tables: list[Staged], rows: list[tuple[int, Row]]
) -> None:
    """Fill the temporary tables with (branch id, row) in order; a row's place in the list is its number."""
    for table in tables:
        await transaction.connection.execute(table.create)
        await transaction.connection.copy_records_to_table(
            f"staged_{table.entity}", records=_records(plan, table, rows), columns=list(table.columns)
        )
        # Without it the planner takes the new table for empty, and would read all of the bank's clients.
        await transaction.connection.execute(f"analyze staged_{table.entity}")


def _records(plan: Plan, table: Staged, rows: list[tuple[int, Row]]) -> list[tuple[Any, ...]]:
    records: list[tuple[Any, ...]] = []
    for place, (branch_id, row) in enumerate(rows):
        for made in row.entities.get(table.entity, ()):
            extra = _extra(plan, table.entity, row)
            own = (branch_id, uuid7()) if table.entity in TENANT_ENTITIES else ()
            records.append((place, *own, *extra, *made))
    return records


def _extra(plan: Plan, entity: str, row: Row) -> tuple[Any, ...]:
    if entity == "region_indicator":
        return plan.key("region", row, row.entities["region"][0])
    if entity not in _JOINS:
        return ()
    client = plan.key("client", row, row.entities["client"][0])[1:]
    if entity == "facility":
        return client
    facilities = row.entities.get("facility")
    return (*client, plan.key("facility", row, facilities[0])[1] if facilities else None)


def keys_of(plan: Plan, entity: str, branch_id: int, row: Row) -> list[tuple[Any, ...]]:
    """The keys, as the upsert returns them, of what the row brings of this entity."""
    keys = [plan.key(entity, row, made) for made in row.entities.get(entity, ())]
    return [(branch_id, *key[1:]) for key in keys] if entity in TENANT_ENTITIES else keys
