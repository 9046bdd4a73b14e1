"""The demo bank's limits: every unit's own, some of its largest clients', and what has been lent on the ledger."""

from __future__ import annotations

from pathlib import Path

from tenants.limits.opening import open_commitments, open_tops
from tenants.limits.shipped import ensure_authorities
from tenants.transaction import Transaction

CLIENT_LIMITS = Path(__file__).resolve().parent / "sql" / "client_limits.sql"


async def open_limits(transaction: Transaction) -> None:
    """Open the books of limits; asked again, only what has come since."""
    await open_tops(transaction)
    await ensure_authorities(transaction)
    await transaction.connection.execute(CLIENT_LIMITS.read_text(encoding="utf-8"))
    await open_commitments(transaction)
