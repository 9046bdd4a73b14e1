"""Regions divided in the database: models drafted, simulated and put in force, and what follows at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from division_bank import drafted, furnish, parameters, publish, writing
from sqlalchemy import func, select, text

from domain.divisions.models import DivisionKind
from domain.refusals import RefusalCode
from tenants import tables as t
from tenants.actions import divisions
from tenants.actions.divisions import Writing
from tenants.actions.once import Done, Refused
from tenants.database import Database, Transaction
from tenants.divisions.in_force import recompute
from tenants.divisions.shipped import ensure_default_divisions
from tenants.organisation import Directory
from tenants.segments.settling import settle
from tenants.segments.shipped import ACTIVATED_BY, ensure_defaults

ECONOMIC, INDUSTRY, CREDIT = DivisionKind


@pytest.fixture
async def bank(database: Database) -> Database:
    """The small bank with the shipped models in force."""
    async with writing(database) as transaction:
        await furnish(transaction)
    return database


async def classes(transaction: Transaction) -> dict[str, tuple[Any, ...]]:
    """What clients' facts know of each region: tier, index, climate."""
    c = t.region_class.c
    asked = select(c.region_code, c.economic_tier, c.economic_index, c.credit_climate)
    return {row[0]: tuple(row)[1:] for row in await transaction.rows(asked)}


async def clusters(transaction: Transaction) -> set[tuple[str, str]]:
    """What clients' facts know of clusters: region and industry."""
    c = t.region_cluster.c
    return {tuple(row) for row in await transaction.rows(select(c.region_code, c.industry_code))}


async def moves(transaction: Transaction, model_id: int) -> list[tuple[Any, ...]]:
    """Who would move by a simulation: region, industry, from, to, clients, exposure in CNY."""
    m, e = t.division_move, t.division_move_exposure
    asked = (
        select(
            m.c.region_code, m.c.industry_code, m.c.from_class, m.c.to_class, m.c.clients, e.c.exposure_minor
        )
        .outerjoin(e, (e.c.move_id == m.c.id) & (e.c.currency == "CNY"))
        .where(m.c.model_id == model_id)
        .order_by(m.c.region_code, m.c.industry_code)
    )
    return [tuple(row) for row in await transaction.rows(asked)]


async def test_a_bank_begins_with_the_shipped_models_and_its_regions_divided(bank: Database) -> None:
    async with writing(bank) as transaction:
        # Of .50 of the weight, in the shares .40, .30 and .30: income, growth, tertiary.
        assert await classes(transaction) == {
            "310000": ("CORE", Decimal("0.850000"), None),
            "320000": ("KEY", Decimal("0.400000"), None),
            "110000": ("UNDERDEVELOPED", Decimal("0.000000"), None),
        }
        missing = select(t.division.c.missing, t.division.c.reason).order_by(t.division.c.id)
        rows = [tuple(row) for row in await transaction.rows(missing)]
        assert rows[0][0] == ["gdpPerHead", "badLoanRate", "loansToGdp"]
        # Too little to tell, and that is said.
        assert ("borrowers" in rows[-1][0], "20 are needed" in rows[-1][1]) == (True, True)
        before = await transaction.rows(select(t.division).order_by(t.division.c.id))
        await ensure_default_divisions(transaction)
        # A second time nothing is added, and what is in force keeps its identity.
        after = await transaction.rows(select(t.division).order_by(t.division.c.id))
        assert [(r["id"], r["class_code"]) for r in after] == [(r["id"], r["class_code"]) for r in before]


async def test_new_figures_divide_regions_anew_and_the_year_before_stays(bank: Database) -> None:
    async with writing(bank) as transaction:
        for region, income in (("310000", 10), ("320000", 20), ("110000", 30)):
            await publish(transaction, region, 2024, "disposable_income_per_capita", income)
            await publish(transaction, region, 2024, "gdp_growth", income)
            await publish(transaction, region, 2024, "tertiary_share", income)
        await recompute(transaction)
        assert {code: of[0] for code, of in (await classes(transaction)).items()} == {
            "310000": "UNDERDEVELOPED",
            "320000": "KEY",
            "110000": "CORE",
        }
        by_year = (
            select(t.division.c.year, t.division.c.class_code)
            .where(t.division.c.region_code == "310000", t.division.c.index_value.is_not(None))
            .order_by(t.division.c.year)
        )
        assert [tuple(row) for row in await transaction.rows(by_year)] == [
            (2023, "CORE"),
            (2024, "UNDERDEVELOPED"),
        ]
        # Official figures make clusters where the bank itself has too few clients to tell.
        for region, industry, value in (("310000", "K70", 9), ("310000", "F51", 1), ("320000", "F51", 10)):
            place = {"region_code": region, "industry_scheme": "GB/T 4754-2017", "industry_code": industry}
            told = {"year": 2023, "indicator": "employment", "value": value, "unit": "x", "source": "test"}
            await transaction.rows(t.industry_indicator.insert().values(**place, **told))
        await recompute(transaction)
        assert await clusters(transaction) == {("310000", "K70"), ("320000", "F51")}


async def test_a_simulation_tells_who_would_move_and_moves_nobody(bank: Database) -> None:
    async with writing(bank) as transaction:
        before = await classes(transaction), await clusters(transaction)
        economic = await drafted(transaction, ECONOMIC, coreFrom="0.9")
        assert await moves(transaction, economic) == [
            # Shanghai and Pudong: clients 1 to 3, who owe 400,000 yuan each time their number, twice, and a cent.
            ("310000", None, "CORE", "KEY", 3, 480_000_003),
        ]
        climate = await drafted(transaction, CREDIT, leastClients=1)
        assert [(code, *rest[1:3]) for code, *rest in await moves(transaction, climate)] == [
            ("110000", None, "C"),
            ("310000", None, "C"),
            ("320000", None, "C"),
        ]
        industry = await drafted(transaction, INDUSTRY, leastClients=1)
        assert [move[:4] for move in await moves(transaction, industry)] == [
            ("110000", "I65", None, "TECHNOLOGY"),
            ("310000", "G55", None, "SERVICES"),
            ("320000", "C17", None, "MANUFACTURING"),
        ]
        assert (await classes(transaction), await clusters(transaction)) == before


async def test_what_comes_into_force_counts_at_once_and_archives_what_was(bank: Database) -> None:
    async with writing(bank) as transaction:
        for kind in (INDUSTRY, CREDIT):
            model_id = await drafted(transaction, kind, leastClients=1)
            assert await divisions.activate(transaction, "bea", model_id, 2) == Done((model_id,))
        assert await clusters(transaction) == {("110000", "I65"), ("310000", "G55"), ("320000", "C17")}
        assert {of[2] for of in (await classes(transaction)).values()} == {"C"}
        facts = text(
            "select count(*) from bank.client_facts where industry_is_cluster and credit_climate = 'C'"
        )
        assert await transaction.value(facts) == 6
        m = t.division_model.c
        asked = select(m.kind, m.number, m.status, m.activated_by).order_by(m.kind, m.number)
        assert [tuple(row) for row in await transaction.rows(asked)] == [
            ("CREDIT_CLIMATE", 1, "ARCHIVED", ACTIVATED_BY),
            ("CREDIT_CLIMATE", 2, "ACTIVE", "bea"),
            ("ECONOMIC", 1, "ACTIVE", ACTIVATED_BY),
            ("INDUSTRY", 1, "ARCHIVED", ACTIVATED_BY),
            ("INDUSTRY", 2, "ACTIVE", "bea"),
        ]
        # Fewer clusters: those that are no more leave the facts, too.
        model_id = await drafted(transaction, INDUSTRY, leastClients=1, clusterFrom="3")
        await divisions.activate(transaction, "bea", model_id, 2)
        assert await clusters(transaction) == {("320000", "C17")}


async def test_clients_whose_region_changes_are_recorded_in_their_history_afterwards(bank: Database) -> None:
    h = t.segment_history.c
    asked = (
        select(h.value, h.cause, func.count())
        .where(h.dimension_code == "regionTier", h.valid_until == text("'infinity'"))
        .group_by(h.value, h.cause)
        .order_by(h.value)
    )
    async with writing(bank) as transaction:
        await ensure_defaults(transaction)
    await settle(bank, Directory(bank), str)
    before = [("CORE", "ACTIVATION", 3), ("KEY", "ACTIVATION", 2), ("UNDERDEVELOPED", "ACTIVATION", 2)]
    async with writing(bank) as transaction:
        model_id = await drafted(transaction, ECONOMIC, coreFrom="0.9")
        done = await divisions.activate(transaction, "bea", model_id, 2)
        assert isinstance(done, Done)
        assert done.owes
        assert [tuple(row) for row in await transaction.rows(asked)] == before
    settled = await settle(bank, Directory(bank), str)
    assert settled is not None
    assert settled.moved == 3
    async with writing(bank) as transaction:
        after = [tuple(row) for row in await transaction.rows(asked)]
        assert after == [("KEY", "ACTIVATION", 5), ("UNDERDEVELOPED", "ACTIVATION", 2)]
    assert await settle(bank, Directory(bank), str) is None


async def test_one_who_wrote_a_model_does_not_put_it_in_force(
    bank: Database, administrator: asyncpg.Connection
) -> None:
    async with writing(bank) as transaction:
        model_id = await drafted(transaction, ECONOMIC)
        refused = await divisions.activate(transaction, "ada", model_id, 2)
        assert isinstance(refused, Refused)
        assert refused.refusal.code is RefusalCode.SECOND_PERSON_NEEDED
        # Whoever edits it is one of the first two: then neither may.
        await divisions.edit(transaction, "bea", model_id, 2, Writing("Another name"))
        for subject in ("ada", "bea"):
            told = await divisions.activate(transaction, subject, model_id, 3)
            assert isinstance(told, Refused)
            assert told.refusal.code is RefusalCode.STATUS_MAY_NOT_FOLLOW
        await divisions.simulate(transaction, "bea", model_id, 3)
        for subject in ("ada", "bea"):
            told = await divisions.activate(transaction, subject, model_id, 4)
            assert isinstance(told, Refused)
            assert told.refusal.code is RefusalCode.SECOND_PERSON_NEEDED
        assert await divisions.activate(transaction, "cai", model_id, 4) == Done((model_id,))
    # Nor does the database let anybody go around that, or have two of a kind in force.
    with pytest.raises(asyncpg.CheckViolationError, match="four_eyes"):
        await administrator.execute("update bank.division_model set activated_by = created_by")
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_division_model_active"):
        await administrator.execute(
            "update bank.division_model set status = 'ACTIVE' where kind = 'ECONOMIC'"
        )


async def test_an_edit_forgets_the_simulation_and_history_is_not_edited(bank: Database) -> None:
    async with writing(bank) as transaction:
        model_id = await drafted(transaction, ECONOMIC, coreFrom="0.9")
        changed = Writing(None, parameters(ECONOMIC, coreFrom="0.8"))
        assert await divisions.edit(transaction, "ada", model_id, 2, changed) == Done((model_id,))
        assert await moves(transaction, model_id) == []
        own = select(t.division.c.id).where(t.division.c.model_id == model_id)
        assert await transaction.rows(own) == []
        active = await transaction.value(select(t.region.c.economic_division_id).limit(1))
        in_force = await transaction.value(select(t.division.c.model_id).where(t.division.c.id == active))
        for act in (
            divisions.edit(transaction, "ada", in_force, 1, changed),
            divisions.simulate(transaction, "ada", in_force, 1),
            divisions.archive(transaction, "ada", in_force, 1),
            divisions.activate(transaction, "ada", model_id, 3),
        ):
            told = await act
            assert isinstance(told, Refused)
            assert told.refusal.code is RefusalCode.STATUS_MAY_NOT_FOLLOW
        told = await divisions.edit(transaction, "ada", model_id, 2, changed)
        assert isinstance(told, Refused)
        assert told.refusal.code is RefusalCode.CONFLICT
        assert await divisions.archive(transaction, "ada", model_id, 3) == Done((model_id,))
