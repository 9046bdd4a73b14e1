"""`python -m api groups derive`: which clients are connected, over all branches."""

from __future__ import annotations

import asyncio
import time

import click

from api.bank import open_bank
from api.settings import load_settings
from tenants.connected.deriving import Derived, derive
from tenants.organisation import Directory


@click.group("groups")
def groups_command() -> None:
    """The groups of connected clients."""


@groups_command.command("derive")
def derive_command() -> None:
    """Derive the groups from the links of all branches: what a scheduler runs every night, and after imports."""
    started = time.monotonic()
    derived = asyncio.run(_derive())
    click.echo(
        f"{derived.links:,} links make {derived.groups:,} groups of {derived.companies:,} companies; "
        f"{derived.clients:,} clients are in one, for {derived.changed:,} something changed: "
        f"{time.monotonic() - started:.1f} s"
    )


async def _derive() -> Derived:
    async with open_bank(load_settings()) as database:
        directory = Directory(database)
        scope = await directory.operator()
        root = next((unit for unit in await directory.organisation() if unit.parent_id is None), None)
        if root is None:
            raise click.ClickException("there is no bank yet: `python -m api demo` loads the demo bank")
        async with database.transaction(scope, write=True) as transaction:
            return await derive(transaction, root.id, scope.caller.subject)
