"""What a model makes of every region, computed and written down with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
from sqlalchemy import ARRAY, Integer, Table, delete, func, literal, select, text

from domain.divisions.climate import Judged, Portfolio, climate
from domain.divisions.economic import Indexed, tiers
from domain.divisions.industry import Cluster, clusters
from domain.divisions.json_form import read
from domain.divisions.models import (
    ClimateForm,
    DivisionForm,
    DivisionKind,
    EconomicForm,
    IndustryForm,
)
from tenants.database import Transaction
from tenants.divisions import figures
from tenants.tables import division, division_cluster, division_model, division_part

WRITTEN_ANEW = """
on conflict (region_code, model_id, year) do update
set class_code = excluded.class_code, index_value = excluded.index_value, reason = excluded.reason,
    missing = excluded.missing, computed_at = now()
"""
CLUSTERED, DIVERSE = "CLUSTERED", "DIVERSE"
"""The class of a region by industry: whether it has a cluster; what follows depends on which."""


@dataclass(frozen=True, slots=True)
class Divided:
    """What a model makes of a region in a year."""

    region_code: str
    year: int
    class_code: str | None
    index: Decimal | None
    reason: str
    missing: Sequence[str]
    parts: Sequence[Mapping[str, Any]] = ()
    clusters: Sequence[Cluster] = field(default=())


async def form_of(transaction: Transaction, model_id: int) -> DivisionForm:
    """The model's parameters and policies."""
    m = division_model
    row = await transaction.row(select(m.c.kind, m.c.parameters).where(m.c.id == model_id))
    assert row is not None
    return read(DivisionKind(row["kind"]), row["parameters"])


async def compute(transaction: Transaction, model_id: int) -> None:
    """Divide every region by the model, in every year that it can be, in place of what stood there."""
    found = await _divided(transaction, await form_of(transaction, model_id))
    await _write(transaction, model_id, found)


async def _divided(transaction: Transaction, form: DivisionForm) -> list[Divided]:
    match form:
        case EconomicForm():
            by_year = await figures.regions_by_year(transaction, form)
            return [
                _by_strength(code, year, indexed)
                for year, regions in sorted(by_year.items())
                for code, indexed in tiers(form, regions).items()
            ]
        case IndustryForm():
            found = clusters(
                form,
                await figures.portfolio_presences(transaction, form),
                await figures.official_presences(transaction, form),
            )
            year = (await figures.bank_day(transaction)).year
            return [
                _by_industry(code, year, [one for one in found if one.region_code == code])
                for code in await figures.region_codes(transaction)
            ]
        case ClimateForm():
            portfolios = await figures.portfolios(transaction, form)
            year = (await figures.bank_day(transaction)).year
            return [
                _by_climate(code, year, portfolio, climate(form, portfolio))
                for code in await figures.region_codes(transaction)
                for portfolio in [portfolios.get(code, Portfolio())]
            ]


def _by_strength(code: str, year: int, indexed: Indexed) -> Divided:
    parts = [
        {
            "indicator": part.indicator,
            "value": part.value,
            "unit": part.unit,
            "scaled": part.scaled,
            "weight": part.weight,
            "contribution": part.contribution,
            "class_code": None,
        }
        for part in indexed.parts
    ]
    return Divided(code, year, indexed.tier, indexed.index, indexed.reason, indexed.missing, parts)


def _by_industry(code: str, year: int, found: list[Cluster]) -> Divided:
    if not found:
        return Divided(code, year, DIVERSE, None, "no industry is a cluster there", ())
    strongest = max(found, key=lambda one: one.location_quotient)
    reason = (
        f"{strongest.industry_code} is {strongest.location_quotient} times as strong there as in the country"
    )
    return Divided(code, year, CLUSTERED, None, reason, (), clusters=found)


def _by_climate(code: str, year: int, portfolio: Portfolio, judged: Judged) -> Divided:
    known: dict[str, Any] = {"scaled": None, "weight": None, "contribution": None}
    counted = {"indicator": "borrowers", "value": Decimal(portfolio.borrowers), "unit": "clients"}
    left_out = {"indicator": "facilitiesLeftOut", "value": Decimal(portfolio.left_out)}
    parts = [known | counted | {"class_code": None}]
    parts += [
        known
        | {"indicator": one.figure, "value": one.value, "unit": "fraction", "class_code": one.speaks_for}
        for one in judged.readings
    ]
    if portfolio.left_out:
        unit = f"facilities in other currencies than {portfolio.currency}"
        parts.append(known | left_out | {"unit": unit, "class_code": None})
    return Divided(code, year, judged.climate, None, judged.reason, judged.missing, parts)


async def _write(transaction: Transaction, model_id: int, found: Sequence[Divided]) -> None:
    # A division keeps its id for as long as it stands: `region` names it.
    divisions = await _insert(transaction, division, _divisions(model_id, found), WRITTEN_ANEW)
    keys = {(row["region_code"], row["year"]): row["id"] for row in divisions}
    ids = list(keys.values())
    for table in (division_part, division_cluster):
        mine = table.c.division_id == func.any(literal(ids, ARRAY(Integer)))
        await transaction.rows(delete(table).where(mine))
    await _insert(transaction, division_part, _parts(keys, found))
    await _insert(transaction, division_cluster, _clusters(model_id, keys, found))


Keys = dict[tuple[str, int], int]


def _divisions(model_id: int, found: Iterable[Divided]) -> list[dict[str, Any]]:
    return [
        {
            "model_id": model_id,
            "region_code": one.region_code,
            "year": one.year,
            "class_code": one.class_code,
            "index_value": one.index,
            "reason": one.reason,
            "missing": list(one.missing),
        }
        for one in found
    ]


def _parts(keys: Keys, found: Iterable[Divided]) -> list[dict[str, Any]]:
    return [
        {"division_id": keys[one.region_code, one.year], "position": position, **part}
        for one in found
        for position, part in enumerate(one.parts, 1)
    ]


def _clusters(model_id: int, keys: Keys, found: Iterable[Divided]) -> list[dict[str, Any]]:
    return [
        {
            "division_id": keys[one.region_code, one.year],
            "model_id": model_id,
            "region_code": cluster.region_code,
            "industry_scheme": cluster.industry_scheme,
            "industry_code": cluster.industry_code,
            "class_code": cluster.class_code,
            "location_quotient": cluster.location_quotient,
            "clients": cluster.clients,
            "source": cluster.source,
        }
        for one in found
        for cluster in one.clusters
    ]


async def _insert(
    transaction: Transaction, table: Table, rows: Sequence[dict[str, Any]], on_conflict: str = ""
) -> list[asyncpg.Record]:
    """Write rows that all have the same columns, and read them: one statement, however many there are."""
    if not rows:
        return []
    columns = ", ".join(rows[0])
    written = orjson.dumps(rows, default=str).decode()
    statement = (
        f"insert into {table.fullname} ({columns}) select {columns} "
        f"from jsonb_populate_recordset(null::{table.fullname}, cast(:rows as jsonb)) {on_conflict} returning *"
    )
    return await transaction.rows(text(statement).bindparams(rows=written))
