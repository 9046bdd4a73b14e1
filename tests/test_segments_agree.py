"""The rules mean the same in SQL as in Python: value, rule, reasons, notes, what is missing, what matched too."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from conftest import Server
from drawn_rule_sets import DIMENSIONS, rulebooks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.money import Money
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.classification import Classified, Reason, classify
from domain.segmentation.rules import Rulebook
from tenants.segments import arms
from tenants.segments.cte import written
from tenants.segments.rulebook import RulesInForce
from tenants.tables.views import client_facts
from tenants.transaction import DIALECT

# The tree that overrides hold in: 1 ─ 2 ─ 11, 12 ─ 14; 1 ─ 3 ─ 13.
PATHS = {11: (11, 2, 1), 12: (12, 2, 1), 14: (14, 12, 2, 1), 13: (13, 3, 1), 2: (2, 1), 3: (3, 1), 1: (1,)}
UNITS = (2, 3, 11, 12)
BRANCHES = (11, 12, 13, 14)

RULEBOOKS = int(os.environ.get("RULEBOOKS", "12"))
CLIENTS = int(os.environ.get("CLIENTS_A_RULEBOOK", "60"))

Facts = dict[str, Any]


def drawn_clients(count: int) -> list[tuple[int, UUID, Facts]]:
    """Clients whose facts are often near, often equal to what drawn rules compare them with, and often missing."""
    lots = random.Random(2024)
    hundredths = [Decimal(n) / 100 for n in range(-200, 201, 25)]
    known: dict[str, list[Any]] = {
        "employees": [*range(-2, 3)],
        "daysPastDue": [*range(-2, 3)],
        "sizeClass": ["A", "LARGE", "large", "a_b"],
        "industryCode": ["A", "O'Neil; --", 'say "A"', "钢铁 %", "LARGEST"],
        "nationalKeyProject": [True, False],
        "misuse": [True, False],
        "statementPeriodEnd": [dt.date(2024, 1, day) for day in range(1, 5)],
        "probabilityOfDefault": hundredths,
        "revenueGrowth": hundredths,
        "exposure": [Money(n, c) for n in (-200, -3, 0, 1, 7, 200) for c in ("CNY", "JPY", "KWD")],
    }
    return [
        (
            lots.choice(BRANCHES),
            UUID(int=number + 1),
            {name: lots.choice(values) if lots.random() > 0.3 else None for name, values in known.items()},
        )
        for number in range(count)
    ]


def row_of(branch_id: int, client_id: UUID, facts: Facts) -> dict[str, Any]:
    """The facts as a row of `bank.client_facts`."""
    row: dict[str, Any] = {"branch_id": branch_id, "client_id": str(client_id), "currency": "CNY"}
    for name, value in facts.items():
        match value:
            case Money():
                row |= {"currency": value.currency, CATALOGUE[name].column: value.minor}
            case Decimal():
                row[CATALOGUE[name].column] = float(value)
            case _:
                row[CATALOGUE[name].column] = value
    return row


@pytest.fixture(scope="module")
def classified_in_sql(server: Server) -> Iterator[Callable[[Rulebook], dict[Any, Classified]]]:
    """What the SQL of a rulebook says of the drawn clients: one question to the database."""
    columns = ", ".join(
        f"{column.name} {column.type.compile(dialect=DIALECT)}" for column in client_facts.columns
    )
    facts = f"(select * from jsonb_to_recordset($1::jsonb) as given_facts({columns}))"
    rows = orjson.dumps([row_of(*client) for client in drawn_clients(CLIENTS)]).decode()
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(server.dsn, timeout=20))

        def ask(rulebook: Rulebook) -> dict[Any, Classified]:
            found = runner.run(connection.fetch(written(rulebook, facts=facts), rows))
            return {(row["dimension"], row["client_id"]): classified(row) for row in found}

        yield ask
        runner.run(connection.close())


def classified(row: asyncpg.Record) -> Classified:
    reasons = [Reason(r["condition"], r["value"], r["holds"]) for r in orjson.loads(row["because"])]
    return Classified(
        row["value"],
        row["rule"],
        because=tuple(reasons),
        missing=tuple(row["missing"]),
        also_matched=tuple(row["also_matched"]),
        note=row["note"],
    )


def test_sql_and_python_agree_on_drawn_rules_and_clients(
    classified_in_sql: Callable[[Rulebook], dict[Any, Classified]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = drawn_clients(CLIENTS)

    @settings(max_examples=RULEBOOKS, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rulebooks(units=UNITS), st.sampled_from([0, arms.MOST_WRITTEN_OUT]))
    def agree(drawn: Rulebook, most_written_out: int) -> None:
        monkeypatch.setattr(arms, "MOST_WRITTEN_OUT", most_written_out)
        rulebook = RulesInForce(drawn.default, drawn.overrides, drawn.stamp, PATHS)
        said = classified_in_sql(rulebook)
        for branch_id, client_id, facts in clients:
            for dimension in DIMENSIONS:
                meant = classify(rulebook, dimension, facts, PATHS[branch_id])
                assert said[dimension, client_id] == meant, (dimension, facts)
        assert len(said) == len(clients) * len(DIMENSIONS)

    agree()
