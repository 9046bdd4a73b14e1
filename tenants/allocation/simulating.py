"""A run simulated: gathered in a read, solved in a thread, to be written by the action that asked for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import select

from domain.allocation.form import read
from domain.allocation.runs import EDITABLE, RunStatus
from tenants.allocation.gathering import gather
from tenants.database import Database
from tenants.scope import Scope
from tenants.segments.recording import FOR_ALL_CLIENTS
from tenants.tables import allocation_run

if TYPE_CHECKING:
    from tenants.allocation.reckoning import Reckoned


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was found of a run at this version, on this day of the bank; a text says why nothing could be."""

    version: int
    day: dt.date
    found: Reckoned | str


async def simulated(database: Database, scope: Scope, run_id: int, version: int) -> Simulated | None:
    """The run as it would come out now; None where it is not there to be simulated at this version.

    No lock is held and no transaction open while it is solved: the action that writes it down looks at the version
    again. A version that has passed – a request sent twice – costs nothing.
    """
    # Only now: HiGHS and NumPy take a tenth of a second to import, which every start would wait for.
    from tenants.allocation.reckoning import CannotReckon, reckon

    async with database.transaction(scope, fresh=True) as transaction:
        run = await transaction.row(select(allocation_run).where(allocation_run.c.id == run_id))
        if run is None or run["version"] != version or RunStatus(run["status"]) not in EDITABLE:
            return None
        await transaction.connection.execute(FOR_ALL_CLIENTS)
        form = read(_text(run["parameters"]))
        gathered = await gather(transaction, run["segment_dimension"], run["currency"], form.trend_limit)
    found: Reckoned | str
    try:
        found = await reckon(form, gathered.figures, budget=run["budget_minor"], currency=run["currency"])
    except CannotReckon as mistake:
        found = str(mistake)
    return Simulated(version, gathered.day, found)


def _text(parameters: object) -> str:
    return parameters if isinstance(parameters, str) else orjson.dumps(parameters).decode()
