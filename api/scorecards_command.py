"""`python -m api scorecards compute`: every branch scored for the periods that have ended."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import click
from sqlalchemy import text

from domain.scorecards.kinds import ScorePeriod
from domain.scorecards.periods import is_end_of, latest_ends
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scorecards.computing import active_model, compute

COMPUTED_BY = "operator"


@click.group("scorecards")
def scorecards_command() -> None:
    """How branches are doing."""


@scorecards_command.command("compute")
@click.option(
    "--period",
    type=click.Choice([one.value for one in ScorePeriod]),
    default=ScorePeriod.QUARTER.value,
    help="What kind of period.",
)
@click.option(
    "--end", type=click.DateTime(["%Y-%m-%d"]), help="The period's last day; else the last that has ended."
)
@click.option("--last", type=click.IntRange(1, 120), default=1, help="How many periods up to there.")
def compute_scorecards(period: str, end: dt.datetime | None, last: int) -> None:
    """Score every branch by the model in force, in place of what was computed for the same day before."""
    started = time.monotonic()
    if end is not None and not is_end_of(end.date(), ScorePeriod(period)):
        raise click.ClickException(f"no {period.lower()} ends on {end:%Y-%m-%d}")
    ends, branches = asyncio.run(_compute(ScorePeriod(period), end.date() if end else None, last))
    told = ", ".join(map(str, ends))
    click.echo(f"{branches} branches scored for {told}: {time.monotonic() - started:.1f} s")


async def _compute(period: ScorePeriod, end: dt.date | None, last: int) -> tuple[list[dt.date], int]:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        return await _scored(database, period, end, last)


async def _scored(
    database: Database, period: ScorePeriod, end: dt.date | None, last: int
) -> tuple[list[dt.date], int]:
    directory = Directory(database)
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await transaction.connection.execute("set local statement_timeout = 0; set local jit = off")
        today: dt.date = await transaction.value(text("select app.today()"))
        if end is not None and end > today:
            raise click.ClickException(f"the {period.lower()} that ends on {end} has not ended yet")
        model = await active_model(transaction)
        if model is None:
            raise click.ClickException("no scorecard model is in force: draft one and put it into force")
        ends = latest_ends(end or today, period, last)
        branches = 0
        for day in ends:
            branches = await compute(transaction, model, period, day, COMPUTED_BY)
    return ends, branches
