"""`python -m api compensation verify`: every fund's balances recomputed from what moved."""

from __future__ import annotations

import asyncio

import click

from domain.compensation.ledger import Difference
from tenants.compensation.verifying import verify as recompute
from tenants.organisation import Directory


@click.group("compensation")
def compensation_command() -> None:
    """The risk compensation funds."""


@compensation_command.command()
def verify() -> None:
    """Recompute every balance from the movements, and name each that differs; exit code 1 where one does."""
    found = asyncio.run(_verify())
    for one in found:
        click.echo(f"{one.what}: {one.cached} is kept, {one.replayed} has moved")
    if found:
        raise SystemExit(1)
    click.echo("every balance is the sum of what has moved")


async def _verify() -> list[Difference]:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        async with database.transaction(scope) as transaction:
            return await recompute(transaction)
