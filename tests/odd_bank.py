"""A bank in which every text is hard to write down: quotes, controls, scripts of every direction, nothing."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import asyncpg
from allocation_bank import share_out
from bank_facts import enrich
from compensation_bank import furnish as compensate
from division_bank import divide
from odd_caps import cap_everything
from odd_snapshots import keep_everything
from playbook_bank import classify_everybody, put_in_place
from quota_bank import limit_everything
from segment_rules import put_in_force, record_periods
from small_bank import BEIJING, HQ, SHANGHAI
from sqlalchemy import Table, Text, insert, select, update

from tenants import tables as t
from tenants.credentials import Credentials
from tenants.database import Database, Transaction, compiled
from tenants.organisation import Directory

ODD_TEXTS = [
    "",
    " ",
    '"',
    "\\",
    "\\u0041\\n\\\\",
    "tab\tline\r\nend",
    "\x01\x08\x0b\x0c\x1f\x7f",
    "100 % %s %1$s %%",
    "'; drop table x; -- $1 :name",
    "😀 👩‍👩‍👧 𝔘",
    "שלום עולם",
    "\u202eright to left\u202c",
    "\u2028\u2029\ufeff",
    '{"a":[null,"}"],"extensions":{}}',
    "</script>&<!--",
    "é e\u0301",
    "ΟΔΟΣ İnci Straße",
    "null",
    "x" * 300,
]
WRITTEN_ODDLY = {
    t.allocation_run: ["name", "explanation"],
    t.allocation_constraint: ["name"],
    t.quota_change: ["reason"],
    t.client: ["legal_name", "legal_representative", "industry_code", "city", "address", "phone", "email"],
    t.contact: ["name", "position", "phone", "email"],
    t.facility: ["purpose"],
    t.credit_event: ["note"],
    t.compensation_claim: ["reason"],
    t.compensation_fund: ["name"],
    t.scorecard_model: ["name"],
    t.staff: ["name", "email"],
    t.unit: ["name"],
    t.region: ["name", "local_name", "city_cluster"],
    t.division_model: ["name"],
    t.division_policy: ["note"],
    t.division_part: ["unit"],
    t.client_link: ["related_name"],
    t.group_derivation: ["derived_by"],
    t.concentration_cap: ["name", "preset"],
    t.regulatory_capital: ["recorded_by"],
    t.limit_node: ["name", "created_by"],
    t.limit_commitment: ["overridden_by"],
    t.playbook: ["name", "strategy", "contact_plan", "security_note"],
    t.playbook_item: ["title"],
    t.task: ["title", "outcome"],
}


async def furnish_oddly(credentials: Credentials) -> None:
    """Put odd rows into a clone of the small bank."""
    database = Database(credentials, connections=2)
    await database.open()
    try:
        scope = await Directory(database).operator()
        async with database.transaction(scope, write=True) as transaction:
            await _add_rows(transaction)
    finally:
        await database.close()
    administrator = await asyncpg.connect(credentials.url, timeout=60)
    try:
        await limit_everything(administrator)
        await cap_everything(administrator)
        await keep_everything(administrator)
        await _rewrite_oddly(administrator)
        await put_in_force(administrator)
        await record_periods(administrator)
        # As the server does by itself, sooner or later: without it, plans are made for tables of any size.
        await administrator.execute("analyze")
    finally:
        await administrator.close()


async def _add_rows(transaction: Transaction) -> None:
    """Add to the small bank; `transaction` writes to every branch."""
    await enrich(transaction)
    await put_in_place(transaction)
    await classify_everybody(transaction)
    for code in ("ö/%", '"\\\n'):
        await transaction.rows(insert(t.region).values(code=code, name=code, country="CN"))
        await transaction.rows(insert(t.region_indicator).values(**_indicator(code)))
    await divide(transaction)
    await transaction.rows(insert(t.group_derivation).values(**_derivation()))
    await compensate(transaction)
    await share_out(transaction)
    for number, (unit, status) in enumerate([(HQ, "RUNNING"), (SHANGHAI, "COMPLETED"), (BEIJING, "FAILED")]):
        await transaction.rows(insert(t.import_job).values(**_import(unit, number, status)))


async def _rewrite_oddly(administrator: asyncpg.Connection) -> None:
    """Put odd texts in place of all that may be rewritten; the administrator may where no role of ours may."""
    texts = itertools.cycle(ODD_TEXTS)
    for table, columns in WRITTEN_ODDLY.items():
        text, values = compiled(select(*table.primary_key.columns).order_by(*table.primary_key.columns))
        for record in await administrator.fetch(text, *values):
            text, values = compiled(_rewritten(table, record, columns, texts))
            await administrator.execute(text, *values)


def _rewritten(table: Table, record: Any, columns: list[str], texts: itertools.cycle[str]) -> Any:
    """Odd texts for one row; every third value that may be missing is."""
    chosen: dict[str, str | None] = {}
    for name in columns:
        assert isinstance(table.c[name].type, Text)
        text = next(texts)
        chosen[name] = None if table.c[name].nullable and len(text) % 3 == 2 else text
    return update(table).where(*(c == record[c.name] for c in table.primary_key.columns)).values(**chosen)


def _indicator(code: str) -> dict[str, Any]:
    named = {"region_code": code, "year": 2024, "indicator": "a:b/ö\\"}
    return {**named, "value": 0, "unit": "%", "source": "\t"}


def _derivation() -> dict[str, Any]:
    counted = {
        "links": 9,
        "companies": 4,
        "groups": 2,
        "clients": 3,
        "clients_changed": 0,
        "last_group_no": 2,
    }
    rule = {"control_share": 0, "guarantees_connect": True, "day": dt.date(2024, 2, 29)}
    id_ = "0190fffe-0000-7000-8000-000000000000"
    return {"branch_id": HQ, "id": id_, "derived_by": "x", **rule, **counted}


def _import(unit: int, number: int, status: str) -> dict[str, Any]:
    return {
        "branch_id": unit,
        "id": f"0190ffff-0000-7000-8000-{number:012x}",
        "mapping": "a%b",
        "file_name": f'file "{number}".csv',
        "file_sha256": f"{number}",
        "mapping_sha256": "0",
        "file_bytes": 2**62 + number,
        "status": status,
        "started_at": dt.datetime(2025, 1, 1, 0, 0, 0, 120_000, tzinfo=dt.UTC),
        "finished_at": None if status == "RUNNING" else dt.datetime(2025, 1, 2, tzinfo=dt.UTC),
    }
