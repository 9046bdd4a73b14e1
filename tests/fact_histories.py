"""Random histories of everything that facts come from, and what the facts of one client say."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from small_bank import CLIENTS, client_id, facility_id

from tenants.tables.facts import KEPT

TODAY = dt.date(2024, 12, 31)
SOURCES = tuple(KEPT)
"""The tables that facts come from."""

MANY = 3


async def set_day(administrator: asyncpg.Connection, day: dt.date) -> None:
    """Let the bank's books be read on this day."""
    await administrator.execute(
        "insert into bank.business_day (day) values ($1) on conflict (singleton) do update set day = excluded.day",
        day,
    )


async def facts_of(connection: asyncpg.Connection, index: int = 0) -> dict[str, Any]:
    """The facts of the client at this place of the small bank, as the connection sees them."""
    row = await connection.fetchrow("select * from bank.client_facts where client_id = $1", client_id(index))
    return dict(row) if row else {}


async def put(connection: asyncpg.Connection, table: str, *rows: dict[str, Any], index: int = 0) -> None:
    """Insert rows of a client in one statement; what identifies them and must be there is made up."""
    made = [defaults(table, index) | row for row in rows]
    columns = sorted({column for row in made for column in row})
    values = [[row.get(column) for column in columns] for row in made]
    places = ", ".join(
        "(" + ", ".join(f"${i * len(columns) + j + 1}" for j in range(len(columns))) + ")"
        for i in range(len(made))
    )
    names = ", ".join(columns)
    await connection.execute(
        f"insert into bank.{table} ({names}) values {places}", *(value for row in values for value in row)
    )


def defaults(table: str, index: int) -> dict[str, Any]:
    """A row of the table about the client at this place, with nothing more than it must have."""
    own: dict[str, Any] = {"branch_id": CLIENTS[index][0], "id": uuid4(), "client_id": client_id(index)}
    reference = str(own["id"])
    return (
        own
        | {
            "rating": {
                "rated_on": TODAY,
                "model": "m",
                "probability_of_default": Decimal("0.01"),
                "source": "t",
            },
            "financial_statement": {
                "period_end": dt.date(2023, 12, 31),
                "period_months": 12,
                "currency": "CNY",
                "source": "t",
                "recorded_at": dt.datetime.now(dt.UTC),
            },
            "facility": {
                "reference": reference,
                "product": "TERM_LOAN",
                "currency": "CNY",
                "limit_minor": 0,
                "status": "ACTIVE",
            },
            "posting": {"facility_id": facility_id(index), "due_on": TODAY, "currency": "CNY"},
            "credit_event": {
                "kind": "DEFAULT",
                "occurred_on": TODAY,
                "source": "t",
                "reference": reference,
            },
            "client_month": {"month": dt.date(2024, 12, 1), "currency": "CNY", "source": "t"},
            "interaction": {"kind": "CALL", "occurred_on": TODAY, "subject": "s", "reference": reference},
            "complaint": {"received_on": TODAY, "subject": "s", "reference": reference},
        }[table]
    )


class History:
    """Writes of every sort to one table after another, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    async def step(self, connection: asyncpg.Connection, table: str) -> None:
        """One statement: some rows inserted, changed, moved to another client, or deleted."""
        if table == "client":
            await self._change(connection, "client")
            return
        act: Callable[[asyncpg.Connection, str], Any] = self._random.choice(
            [self._insert, self._insert, self._change, self._move, self._delete]
        )
        await act(connection, table)

    async def _insert(self, connection: asyncpg.Connection, table: str) -> None:
        indexes = self._random.sample(range(len(CLIENTS)), MANY)
        rows = [defaults(table, index) | self._values(table, index) for index in indexes]
        columns = list(rows[0])
        places = ", ".join(
            "(" + ", ".join(f"${i * len(columns) + j + 1}" for j in range(len(columns))) + ")"
            for i in range(MANY)
        )
        await connection.execute(
            f"insert into bank.{table} ({', '.join(columns)}) values {places} on conflict do nothing",
            *(row[column] for row in rows for column in columns),
        )

    async def _change(self, connection: asyncpg.Connection, table: str) -> None:
        values = self._values(table, 0)
        values.pop("facility_id", None)
        sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, 2))
        unless = {"client_month": "month", "rating": "rated_on", "financial_statement": "recorded_at"}.get(
            table
        )
        if unless:
            values.pop(unless)
            sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, 2))
        ids = await self._some(connection, table)
        await connection.execute(f"update bank.{table} set {sets} where id = any($1)", ids, *values.values())

    async def _move(self, connection: asyncpg.Connection, table: str) -> None:
        """To another client, in another branch as well."""
        if table in ("facility", "posting"):
            await self._change(connection, table)
            return
        index = self._random.randrange(len(CLIENTS))
        ids = (await self._some(connection, table))[:1]
        to = (
            ", staff_id = null"
            if table == "interaction"
            else ", facility_id = null"
            if table == "credit_event"
            else ""
        )
        await connection.execute(
            f"update bank.{table} as moved set branch_id = $2, client_id = $3{to} where id = any($1) "
            f"and not exists (select from bank.{table} as there where there.client_id = $3)",
            ids,
            CLIENTS[index][0],
            client_id(index),
        )

    async def _delete(self, connection: asyncpg.Connection, table: str) -> None:
        if table == "facility":
            await self._change(connection, table)
            return
        ids = await self._some(connection, table)
        await connection.execute(f"delete from bank.{table} where id = any($1)", ids)

    async def _some(self, connection: asyncpg.Connection, table: str) -> list[UUID]:
        rows = await connection.fetch(f"select id from bank.{table} order by id")
        ids = [row["id"] for row in rows]
        return self._random.sample(ids, min(MANY, len(ids)))

    def _values(self, table: str, index: int) -> dict[str, Any]:
        values = {name: draw(self._random) for name, draw in DRAWN[table].items()}
        if table == "posting":
            values["facility_id"] = facility_id(index)
        return values


def _amount(random: random.Random) -> int | None:
    return random.choice([None, 0, 1, -500_00, 7_000_00, 12_345_67, 9_223_372_036_854_775_807])


def _held(random: random.Random) -> int:
    return random.choice([0, 5_00, 250_000_00])


def _day(random: random.Random) -> dt.date:
    return TODAY - dt.timedelta(days=random.randrange(-30, 900))


def _maybe_day(random: random.Random) -> dt.date | None:
    # The driver takes the calendar's last day for infinity.
    return random.choice([None, _day(random), dt.date(9999, 12, 31)])


def _month(random: random.Random) -> dt.date:
    return dt.date(2023 + random.randrange(2), 1 + random.randrange(12), 1)


def _currency(random: random.Random) -> str:
    return random.choice(["CNY", "CNY", "CNY", "USD"])


def _of(*values: Any) -> Callable[[random.Random], Any]:
    return lambda random: random.choice(values)


Draw = Callable[[random.Random], Any]

DRAWN: dict[str, dict[str, Draw]] = {
    "client": {
        "registered_capital_minor": _held,
        "employees": _of(None, 3, 4000),
        "established_on": _maybe_day,
        "relationship_since": _maybe_day,
        "watch_list": _of(None, "RED"),
        "credit_grade": _of(None, "A", "C"),
        "currency": _currency,
    },
    "rating": {
        "rated_on": _day,
        "model": _of("m", "n"),
        "probability_of_default": _of(Decimal("0.002"), Decimal("0.4")),
    },
    "financial_statement": {
        "period_end": lambda random: dt.date(random.randrange(2018, 2025), 12, random.choice([30, 31])),
        "period_months": _of(12, 12, 12, 6),
        "currency": _currency,
        "recorded_at": lambda random: (
            dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(random.random() * 300)
        ),
        **{
            f"{name}_minor": _amount
            for name in (
                "revenue",
                "ebit",
                "depreciation",
                "interest_expense",
                "borrowings",
                "total_assets",
                "total_liabilities",
                "equity",
                "operating_cash_flow",
            )
        },
    },
    "facility": {
        "currency": _currency,
        "limit_minor": _held,
        "outstanding_minor": _held,
        "status": _of("ACTIVE", "ACTIVE", "APPROVED", "CHARGED_OFF"),
        "loan_class": _of(None, "NORMAL", "LOSS"),
        "matures_on": _maybe_day,
        "renewed_on": _of(None, TODAY),
    },
    "posting": {"due_on": _day, "paid_on": lambda random: random.choice([None, _day(random), _day(random)])},
    "credit_event": {
        "kind": _of("DEFAULT", "MISUSE", "LINE_CANCELLED", "PREPAYMENT_REQUEST", "LATE_PAYMENT"),
        "occurred_on": _day,
    },
    "client_month": {
        "month": _month,
        "currency": _currency,
        **{
            f"{name}_minor": _amount
            for name in (
                "average_balance",
                "outflow",
                "limit",
                "utilised",
                "net_interest",
                "fees",
                "cost",
                "expected_loss",
                "capital_held",
            )
        },
        "rate_over_peers_bps": _of(None, Decimal("12.5")),
    },
    "interaction": {"occurred_on": _day, "nps": _of(None, 0, 7)},
    "complaint": {
        "received_on": lambda random: TODAY - dt.timedelta(random.randrange(100)),
        "resolved_on": _of(None, TODAY),
    },
}
"""What is drawn of each table's columns; of days and amounts also those that are hard to reckon with."""
