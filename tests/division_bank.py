"""The small bank with its regions divided: indicators, clients in industries, models in force and simulated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shipped_divisions import shipped
from small_bank import BEIJING, JIANGSU, PUDONG, SHANGHAI
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from domain.divisions.models import DivisionKind
from tenants import tables as t
from tenants.actions import divisions
from tenants.actions.divisions import Writing
from tenants.actions.once import Done
from tenants.database import Database, Transaction
from tenants.divisions.shipped import ensure_default_divisions
from tenants.organisation import Directory

SEATS = {SHANGHAI: "310000", PUDONG: "310000", JIANGSU: "320000", BEIJING: "110000"}
INDUSTRIES = {SHANGHAI: "G55", PUDONG: "I65", JIANGSU: "C17", BEIJING: "I65"}
# By region: disposable income per head, share of the tertiary sector, growth.
INDICATORS = {"310000": (80, 70, 5), "320000": (50, 50, 6), "110000": (40, 50, 4)}
NAMES = ("disposable_income_per_capita", "tertiary_share", "gdp_growth")


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[Transaction]:
    """A transaction of the operator's own commands."""
    scope = await Directory(database).operator()
    async with database.transaction(scope, write=True) as transaction:
        yield transaction


async def furnish(transaction: Transaction, *, year: int = 2023) -> None:
    """Seats and industries for the clients, indicators for the regions, and the shipped models in force."""
    for branch, seat in SEATS.items():
        place = {
            "region_code": seat,
            "industry_scheme": "GB/T 4754-2017",
            "industry_code": INDUSTRIES[branch],
        }
        elsewhere = t.client.c.branch_id == branch, t.client.c.region_code.is_(None)
        await transaction.rows(update(t.client).where(*elsewhere).values(place))
    for region, values in INDICATORS.items():
        for name, value in zip(NAMES, values, strict=True):
            await publish(transaction, region, year, name, value)
    await ensure_default_divisions(transaction)


async def publish(transaction: Transaction, region: str, year: int, name: str, value: int) -> None:
    """A region's indicator, published or corrected."""
    row = {"region_code": region, "year": year, "indicator": name, "value": value}
    given = insert(t.region_indicator).values(**row, unit="%", source="test")
    await transaction.rows(
        given.on_conflict_do_update(
            index_elements=["region_code", "year", "indicator"], set_={"value": value}
        )
    )


def parameters(kind: DivisionKind, **changes: Any) -> str:
    """The shipped model's JSON with some of its values changed."""
    return json.dumps(shipped(kind) | changes)


async def drafted(transaction: Transaction, kind: DivisionKind, **changes: Any) -> int:
    """A simulated draft of a model, by one who may not put it in force."""
    wanted = Writing(f"A draft of {kind}", parameters(kind, **changes))
    done = await divisions.draft(transaction, "ada", kind, None, wanted)
    assert isinstance(done, Done)
    (model_id,) = done.key
    assert isinstance(model_id, int)
    assert await divisions.simulate(transaction, "ada", model_id, 1) == done
    return model_id


async def divide(transaction: Transaction) -> None:
    """Rows of every kind: clusters and climates in force though the bank is small, moves that were simulated."""
    await furnish(transaction)
    for kind in (DivisionKind.INDUSTRY, DivisionKind.CREDIT_CLIMATE):
        model_id = await drafted(transaction, kind, leastClients=1)
        assert isinstance(await divisions.activate(transaction, "bea", model_id, 2), Done)
    await drafted(transaction, DivisionKind.INDUSTRY, leastClients=3)
    await drafted(transaction, DivisionKind.CREDIT_CLIMATE, leastClients=3)
    await drafted(transaction, DivisionKind.ECONOMIC, coreFrom="0.9", cityClusters=[])
