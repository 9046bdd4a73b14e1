"""The demo bank's past month ends, from what its clients have paid back since: its own limits began today."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tenants.segments.recording import STATEMENT_LIMIT_S
from tenants.snapshots.months import begin_month, keep_month
from tenants.transaction import Transaction

MONTHS = 12
QUOTA_PAST = Path(__file__).resolve().parent / "sql" / "quota_past.sql"


async def keep_past_quotas(transaction: Transaction) -> None:
    """Keep the last twelve month ends, the earliest first; those that are there stay as they are."""
    day: dt.date = await transaction.connection.fetchval("select app.today()")
    ends = [day.replace(day=1) - dt.timedelta(days=1)]
    while len(ends) < MONTHS:
        ends.append(ends[-1].replace(day=1) - dt.timedelta(days=1))
    for ago, month_end in reversed(list(enumerate(ends))):
        if await begin_month(transaction, month_end):
            sql = QUOTA_PAST.read_text(encoding="utf-8")
            made = sql.replace("MONTH_END", f"{month_end}").replace("MONTHS", f"{ago + 1}")
            await transaction.connection.execute(made, timeout=STATEMENT_LIMIT_S)
            await keep_month(transaction, month_end)
