"""`python -m api segments snapshot`: the daily round over all clients."""

from __future__ import annotations

import asyncio
import time

import click

from tenants.organisation import Directory
from tenants.segments.settling import Settlement, take_snapshot


@click.group("segments")
def segments_command() -> None:
    """What clients are to the bank."""


@segments_command.command()
def snapshot() -> None:
    """Record what every client is today, and settle the tasks that follow: what a scheduler runs every morning.

    It settles what activations owe as well, where no server is there to do it.
    """
    started = time.monotonic()
    taken = asyncio.run(_snapshot())
    click.echo(f"{taken}: {time.monotonic() - started:.1f} s")


async def _snapshot() -> Settlement:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        return await take_snapshot(database, Directory(database), lambda line: click.echo(line, err=True))
