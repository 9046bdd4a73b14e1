"""The default models that ship, one of each kind, for a bank that has none."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import func, insert, select, text

from domain.divisions.json_form import read
from domain.divisions.models import DivisionKind, DivisionStatus
from tenants.database import Transaction
from tenants.divisions.in_force import recompute
from tenants.divisions.policies import write_policies
from tenants.segments.shipped import ACTIVATED_BY
from tenants.tables import division_model
from tenants.tables.rules import SHIPPED_BY

SHIPPED = Path(__file__).resolve().parent / "shipped"
NAMES = {
    DivisionKind.ECONOMIC: "Economic strength, as shipped",
    DivisionKind.INDUSTRY: "Industry clusters, as shipped",
    DivisionKind.CREDIT_CLIMATE: "Credit climate, as shipped",
}
# One at a time: two that start a new bank at once would both find nothing.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('branchgraph divisions', 0))"


async def install_default_models(transaction: Transaction) -> None:
    """Give each kind without any model the shipped one, active. It divides nothing yet."""
    await transaction.rows(text(ONE_AT_A_TIME))
    known = {row["kind"] for row in await transaction.rows(select(division_model.c.kind).distinct())}
    for kind in DivisionKind:
        if kind not in known:
            await _install(transaction, kind)


async def ensure_default_divisions(transaction: Transaction) -> None:
    """Give each kind without any model the shipped one, and divide every region by what is in force.

    In headquarters' write scope, over every branch. Call it again after a load of regions or clients.
    """
    await install_default_models(transaction)
    await recompute(transaction)


async def _install(transaction: Transaction, kind: DivisionKind) -> None:
    written = (SHIPPED / f"{kind.value.lower()}.json").read_text(encoding="utf-8")
    made: int = await transaction.value(
        insert(division_model)
        .values(
            kind=kind,
            number=1,
            name=NAMES[kind],
            parameters=json.loads(written),
            status=DivisionStatus.ACTIVE,
            created_by=SHIPPED_BY,
            edited_by=SHIPPED_BY,
            activated_by=ACTIVATED_BY,
            activated_at=func.now(),
        )
        .returning(division_model.c.id)
    )
    await write_policies(transaction, made, read(kind, written))
