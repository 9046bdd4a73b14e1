"""The small bank with credit to share out: clients in segments with contributions, and runs of every kind.

demand, millions     what a year's credit of one earns
Shanghai   GROWTH      2   6 %      STABLE   4   5 %
Pudong     GROWTH      6   4 %
Jiangsu    STABLE      8   3 %      AT_RISK 10  -2 %
Beijing    STRATEGIC  12   2 %      (no segment) 14   1 %
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID

import asyncpg
from limit_bank import open_limits, top
from small_bank import CLIENTS, client_id
from sqlalchemy import insert

from domain.allocation.form import read
from domain.money import Money
from tenants import tables as t
from tenants.actions import allocation
from tenants.actions.allocation import Writing
from tenants.actions.once import Done, Outcome
from tenants.allocation.gathering import gather
from tenants.allocation.reckoning import reckoned
from tenants.allocation.shipped import shipped_parameters
from tenants.allocation.simulating import Simulated
from tenants.database import Transaction

SEGMENTS = ("GROWTH", "STABLE", "GROWTH", "STABLE", "AT_RISK", "STRATEGIC")
EARNS_PER_CENT = (6, 5, 4, 3, -2, 2, 1)
MILLION = 1_000_000_00
FROM, UNTIL = dt.date(2026, 1, 1), dt.date(2026, 12, 31)
# No buffer, no minimum, no penalty, and nobody gets more than it asks: what earns most comes first.
PLAIN: dict[str, Any] = {"bufferFraction": "0", "demandFactor": "1", "minimumShares": [], "balance": []}


def parameters(**changes: Any) -> str:
    """The shipped parameters with some of their values changed."""
    return json.dumps(shipped_parameters() | changes)


def wanted(name: str, millions: int, **changes: Any) -> Writing:
    """A run over the year."""
    return Writing(name, Money(millions * MILLION, "CNY"), FROM, UNTIL, parameters(**changes))


async def classify(transaction: Transaction) -> None:
    """Put the clients into segments, by hand; the last one into none."""
    for index, segment in enumerate(SEGMENTS):
        row = {
            "branch_id": CLIENTS[index][0],
            "id": UUID(int=0xA110C000 + index),
            "client_id": client_id(index),
        }
        kind = {"dimension_code": "relationshipType", "value": segment, "rule_set_id": 0, "cause": "SNAPSHOT"}
        await transaction.rows(insert(t.segment_history).values(**row, **kind))


async def earn(transaction: Transaction) -> None:
    """Let each client have contributed its per cents of what it owes."""
    for index, per_cent in enumerate(EARNS_PER_CENT):
        owed = 2 * 400_000_00 * (index + 1) + 1
        month = dict.fromkeys(("fees_minor", "cost_minor", "expected_loss_minor", "capital_held_minor"), 0)
        row = {"branch_id": CLIENTS[index][0], "id": UUID(int=0xEA000 + index), "client_id": client_id(index)}
        when = {"month": dt.date(2025, 12, 1), "currency": "CNY", "source": "test"}
        earned = {"net_interest_minor": owed * per_cent // 100}
        await transaction.rows(insert(t.client_month).values(**row, **when, **month, **earned))


async def furnish(transaction: Transaction, administrator: asyncpg.Connection) -> None:
    """Segments, contributions, and a limit for every unit."""
    await open_limits(administrator)
    await classify(transaction)
    await earn(transaction)


async def drafted(transaction: Transaction, writing: Writing, *, by: str = "ada") -> int:
    """A draft's id."""
    (run_id,) = _done(await allocation.draft(transaction, by, None, writing))
    assert isinstance(run_id, int)
    return run_id


async def simulate(transaction: Transaction, run_id: int, version: int = 1, *, by: str = "ada") -> Outcome:
    """Simulate within the transaction; the product solves outside of any."""
    run = await transaction.fetch("select * from bank.allocation_run where id = $1", (run_id,))
    form = read(run[0]["parameters"])
    gathered = await gather(transaction, run[0]["segment_dimension"], run[0]["currency"], form.trend_limit)
    found = reckoned(form, gathered.figures, budget=run[0]["budget_minor"], currency=run[0]["currency"])
    simulated = Simulated(version, gathered.day, found)
    return await allocation.simulate(transaction, by, run_id, version, simulated)


async def simulated(transaction: Transaction, writing: Writing) -> int:
    """A simulated run of Ada's; it is at version 2."""
    run_id = await drafted(transaction, writing)
    _done(await simulate(transaction, run_id))
    return run_id


async def share_out(transaction: Transaction) -> None:
    """Rows of every kind for a bank without limits: two runs to compare, one that is impossible, cells, changes."""
    first = await simulated(transaction, wanted("First", 40, **PLAIN))
    await simulated(transaction, wanted("Second", 60))
    await simulated(transaction, wanted("Impossible", 1))
    for number, (branch, *_) in enumerate(CLIENTS):
        own = {"branch_id": branch, "id": UUID(int=0xCE11 + number), "run_id": first}
        when = {"run_name": "First", "period_from": FROM, "period_until": UNTIL}
        amounts = {f"{name}_minor": number for name in ("committed", "asked", "granted", "sublimit")}
        cell = {"segment_dimension": "relationshipType", "segment_value": f"S{number}", "currency": "CNY"}
        await transaction.rows(insert(t.allocation_cell).values(**own, **when, **cell, **amounts))
    # Of the limits of units, which every bank with limits has.
    for number, branch in enumerate(dict.fromkeys(branch for branch, *_ in CLIENTS)):
        own = {"branch_id": branch, "id": UUID(int=0xC4A6E + number), "run_id": first}
        change = {"kind": "RECLAIM", "node_id": top(branch), "currency": "CNY", "amount_minor": 1}
        about = {"granted_minor": 2, "reason": "idle", "proposed_by": "ada"}
        await transaction.rows(insert(t.quota_change).values(**own, **change, **about))


def _done(outcome: Outcome) -> tuple[Any, ...]:
    assert isinstance(outcome, Done), outcome
    return outcome.key
