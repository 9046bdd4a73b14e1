"""A change that comes over HTTP is booked on the bank's day, whatever the clock says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import asyncpg
from limit_bank import open_limits
from mutation_requests import gid
from serving_http import Site, site
from small_bank import SHANGHAI

from tenants.database import Database
from tenants.limits.expiring import expire_due
from tenants.organisation import KEPT_FOR_S, Directory

__all__ = ["site"]
CLOSING = dt.date(2025, 12, 31)
EARMARK = """mutation ($input: EarmarkQuotaInput!) { earmarkQuota(input: $input) {
    ... on UserError { code message }
    ... on EarmarkQuotaSuccess { movement { valueDate recordedAt commitment { openedOn status } } } } }"""


async def earmarked(site: Site, key: str) -> dict[str, Any]:
    amount = {"amount": "1000.00", "currency": "CNY"}
    given = {"idempotencyKey": key, "clientId": gid(0), "product": "TERM_LOAN", "amount": amount}
    answered = (await site.ask(EARMARK, {"input": given}, "officer:310000")).json()
    movement: dict[str, Any] = answered["data"]["earmarkQuota"]["movement"]
    return movement


async def test_a_booking_counts_on_the_banks_day_and_ends_by_it(
    site: Site, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await open_limits(administrator, day=CLOSING)
    movement = await earmarked(site, "k-1")
    assert movement["valueDate"] == movement["commitment"]["openedOn"] == CLOSING.isoformat()
    assert movement["recordedAt"].startswith(CLOSING.isoformat())

    later = CLOSING + dt.timedelta(days=60)
    await administrator.execute("update bank.business_day set day = $1", later)
    async with site.database.transaction(await directory.operator(), write=True) as transaction:
        assert await expire_due(transaction, [SHANGHAI]) == 1


async def test_another_day_counts_once_the_tree_is_read_anew(
    database: Database, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    now = 0.0
    ticking = Site(database, Directory(database, clock=lambda: now), tmp_path)
    await open_limits(administrator, day=CLOSING)
    assert (await earmarked(ticking, "k-1"))["valueDate"] == "2025-12-31"
    await administrator.execute("update bank.business_day set day = $1", CLOSING + dt.timedelta(days=1))
    now = KEPT_FOR_S + 1
    assert (await earmarked(ticking, "k-2"))["valueDate"] == "2026-01-01"
