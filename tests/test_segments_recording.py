"""What clients become is recorded with the change that made it so; a daily round records what the day brings."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Server
from patience import PATIENCE_S
from rules_bank import DAY, RulesBank, Undo, activated, become, rules_bank, values
from small_bank import BEIJING, JIANGSU, SHANGHAI, SmallBank, client_id
from sqlalchemy import ARRAY, Integer, func, literal, literal_column, select

from api.segments_command import segments_command
from api.settings import Settings
from domain.conditions import Compare, Operator
from domain.segmentation.rules import Rule, RuleSet
from tenants.actions.clients import register
from tenants.organisation import Directory
from tenants.scope import scope_of_staff
from tenants.segments.migration_matrix import migration_matrix
from tenants.segments.recording import record_changes
from tenants.segments.settling import take_snapshot
from tenants.tables import segment_history
from tenants.transaction import Transaction

ON_THE_LIST = "update bank.client set watch_list = 'RED' where id = $1"
OFF_THE_LIST = "update bank.client set watch_list = null where id = $1"
GRADED = "update bank.client set credit_grade = $2 where id = $1"

CLIENT = {
    "registration_country": "CN",
    "registration_number": "91310000132202867J",
    "legal_name": "Pudong Foundry",
    "currency": "CNY",
}


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[RulesBank]:
    with rules_bank(server, template) as made:
        yield made


async def periods(
    transaction: Transaction, index: int, dimension: str = "creditGrade"
) -> list[tuple[str, str, bool]]:
    """A client's values in a dimension, each with its cause and whether it is the open one."""
    h = segment_history.c
    rows = await transaction.rows(
        select(h.value, h.cause, literal_column("valid_until = 'infinity'"))
        .where(h.client_id == client_id(index), h.dimension_code == dimension)
        .order_by(h.valid_from)
    )
    return [tuple(row) for row in rows]


def test_a_change_of_facts_opens_a_period_and_closes_the_one_before(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        assert await record_changes(transaction, bank.database.rules) == 0, "nothing is due"
        await transaction.connection.execute(GRADED, client_id(0), "C")
        assert await record_changes(transaction, bank.database.rules) == 1
        assert await periods(transaction, 0) == [("A", "SNAPSHOT", False), ("C", "CHANGE", True)]
        assert await periods(transaction, 0, "sizeClass") == [("MICRO", "SNAPSHOT", True)], "the others go on"
        # Within one transaction there is one moment: the value is put right.
        await transaction.connection.execute(GRADED, client_id(0), "B")
        await record_changes(transaction, bank.database.rules)
        await record_changes(transaction, bank.database.rules)
        assert await periods(transaction, 0) == [("A", "SNAPSHOT", False), ("B", "CHANGE", True)]
        touching = await transaction.connection.fetchval(
            "select count(*) from bank.segment_history one join bank.segment_history other "
            "on other.client_id = one.client_id and other.dimension_code = one.dimension_code "
            "and other.valid_from = one.valid_until"
        )
        assert touching == 1, "no gap between the two"

    bank.undone(act)


def test_a_new_client_begins_its_history_in_every_dimension(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        await register(transaction, JIANGSU, CLIENT)
        assert await record_changes(transaction, bank.database.rules) == 1
        rows = await transaction.connection.fetch(
            "select h.dimension_code, h.cause from bank.segment_history h join bank.client c "
            "on c.branch_id = h.branch_id and c.id = h.client_id where c.legal_name = 'Pudong Foundry'"
        )
        assert len({row["dimension_code"] for row in rows}) == len(rows) == 7
        assert {row["cause"] for row in rows} == {"CHANGE"}

    bank.undone(act)


def test_what_was_undone_is_not_due(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        await transaction.connection.execute("savepoint act")
        await transaction.connection.execute(GRADED, client_id(0), "C")
        await transaction.connection.execute("rollback to savepoint act")
        assert await transaction.connection.fetch("select * from app.segments_due()") == []

    bank.undone(act)


def test_a_branch_records_its_own_clients(bank: RulesBank) -> None:
    organisation = bank.runner.run(Directory(bank.database).organisation())

    async def act(transaction: Transaction) -> None:
        await transaction.connection.execute(GRADED, client_id(0), "C")
        assert await record_changes(transaction, bank.database.rules) == 1
        assert await periods(transaction, 0) == [("A", "SNAPSHOT", False), ("C", "CHANGE", True)]
        seen = await transaction.connection.fetch("select distinct branch_id from bank.segment_history")
        assert JIANGSU not in {row["branch_id"] for row in seen}

    bank.undone(act, scope_of_staff(SmallBank.shanghai, organisation))


def test_the_banks_clock_may_stand_before_the_last_change(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        await become(transaction, DAY - dt.timedelta(7))
        await transaction.connection.execute(GRADED, client_id(0), "C")
        assert await record_changes(transaction, bank.database.rules) == 1
        assert await periods(transaction, 0) == [("C", "SNAPSHOT", True)], "put right: time does not go back"

    bank.undone(act)


def test_writers_of_different_clients_do_not_wait_for_each_other(bank: RulesBank) -> None:
    async def change(index: int, mine: asyncio.Event, others: asyncio.Event) -> int:
        moved = 0
        try:
            async with bank.database.transaction(bank.scope, write=True) as transaction:
                await transaction.connection.execute(GRADED, client_id(index), "C")
                moved = await record_changes(transaction, bank.database.rules)
                mine.set()
                # Ends only when the other one has recorded as well.
                await asyncio.wait_for(others.wait(), PATIENCE_S)
                raise Undo
        except Undo:
            return moved

    async def both() -> tuple[int, int]:
        first, second = asyncio.Event(), asyncio.Event()
        one, other = await asyncio.gather(change(0, first, second), change(5, second, first))
        return one, other

    assert bank.runner.run(both()) == (1, 1)


def test_readers_go_on_with_the_old_rules_until_an_activation_ends(bank: RulesBank) -> None:
    plain = RuleSet("creditGrade", ("A", "B", "C"), (Rule("A", Compare("employees", Operator.GT, 0)),), "C")

    async def both() -> None:
        async def act(transaction: Transaction) -> None:
            await activated(transaction, plain)
            async with bank.database.transaction(bank.scope) as reading:
                before = await asyncio.wait_for(values(reading, "creditGrade"), PATIENCE_S)
            assert [value for _, value in before] == ["A", "B", "A", "C", "C", "A", "B"]
            assert {value for _, value in await values(transaction, "creditGrade")} == {"C"}

        try:
            async with bank.database.transaction(bank.scope, write=True) as transaction:
                await act(transaction)
                raise Undo
        except Undo:
            return

    bank.runner.run(both())


# The last two of the file: what they do stays in the database.
def test_a_daily_round_records_what_the_days_have_brought_and_a_matrix_tells_it(bank: RulesBank) -> None:
    # Instalments due on 30 September 2024 are unpaid: for 182 days on the first day, for 212 on the second.
    later = DAY + dt.timedelta(30)
    patient = RuleSet(
        "lifecycleStage",
        ("INTRODUCTION", "GROWTH", "MATURE", "DECLINE"),
        (Rule("GROWTH", Compare("daysPastDue", Operator.LTE, 200)),),
        "DECLINE",
    )

    async def on(day: dt.date) -> Any:
        async with bank.database.transaction(bank.scope, write=True) as transaction:
            await become(transaction, day)
        return await take_snapshot(bank.database, Directory(bank.database), lambda _: None)

    async def rounds() -> Any:
        async with bank.database.transaction(bank.scope, write=True) as transaction:
            await activated(transaction, patient)
        rounds = [await on(day) for day in (DAY, later, later)]
        scope = segment_history.c.branch_id == func.any(literal([BEIJING, SHANGHAI], ARRAY(Integer)))
        statements = [
            migration_matrix("lifecycleStage", DAY, later),
            migration_matrix("lifecycleStage", DAY - dt.timedelta(1), later, in_scope=scope, by_branch=True),
        ]
        async with bank.database.transaction(bank.scope) as transaction:
            return rounds, [[tuple(row) for row in await transaction.rows(one)] for one in statements]

    (_, second, again), (matrix, by_branch) = bank.runner.run(rounds())
    assert (second.clients, second.moved, again.moved) == (7, 7, 0), "another round finds nothing"
    assert matrix == [("GROWTH", "DECLINE", 7)]
    assert by_branch == [(SHANGHAI, None, "DECLINE", 2), (BEIJING, None, "DECLINE", 2)]


def test_the_daily_round_is_a_command(bank: RulesBank, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", bank.dsn)
    done = CliRunner().invoke(segments_command, ["snapshot"])
    assert done.exit_code == 0, done.output
    assert "7 clients, of which 0 have moved; tasks: 0 made, 0 cancelled, 0 changed" in done.output
