"""`python -m api divisions recompute`: regions divided anew by the models in force."""

from __future__ import annotations

import asyncio
import time

import click

from tenants.divisions.in_force import recompute as divide_anew
from tenants.divisions.settling import settle
from tenants.organisation import Directory


@click.group("divisions")
def divisions_command() -> None:
    """How regions are divided."""


@divisions_command.command()
def recompute() -> None:
    """Divide every region anew: after new indicators, and whenever the portfolio is to be looked at again."""
    started = time.monotonic()
    moved = asyncio.run(_recompute())
    click.echo(
        f"every region is divided by what is known now; {moved:,} clients have moved: "
        f"{time.monotonic() - started:.1f} s"
    )


async def _recompute() -> int:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        async with database.transaction(scope, write=True) as transaction:
            await divide_anew(transaction)
            return await settle(transaction)
