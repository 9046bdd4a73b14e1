"""The demo bank's year of credit: one allocation adopted, and an alternative that is only simulated."""

from __future__ import annotations

import datetime as dt
import json

from domain.allocation.form import read
from domain.allocation.problem import budget_for
from domain.money import Money
from tenants.actions import allocation
from tenants.actions.allocation import Writing
from tenants.actions.once import Done, Outcome
from tenants.allocation.gathering import Gathered, gather
from tenants.allocation.shipped import shipped_parameters
from tenants.allocation.simulating import Simulated
from tenants.transaction import Transaction

WRITTEN_BY, ADOPTED_BY = "demo", "demo (second)"
CURRENCY, DIMENSION, STABLE = "CNY", "relationshipType", "STABLE"
ROUND_MINOR = 100_000_000_00
# How much of what is asked beyond what is committed there is.
PARTS = {"Adopted": 6, "Tighter, and more even": 4}

_IS_ALLOCATED = "select exists (select from bank.allocation_run)"


async def share_out(transaction: Transaction) -> None:
    """Draft, simulate and adopt the bank's allocation where it has none, and simulate another."""
    if (await transaction.fetch(_IS_ALLOCATED, ()))[0][0]:
        return
    form = read(json.dumps(shipped_parameters()))
    gathered = await gather(transaction, DIMENSION, CURRENCY, form.trend_limit)
    if not gathered.figures.askings:
        return
    adopted, other = PARTS
    run_id = await _simulated(transaction, adopted, gathered, {})
    even = {
        "balance": [{"beyond": "0", "cost": "0.02"}, {"beyond": "0.5", "cost": "0.05"}],
        "ceilings": [{"name": "Stable clients", "segments": [STABLE], "atMost": _ceiling(gathered)}],
        "sharing": "RING_FENCED",
    }
    await _simulated(transaction, other, gathered, even)
    _done(await allocation.adopt(transaction, ADOPTED_BY, run_id, 2))


async def _simulated(
    transaction: Transaction, name: str, gathered: Gathered, changes: dict[str, object]
) -> int:
    """A run by the shipped parameters but for some, for the year after the bank's day."""
    parameters = json.dumps(shipped_parameters() | changes)
    form = read(parameters)
    askings = gathered.figures.askings
    committed = sum(asking.committed for asking in askings)
    wanted = sum(asking.demand for asking in askings) - committed
    budget = budget_for(committed + wanted * PARTS[name] // 10, form.buffer_fraction)
    budget = -(-budget // ROUND_MINOR) * ROUND_MINOR
    year = gathered.day.year + 1
    writing = Writing(
        f"{year}: {name.lower()}",
        Money(budget, CURRENCY),
        dt.date(year, 1, 1),
        dt.date(year, 12, 31),
        parameters,
    )
    run_id = _done(await allocation.draft(transaction, WRITTEN_BY, None, writing))
    # HiGHS and NumPy are imported where they are used: every start would wait for them.
    from tenants.allocation.reckoning import reckoned

    found = reckoned(form, gathered.figures, budget=budget, currency=CURRENCY)
    simulated = Simulated(1, gathered.day, found)
    _done(await allocation.simulate(transaction, WRITTEN_BY, run_id, 1, simulated))
    return run_id


def _ceiling(gathered: Gathered) -> dict[str, str]:
    """A tenth of what stable clients ask beyond what is committed to them."""
    stable = [asking for asking in gathered.figures.askings if asking.segment == STABLE]
    committed = sum(asking.committed for asking in stable)
    more = (sum(asking.demand for asking in stable) - committed) // 10
    return {"amount": str(Money(committed + more, CURRENCY).amount)}


def _done(outcome: Outcome) -> int:
    assert isinstance(outcome, Done), outcome
    (run_id,) = outcome.key
    assert isinstance(run_id, int)
    return run_id
