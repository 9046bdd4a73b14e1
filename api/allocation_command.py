"""`python -m api allocation simulate|adopt RUN`: for banks so large that it takes longer than a request may."""

from __future__ import annotations

import asyncio
import time

import click

from domain.allocation.runs import RunStatus
from tenants.actions import allocation
from tenants.actions.once import Done, Outcome
from tenants.allocation.simulating import simulated
from tenants.organisation import Directory

BY = click.option(
    "--by", "subject", required=True, help="Who does it: a second person adopts what the first wrote."
)


@click.group("allocation")
def allocation_command() -> None:
    """How a period's credit is shared out."""


@allocation_command.command()
@click.argument("run", type=int)
@BY
def simulate(run: int, subject: str) -> None:
    """Gather the bank's figures of today and solve a run."""
    _carry_out(run, subject, RunStatus.SIMULATED)


@allocation_command.command()
@click.argument("run", type=int)
@BY
def adopt(run: int, subject: str) -> None:
    """Make a simulated run's amounts the limits of all branches at once."""
    _carry_out(run, subject, RunStatus.ADOPTED)


def _carry_out(run: int, subject: str, to: RunStatus) -> None:
    started = time.monotonic()
    outcome = asyncio.run(_outcome(run, subject, to))
    if not isinstance(outcome, Done):
        raise click.ClickException(outcome.refusal.message)
    click.echo(f"run {run} is {to.lower()}: {time.monotonic() - started:.1f} s")


async def _outcome(run: int, subject: str, to: RunStatus) -> Outcome:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        async with database.transaction(scope) as transaction:
            found = await transaction.fetch("select version from bank.allocation_run where id = $1", (run,))
        version = found[0]["version"] if found else 0
        solved = await simulated(database, scope, run, version) if to is RunStatus.SIMULATED else None
        async with database.transaction(scope, write=True) as transaction:
            if to is RunStatus.SIMULATED:
                return await allocation.simulate(transaction, subject, run, version, solved)
            return await allocation.adopt(transaction, subject, run, version)
