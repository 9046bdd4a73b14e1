"""`python -m api divisions recompute`: regions divided anew by the models in force."""

from __future__ import annotations

import asyncio
import time

import click

from tenants.divisions.in_force import recompute as divide_anew
from tenants.organisation import Directory
from tenants.segments.settling import Settlement, owe, settle


@click.group("divisions")
def divisions_command() -> None:
    """How regions are divided."""


@divisions_command.command()
def recompute() -> None:
    """Divide every region anew: after new indicators, and whenever the portfolio is to be looked at again."""
    started = time.monotonic()
    settled = asyncio.run(_recompute())
    # A server that runs may have begun before us.
    told = settled or "clients' history and tasks follow: another process is at it"
    click.echo(f"every region is divided by what is known now; {told}: {time.monotonic() - started:.1f} s")


async def _recompute() -> Settlement | None:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        directory = Directory(database)
        async with database.transaction(await directory.operator(), write=True) as transaction:
            await divide_anew(transaction)
            await owe(transaction)
        return await settle(database, directory, lambda line: click.echo(line, err=True))
