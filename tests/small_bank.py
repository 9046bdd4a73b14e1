"""A bank small enough to know by heart: three branches, one of them with a sub-branch, seven clients.

    HQ ─ EAST ─ 310000 ─ 310000-01
       │      └ 320000
       └ NORTH ─ 110000

Huaxia Steel is a client of two branches; every other client of one. Each client has two facilities; the first
of each has three postings, the second of which was paid late and the third not at all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from domain.access import Caller, Role
from tenants import tables as t
from tenants.database import Database, Transaction
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.scope import Scope

HQ, EAST, NORTH, SHANGHAI, JIANGSU, BEIJING, PUDONG = range(1, 8)

UNITS = [
    (HQ, "HQ", "Headquarters", "HEADQUARTERS", None, None),
    (EAST, "EAST", "East China", "REGION", HQ, None),
    (NORTH, "NORTH", "North China", "REGION", HQ, None),
    (SHANGHAI, "310000", "Shanghai Branch", "BRANCH", EAST, "310000"),
    (JIANGSU, "320000", "Jiangsu Branch", "BRANCH", EAST, "320000"),
    (BEIJING, "110000", "Beijing Branch", "BRANCH", NORTH, "110000"),
    (PUDONG, "310000-01", "Pudong Sub-branch", "SUB_BRANCH", SHANGHAI, "310000"),
]

# branch, registration number, legal name, capital (minor units), grade
CLIENTS = [
    (SHANGHAI, "91310000607378229C", "Huangpu Shipping Co., Ltd.", 50_000_000_00, "A"),
    (SHANGHAI, "91310115MA1K35X12A", "华夏钢铁有限公司", 80_000_000_00, "B"),
    (PUDONG, "91310115660725290K", "Lujiazui Instruments Co., Ltd.", 3_000_000_00, "A"),
    (JIANGSU, "91320000134761223Q", "Suzhou Silk Co., Ltd.", 12_000_000_00, None),
    (JIANGSU, "91310115MA1K35X12A", "华夏钢铁有限公司", 80_000_000_00, "C"),
    (BEIJING, "91110000600037341L", "Beijing Telecom Equipment Co., Ltd.", 900_000_000_00, "A"),
    (BEIJING, "91110108551385082Q", "Zhongguancun Software Co., Ltd.", None, "B"),
]


def client_id(index: int) -> UUID:
    """The id of the client at this place of CLIENTS."""
    return _id(0xC, index)


def facility_id(index: int, number: int = 0) -> UUID:
    """The id of a client's first or second facility."""
    return _id(0xF, index * 10 + number)


def _id(kind: int, number: int) -> UUID:
    return UUID(f"0190{kind:04x}-0000-7000-8000-{number:012x}")


@dataclass(frozen=True)
class SmallBank:
    """What tests name: units by their ids, clients by their place in CLIENTS."""

    clients: list[tuple[Any, ...]] = field(default_factory=lambda: CLIENTS)

    headquarters = Caller("hana", Role.HEADQUARTERS_ADMINISTRATOR)
    analyst = Caller("anna", Role.HEADQUARTERS_ANALYST)
    east = Caller("rhea", Role.REGIONAL_MANAGER, office="EAST")
    shanghai = Caller("bo", Role.BRANCH_MANAGER, office="310000")
    jiangsu = Caller("jun", Role.BRANCH_MANAGER, office="320000")
    beijing = Caller("bei", Role.BRANCH_MANAGER, office="110000")
    huaxia = Caller("hua", Role.CLIENT_USER, client_registration="CN:91310115MA1K35X12A")


async def found_small_bank(database: Database) -> None:
    """Fill an empty, migrated database with the small bank."""
    founder = Caller("founder", Role.HEADQUARTERS_ADMINISTRATOR)
    async with database.transaction(Scope(founder, Login.HEADQUARTERS, ()), write=True) as transaction:
        await _reference(transaction)
    scope = await Directory(database).operator()
    async with database.transaction(scope, write=True) as transaction:
        await _staff(transaction)
        for index, client in enumerate(CLIENTS):
            await _client(transaction, index, client)


async def _reference(transaction: Transaction) -> None:
    for code, name in (("310000", "Shanghai"), ("320000", "Jiangsu"), ("110000", "Beijing")):
        await transaction.rows(insert(t.region).values(code=code, name=name, country="CN", macro_region="x"))
        await transaction.rows(
            insert(t.region_indicator).values(
                region_code=code, year=2023, indicator="gdp_growth", value=5, unit="%", source="test"
            )
        )
    for expected, code, name, kind, parent, region in UNITS:
        # The database counts, so that a unit made by a test gets the next number.
        made = await transaction.value(
            insert(t.unit)
            .values(code=code, name=name, kind=kind, parent_id=parent, region_code=region)
            .returning(t.unit.c.id)
        )
        assert made == expected


async def _staff(transaction: Transaction) -> None:
    for branch in (SHANGHAI, JIANGSU, BEIJING, PUDONG):
        await transaction.rows(
            insert(t.staff).values(
                branch_id=branch,
                id=_id(0x5, branch),
                code=f"M{branch}",
                name=f"Manager {branch}",
                role="RELATIONSHIP_MANAGER",
            )
        )


async def _client(transaction: Transaction, index: int, client: tuple[Any, ...]) -> None:
    branch, number, name, capital, grade = client
    own = {"branch_id": branch, "client_id": client_id(index)}
    await transaction.rows(
        insert(t.client).values(
            branch_id=branch,
            id=client_id(index),
            registration_country="CN",
            registration_number=number,
            legal_name=name,
            currency="CNY",
            registered_capital_minor=capital,
            credit_grade=grade,
            relationship_manager_id=_id(0x5, branch),
            relationship_since=dt.date(2015, 1, 1 + index),
        )
    )
    await transaction.rows(
        insert(t.contact).values(**own, id=_id(0xCC, index), name=f"Contact {index}", email="c@example.com")
    )
    await transaction.rows(
        insert(t.financial_statement).values(
            **own,
            id=_id(0xFA, index),
            period_end=dt.date(2023, 12, 31),
            period_months=12,
            currency="CNY",
            source="test",
            revenue_minor=100_000_00 * (index + 1),
        )
    )
    for number in range(2):
        await _facility(transaction, own, index, number)
    await transaction.rows(
        insert(t.credit_event).values(
            **own,
            id=_id(0xCE, index),
            facility_id=facility_id(index),
            kind="LATE_PAYMENT",
            occurred_on=dt.date(2024, 5, 2),
            source="test",
            reference=f"E{index}",
        )
    )


async def _facility(transaction: Transaction, own: dict[str, Any], index: int, number: int) -> None:
    await transaction.rows(
        insert(t.facility).values(
            **own,
            id=facility_id(index, number),
            reference=f"F-{index}-{number}",
            product="TERM_LOAN",
            currency="CNY",
            limit_minor=1_000_000_00 * (index + 1),
            outstanding_minor=400_000_00 * (index + 1) + number,
            status="ACTIVE",
            disbursed_on=dt.date(2024, 1, 1),
            matures_on=dt.date(2027, 1, 1 + number),
        )
    )
    paid = [dt.date(2024, 3, 31), dt.date(2024, 7, 20), None] if number == 0 else []
    for quarter, paid_on in enumerate(paid):
        await transaction.rows(
            insert(t.posting).values(
                **own,
                facility_id=facility_id(index, number),
                id=_id(0xB0, index * 10 + quarter),
                due_on=dt.date(2024, 3 + 3 * quarter, 30),
                paid_on=paid_on,
                currency="CNY",
                principal_minor=25_000_00,
                interest_minor=5_000_00,
            )
        )
