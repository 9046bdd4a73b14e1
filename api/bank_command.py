"""`python -m api migrate|demo|migration|forget`: the bank's database as a whole."""

from __future__ import annotations

import asyncio

import click

from api import bank
from api.settings import load_settings
from tenants import migrations
from tenants.credentials import Credentials
from tenants.demo import load_demo
from tenants.organisation import Directory


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database up to date and check that it is safe to serve from."""

    async def verify() -> None:
        async with bank.open_bank(load_settings(), migrating=True):
            pass

    asyncio.run(verify())
    click.echo(f"the database is at revision {migrations.head()}, and safe to serve from")


@click.command("demo")
@click.option("--scale", default=1, type=click.IntRange(1, 1000), help="Times 10,000 clients.")
def demo_command(scale: int) -> None:
    """Load the demo bank into an empty database."""

    with bank.running_bank(load_settings(), migrating=True) as there:
        asyncio.run(_load(there.credentials, scale))


async def _load(credentials: Credentials, scale: int) -> None:
    async with bank.opened(load_settings(), credentials) as database:
        await load_demo(database, Directory(database), scale=scale, say=click.echo)
    await bank.refresh_statistics(credentials)


@click.command("migration")
@click.argument("message")
def migration_command(message: str) -> None:
    """Write a migration from what differs between tenants/tables and the database."""
    with bank.running_bank(load_settings(), migrating=True) as there:
        migrations.write(there.credentials.url, message)


@click.command("forget")
@click.confirmation_option(prompt="Delete the embedded bank of this checkout, with everything in it?")
def forget_command() -> None:
    """Delete the embedded bank and the development issuer's key; refused while a server runs on them."""
    for gone in bank.forget(load_settings()):
        click.echo(f"deleted {gone}")
