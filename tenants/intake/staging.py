"""SQL of an import: temporary tables filled by COPY, and one set-based statement from each into its table.

COPY cannot fill a table under row-level security, so it fills temporary ones. Every name in these texts comes
from the declared targets, none from a file or a mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from domain.intake.rows import Plan, Row
from domain.intake.targets import KEYED_WITHIN, KEYS, NEEDS, TARGETS, Kind, is_found_only
from tenants.database import Transaction
from tenants.intake.statements import insert_restated

OF_CLIENT = tuple(entity for entity, needed in NEEDS.items() if needed == "client")
TENANT_ENTITIES = ("client", *OF_CLIENT)

_CLIENT = {
    "client_country": "c.registration_country",
    "client_number": "c.registration_number",
}
_EXTRA: dict[str, dict[str, str]] = {
    **dict.fromkeys(OF_CLIENT, _CLIENT),
    "credit_event": _CLIENT | {"facility_reference": "f.reference"},
    "region_indicator": {"region_code": "t.region_code"},
}
"""What a staged row carries beside its own columns, so that the rows it belongs to can be found."""

TO_CLIENT = """
join bank.client c on c.branch_id = s.branch_id
    and c.registration_country = s.client_country and c.registration_number = s.client_number"""
_TO_FACILITY = """
left join bank.facility f on f.branch_id = s.branch_id and f.reference = s.facility_reference"""
_JOINS = {**dict.fromkeys(OF_CLIENT, TO_CLIENT), "credit_event": TO_CLIENT + _TO_FACILITY}
_FOUND = {
    **{entity: {"client_id": "c.id"} for entity in OF_CLIENT},
    "credit_event": {"client_id": "c.id", "facility_id": "f.id"},
    "region_indicator": {"region_code": "s.region_code"},
}
"""Columns that the joins supply."""

_CHANGED = {
    "client": ("version = t.version + 1", "updated_at = now()"),
    "facility": ("version = t.version + 1",),
    # What an import says is confirmed by it.
    "client_link": ("version = t.version + 1", "recorded_by = null", "confirmed_by = null"),
}
"""What else changes with a row."""

_ONLY_GROWS = frozenset({"credit_event"})


@dataclass(frozen=True, slots=True)
class Staged:
    """One entity's statements."""

    entity: str
    create: str
    columns: tuple[str, ...]
    upsert: str


def staged(plan: Plan) -> list[Staged]:
    """The entities that this mapping makes, in the order in which they can be loaded."""
    return [
        _staged(entity, columns)
        for entity, columns in plan.columns.items()
        if columns and not is_found_only(entity, columns)
    ]


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
    return Staged(entity, create, ("row", *tenant, *extra, *columns), _upsert(entity, columns, key))


def _conflict_key(entity: str) -> list[str]:
    within = KEYED_WITHIN.get(entity)
    if within == "region":
        return ["region_code", *KEYS[entity]]
    of = ["client_id"] if within == "client" else []
    return ["branch_id", *of, *KEYS[entity]] if entity in TENANT_ENTITIES else list(KEYS[entity])


def _upsert(entity: str, columns: list[str], key: list[str]) -> str:
    """Writes the rows that say something new; returns their keys as `keys_of` tells them."""
    if entity == "financial_statement":
        return _with_registration(insert_restated(columns, TO_CLIENT), key)
    found = _FOUND.get(entity, {})
    own = ["branch_id", "id"] if entity in TENANT_ENTITIES else []
    into = [*own, *found, *columns]
    values = [*(f"s.{c}" for c in own), *found.values(), *(f"s.{c}" for c in columns)]
    keyed = ", ".join(found.get(c, f"s.{c}") for c in key)
    written = (
        f"insert into bank.{entity} as t ({', '.join(into)}) "
        f"select distinct on ({keyed}) {', '.join(values)} from pg_temp.staged_{entity} s"
        f"{_JOINS.get(entity, '')} "
        f'where s."row" >= $1 and s."row" < $2 order by {keyed}, s."row" '
        f"on conflict ({', '.join(key)}) {_on_conflict(entity, [c for c in columns if c not in key])} "
        f"returning {', '.join(f't.{c}' for c in key)}"
    )
    return _with_registration(written, key) if KEYED_WITHIN.get(entity) == "client" else written


def _with_registration(written: str, key: list[str]) -> str:
    """The keys of what was written, with the client's registration in place of its id."""
    own = ", ".join(f"w.{c}" for c in key if c not in ("branch_id", "client_id"))
    return (
        f"with written as ({written}) "
        f"select w.branch_id, c.registration_country, c.registration_number, {own} "
        "from written w join bank.client c on c.branch_id = w.branch_id and c.id = w.client_id"
    )


def _on_conflict(entity: str, columns: list[str]) -> str:
    """A blank of the file does not erase what the bank knows; a row that says nothing new is not written."""
    if entity in _ONLY_GROWS or not columns:
        return "do nothing"
    merged = {c: f"coalesce(excluded.{c}, t.{c})" for c in columns}
    changes = [*(f"{c} = {value}" for c, value in merged.items()), *_CHANGED.get(entity, ())]
    old, new = ", ".join(f"t.{c}" for c in merged), ", ".join(merged.values())
    return f"do update set {', '.join(changes)} where ({old}) is distinct from ({new})"


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
    if entity != "credit_event":
        return client
    facilities = row.entities.get("facility")
    return (*client, plan.key("facility", row, facilities[0])[1] if facilities else None)


def keys_of(plan: Plan, entity: str, branch_id: int, row: Row) -> list[tuple[Any, ...]]:
    """The keys, as the upsert returns them, of what the row brings of this entity."""
    keys = [plan.key(entity, row, made) for made in row.entities.get(entity, ())]
    return [(branch_id, *key[1:]) for key in keys] if entity in TENANT_ENTITIES else keys
