"""Tasks follow the playbook of a client's type: made once, cancelled with it, repeated when done."""

from __future__ import annotations

import asyncio
import calendar
import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from conftest import Server
from playbook_bank import DAY, become, classify, cloned, key_of, record, tasks_of, writing
from sqlalchemy import func, select, update

from domain.playbooks import Item
from tenants import tables as t
from tenants.database import Database, Transaction
from tenants.playbooks.settling import Settled, apply_playbooks, due_tasks
from tenants.playbooks.shipped import ensure_playbooks, shipped_playbooks

pytestmark = pytest.mark.asyncio(loop_scope="module")
AT_RISK = {"STRICT_REVIEW", "LIMIT_CUT", "ADDITIONAL_SECURITY", "MONTHLY_WATCH", "SITE_VISIT"}
STABLE = {"REPAYMENT_REMINDER", "SERVICE_CALL", "CROSS_SELLING", "ANNUAL_REVIEW"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bank(server: Server, template: str) -> AsyncIterator[Database]:
    """The small bank with the shipped playbooks in force; each test has a client of its own."""
    async with cloned(server, template) as database:
        yield database


async def finish(transaction: Transaction, index: int, code: str, on: dt.date) -> None:
    """Complete a client's open task on a day, and let its playbook follow."""
    await become(transaction, on)
    open_now = (await tasks_of(transaction, index))[code]
    done = {"status": "DONE", "done_at": func.app.moment(), "done_by": "rita"}
    await transaction.rows(update(t.task).where(t.task.c.id == open_now["id"]).values(**done))
    await apply_playbooks(transaction, [key_of(index)])


async def test_what_ships_is_put_in_force_once(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        assert await ensure_playbooks(transaction) == 0
        rows = await transaction.rows(
            select(t.playbook.c.value, t.playbook.c.status).order_by(t.playbook.c.value)
        )
        assert [tuple(row) for row in rows] == [
            (value, "ACTIVE") for value in ("AT_RISK", "GROWTH", "LAPSING", "STABLE", "STRATEGIC")
        ]


async def test_a_client_that_changes_its_type_has_its_tasks_changed_once(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        assert await classify(transaction, 0, "STABLE") == Settled(made=4)
        assert await apply_playbooks(transaction, [key_of(0)]) == Settled()
        assert await due_tasks(transaction) == Settled()
        first = await tasks_of(transaction, 0)
        assert first.keys() == STABLE
        assert first["SERVICE_CALL"]["due_on"] == DAY + dt.timedelta(days=60)
    async with writing(bank) as transaction:
        assert await classify(transaction, 0, "AT_RISK") == Settled(made=5, cancelled=4)
        assert await due_tasks(transaction) == Settled()
        assert (await tasks_of(transaction, 0)).keys() == AT_RISK
        why = select(t.task.c.cancelled_because).where(t.task.c.status == "CANCELLED").distinct()
        assert [row[0] for row in await transaction.rows(why)] == ["RELATIONSHIP_CHANGED"]
    # Back on the same day: the tasks that were cancelled are those that are asked for again.
    async with writing(bank) as transaction:
        assert await classify(transaction, 0, "STABLE") == Settled(made=4, cancelled=5)
        again = await tasks_of(transaction, 0)
        assert {code: task["id"] for code, task in again.items()} == {
            code: task["id"] for code, task in first.items()
        }
        assert await classify(transaction, 0, None) == Settled(cancelled=4)


async def test_tasks_belong_to_whoever_is_of_their_level(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await classify(transaction, 1, "AT_RISK")
        branch_id, client = key_of(1)
        staff = {
            row["role"]: row["id"]
            for row in await transaction.rows(
                select(t.staff.c.role, t.staff.c.id).where(t.staff.c.branch_id == branch_id)
            )
        }
        tasks = await tasks_of(transaction, 1)
        assert tasks["MONTHLY_WATCH"]["assignee_id"] == staff["RELATIONSHIP_MANAGER"]
        # Nobody is branch manager of this branch: the task waits for whoever will be.
        assert tasks["SITE_VISIT"]["assignee_id"] is None
        new = update(t.staff).where(t.staff.c.branch_id == branch_id).values(role="BRANCH_MANAGER")
        await transaction.rows(new)
        gone = update(t.client).where(t.client.c.branch_id == branch_id, t.client.c.id == client)
        await transaction.rows(gone.values(relationship_manager_id=None))
        assert await due_tasks(transaction) == Settled(changed=5 - 1)
        tasks = await tasks_of(transaction, 1)
        assert tasks["MONTHLY_WATCH"]["assignee_id"] is None
        assert tasks["SITE_VISIT"]["assignee_id"] == staff["RELATIONSHIP_MANAGER"]


NEXT_DUE = [
    # item, first due, done on, next due
    ("MONTHLY_WATCH", dt.date(2025, 4, 30), dt.date(2025, 4, 30), dt.date(2025, 5, 30)),
    ("MONTHLY_WATCH", dt.date(2025, 5, 30), dt.date(2025, 4, 2), dt.date(2025, 6, 30)),
    # Late by months: the days that have passed are not asked for any more.
    ("MONTHLY_WATCH", dt.date(2025, 6, 30), dt.date(2025, 9, 30), dt.date(2025, 10, 30)),
    ("MONTHLY_WATCH", dt.date(2025, 10, 30), dt.date(2025, 12, 29), dt.date(2025, 12, 30)),
    ("MONTHLY_WATCH", dt.date(2025, 12, 30), dt.date(2026, 2, 28), dt.date(2026, 3, 30)),
    ("SITE_VISIT", dt.date(2025, 5, 15), dt.date(2026, 2, 15), dt.date(2026, 5, 15)),
    ("STRICT_REVIEW", dt.date(2025, 4, 10), dt.date(2025, 4, 9), dt.date(2025, 10, 10)),
]


async def test_what_repeats_is_due_again_at_the_first_interval_after_it_was_done(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await classify(transaction, 2, "AT_RISK")
        for code, due_on, done_on, next_on in NEXT_DUE:
            assert (await tasks_of(transaction, 2))[code]["due_on"] == due_on
            await finish(transaction, 2, code, done_on)
            assert (await tasks_of(transaction, 2))[code]["due_on"] == next_on, (code, due_on)
        await finish(transaction, 2, "LIMIT_CUT", dt.date(2026, 3, 1))
        assert "LIMIT_CUT" not in await tasks_of(transaction, 2)
        assert await due_tasks(transaction) == Settled()


async def test_what_was_done_once_is_asked_for_again_of_a_client_that_comes_back(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await classify(transaction, 3, "LAPSING")
        await finish(transaction, 3, "SURVEY_OF_REASONS", DAY)
    async with writing(bank) as transaction:
        # Other rules, the same type: it has not been away.
        assert await classify(transaction, 3, "LAPSING") == Settled()
    for value in ("STABLE", "LAPSING"):
        async with writing(bank) as transaction:
            await become(transaction, DAY + dt.timedelta(days=30))
            await classify(transaction, 3, value)
    async with writing(bank) as transaction:
        again = (await tasks_of(transaction, 3))["SURVEY_OF_REASONS"]
        assert again["due_on"] == DAY + dt.timedelta(days=37)


async def test_a_task_is_overdue_from_the_day_after_it_was_due(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await classify(transaction, 4, "AT_RISK")
        for days, overdue in ((10, False), (11, True)):
            await become(transaction, DAY + dt.timedelta(days=days))
            assert (await tasks_of(transaction, 4))["STRICT_REVIEW"]["overdue"] is overdue


async def test_a_client_that_has_gone_has_no_tasks(bank: Database) -> None:
    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await classify(transaction, 5, "GROWTH")
        await transaction.rows(update(t.client).where(t.client.c.id == key_of(5)[1]).values(status="CLOSED"))
        assert await due_tasks(transaction) == Settled(cancelled=3)


async def test_whoever_settles_at_once_with_others_makes_no_task_twice(bank: Database) -> None:
    async def settled() -> Settled:
        async with writing(bank) as transaction:
            done = await apply_playbooks(transaction, [key_of(4), key_of(0)])
            await asyncio.sleep(0.05)
            return done

    async with writing(bank) as transaction:
        await become(transaction, DAY)
        await record(transaction, 4, "STRATEGIC")
    first, second = await asyncio.gather(settled(), settled())
    assert sorted((first.made, second.made)) == [0, 4]
    async with writing(bank) as transaction:
        assert len(await tasks_of(transaction, 4)) == 4
        assert await due_tasks(transaction) == Settled()


class Model:
    """What a client's tasks ought to be: by item, until when; what was done of it, due when and done when."""

    def __init__(self, books: dict[str, dict[str, Item]]) -> None:
        self._books = books
        self._done: dict[tuple[str, str], set[tuple[dt.date, dt.date]]] = defaultdict(set)
        self._since: dict[tuple[str, str], set[tuple[dt.date, dt.date]]] = defaultdict(set)
        self.value: str | None = None
        self.open: dict[str, dt.date] = {}

    def classify(self, value: str | None, today: dt.date) -> None:
        if value != self.value:
            self._since.clear()
            self.value, self.open = value, {}
        self.settle(today)

    def complete(self, code: str, today: dt.date) -> None:
        assert self.value
        done = (self.open.pop(code), today)
        self._done[self.value, code].add(done)
        self._since[self.value, code].add(done)
        self.settle(today)

    def settle(self, today: dt.date) -> None:
        for code, item in self._books.get(self.value or "", {}).items():
            due_on = self._due(code, item, today)
            done = {due for due, _ in self._done[self.value or "", code]}
            if due_on is not None and code not in self.open and due_on not in done:
                self.open[code] = due_on

    def _due(self, code: str, item: Item, today: dt.date) -> dt.date | None:
        if not (done := self._since[self.value or "", code]):
            return today + dt.timedelta(days=item.first_due_days)
        due_on, done_on = max(done)
        if item.every_months is None:
            return None
        steps = (later(due_on, item.every_months * n) for n in itertools.count(1))
        return next(day for day in steps if day > done_on)


def later(day: dt.date, months: int) -> dt.date:
    """The same day of a later month, or its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


async def test_after_whatever_has_happened_the_open_tasks_are_those_that_ought_to_be(bank: Database) -> None:
    drawn = random.Random(20260115)
    model = Model({one.value: {i.code: i for i in one.playbook.items} for one in shipped_playbooks()})
    today = DAY
    for _ in range(60):
        today += dt.timedelta(days=drawn.choice([0, 0, 1, 9, 40]))
        async with writing(bank) as transaction:
            await become(transaction, today)
            if drawn.random() < 0.35 or not model.open:
                value = drawn.choice([None, "STRATEGIC", "GROWTH", "STABLE", "AT_RISK", "LAPSING", "AT_RISK"])
                await classify(transaction, 6, value)
                model.classify(value, today)
            else:
                code = drawn.choice(sorted(model.open))
                await finish(transaction, 6, code, today)
                model.complete(code, today)
        async with writing(bank) as transaction:
            assert await apply_playbooks(transaction, [key_of(6)]) == Settled()
            there = {code: task["due_on"] for code, task in (await tasks_of(transaction, 6)).items()}
            assert there == model.open, model.value
