"""A run becomes every unit's limits, in the transaction of whoever adopts it: all of them, or none.

It locks the limits of all units and of all segments, in the order in which everybody locks; readers go on reading
what was. Then what has been committed since the simulation is looked at again: a branch that would get
less than it holds by now is named, and nothing happens. A branch's own limit is the sum of its cells and of what is
dealt to units below it; a segment's sublimit is its cell less what is committed to its clients elsewhere in the
branch. What is adopted is in force at once, and until another run is adopted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from domain.allocation.dealing import Dealt, Top, dealt_out, too_small
from domain.allocation.form import Sharing
from domain.allocation.words import listed, money
from domain.refusals import Refusal, RefusalCode
from tenants.allocation import adoption_statements as say
from tenants.allocation.held import ALL_AT_ONCE, ONE_BY_ONE
from tenants.database import Transaction

UNITS_AT_ONCE = 50


async def adopt(transaction: Transaction, run: Any, subject: str) -> Refusal | None:
    """Write the run's amounts into the limits of all units; or say where it cannot, and write nothing."""
    await transaction.connection.execute("savepoint adopting")
    slices = _Slices(transaction, await _units(transaction))
    refusal = await _adopt(transaction, slices, run, subject)
    if refusal is not None:
        await transaction.connection.execute("rollback to savepoint adopting")
    else:
        await slices.end()
    return refusal


class _Slices:
    """Some units after the other, each time as the only ones that may be written to.

    Every row that is written is held against the list of units in scope, which is read anew each time: of 2,000
    units that takes longer than all the rest.
    """

    def __init__(self, transaction: Transaction, units: list[int]) -> None:
        self._transaction, self._units = transaction, units

    async def __aiter__(self) -> AsyncIterator[list[int]]:
        for start in range(0, len(self._units), UNITS_AT_ONCE):
            some = self._units[start : start + UNITS_AT_ONCE]
            await self._narrow(some)
            yield some

    async def end(self) -> None:
        """All of them again."""
        await self._narrow(self._units)

    async def _narrow(self, units: list[int]) -> None:
        await self._transaction.fetch(say.NARROW, (f"{{{','.join(map(str, units))}}}",))


async def _units(transaction: Transaction) -> list[int]:
    """The units in the transaction's scope: headquarters' is all of them."""
    found = await transaction.fetch("select unnest(app.branches()) as id order by 1", ())
    return [row["id"] for row in found]


async def _adopt(transaction: Transaction, slices: _Slices, run: Any, subject: str) -> Refusal | None:
    run_id, dimension, currency = run["id"], run["segment_dimension"], run["currency"]
    async for units in slices:
        await transaction.fetch(say.anew(say.LOCK, units), (dimension, units))
    unready = await transaction.fetch(say.UNREADY, (currency,))
    if unready:
        return _not_ready(unready, currency)
    quotas: list[list[Any]] = []
    await transaction.connection.execute(ALL_AT_ONCE)
    async for units in slices:
        cells = await transaction.fetch(say.anew(say.CELLS, units), (dimension, currency, run_id, units))
        quotas.append([cell for cell in cells if cell["node_id"] is not None])
    await transaction.connection.execute(ONE_BY_ONE)
    grown = await transaction.fetch(say.GROWN, (run_id,))
    if grown:
        return _has_grown(grown, currency)
    sharing = Sharing(_parameters(run)["sharing"])
    reason = f"adopted: {run['name']}"
    terms = (run_id, sharing, dimension, currency, run["edited_by"], subject, reason)
    more_idle: dict[int, int] = {}
    async for units in slices:
        await transaction.fetch(say.anew(say.SUPERSEDE, units), (run_id, units))
        made_of = tuple(zip(*quotas.pop(0), strict=True)) or ((), (), (), ())
        idle = await transaction.fetch(say.anew(say.SUBLIMITS, units), (*terms, *made_of))
        more_idle |= {row["branch_id"]: row["more_idle"] for row in idle}
    rows = await transaction.fetch(say.UNITS, ())
    own = {row["branch_id"]: row["own"] for row in await transaction.fetch(say.OWN, (run_id,))}
    tops = [_top(row, more_idle.get(row["branch_id"], 0)) for row in rows]
    made = dealt_out(tops, own, run["budget_minor"])
    names = {row["branch_id"]: row["name"] for row in rows}
    short = too_small(tops, made)
    if short:
        return _too_small({names[unit]: missing for unit, missing in short.items()}, currency)
    async for units in slices:
        some = [unit for unit in units if unit in made]
        await transaction.fetch(
            say.anew(say.DEAL, units), (*_columns(some, made, more_idle), run_id, subject, reason)
        )
    return None


def _top(row: Any, more_idle: int) -> Top:
    return Top(
        row["branch_id"],
        row["parent_branch_id"],
        row["addition_minor"],
        row["most"],
        row["taken"] + more_idle,
    )


def _columns(
    units: list[int], made: Mapping[int, Dealt], more_idle: Mapping[int, int]
) -> tuple[list[int], ...]:
    return (
        units,
        [made[unit].sanctioned for unit in units],
        [made[unit].dealt for unit in units],
        [more_idle.get(unit, 0) for unit in units],
    )


def _parameters(run: Any) -> Any:
    found = run["parameters"]
    return orjson.loads(found) if isinstance(found, str) else found


def _not_ready(rows: Sequence[Any], currency: str) -> Refusal:
    said = [
        f"{row['name']} ({'has none' if row['status'] is None else row['status'] + ', ' + row['currency']})"
        for row in rows
    ]
    message = (
        f"every unit needs a limit of its own in force, in {currency}, to allocate to: {listed(said)}. Open the "
        "books with `python -m api limits open`, or mend these limits first"
    )
    return Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("runId",))


def _has_grown(rows: Sequence[Any], currency: str) -> Refusal:
    said = [
        f"{row['name']} / {row['segment_value']} ({money(row['committed_minor'], currency)} are committed, "
        f"{money(row['granted_minor'], currency)} granted)"
        for row in rows
    ]
    message = (
        f"more has been committed since the simulation than it grants: {listed(said)}; simulate the run again"
    )
    return Refusal(RefusalCode.STILL_COMMITTED, message, ("runId",))


def _too_small(missing: dict[str, int], currency: str) -> Refusal:
    said = [f"{name} (by {money(amount, currency)})" for name, amount in missing.items()]
    message = (
        f"these limits would be below what stands against them: {listed(said)}; simulate the run again, or raise "
        "their other caps"
    )
    return Refusal(RefusalCode.STILL_COMMITTED, message, ("runId",))
