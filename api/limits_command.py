"""`python -m api limits open|expire|verify`: the books of limits, over all branches."""

from __future__ import annotations

import asyncio
import time

import click

from api.bank import open_bank
from api.settings import load_settings
from tenants.limits.dealing import count_what_was_opened
from tenants.limits.expiring import expire_due
from tenants.limits.opening import Opened, open_books
from tenants.limits.verifying import Difference, verify
from tenants.organisation import Directory

SHOWN = 50


@click.group("limits")
def limits_command() -> None:
    """The books of limits."""


@limits_command.command("open")
def open_command() -> None:
    """Open every unit's own limit, and put what was lent and is not on the ledger yet on it. May be asked again."""
    started = time.monotonic()
    opened = asyncio.run(_open())
    click.echo(
        f"{opened.nodes:,} limits and {opened.commitments:,} commitments opened, {opened.left_aside:,} facilities "
        f"left aside (another currency, or a ring-fenced limit): {time.monotonic() - started:.1f} s"
    )


@limits_command.command("expire")
def expire_command() -> None:
    """Give back what earmarks hold whose time has passed: what a scheduler runs every few minutes."""
    started = time.monotonic()
    click.echo(f"{asyncio.run(_expire()):,} earmarks expired: {time.monotonic() - started:.1f} s")


@limits_command.command("verify")
def verify_command() -> None:
    """Recompute every balance from the ledger; name each difference, and fail where there is one."""
    started = time.monotonic()
    found = asyncio.run(_verify())
    for difference in found[:SHOWN]:
        click.echo(str(difference))
    if found:
        raise click.ClickException(f"{len(found):,} figures are not what the ledger says")
    click.echo(f"the books are right: {time.monotonic() - started:.1f} s")


async def _open() -> Opened:
    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        async with database.transaction(scope, write=True) as transaction:
            await transaction.connection.execute("set local statement_timeout = '600s'; set local jit = off")
            opened = await open_books(transaction)
        # By itself: whoever counts what was opened in the caps keeps all branches from booking meanwhile.
        async with database.transaction(scope, write=True) as transaction:
            await transaction.connection.execute("set local statement_timeout = '600s'; set local jit = off")
            await count_what_was_opened(transaction, scope.caller.subject)
        return opened


async def _expire() -> int:
    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        swept = 0
        while True:
            async with database.transaction(scope, write=True) as transaction:
                expired = await expire_due(transaction, scope.branches)
            swept += expired
            if not expired:
                return swept


async def _verify() -> list[Difference]:
    async with open_bank(load_settings()) as database:
        scope = await Directory(database).operator()
        async with database.transaction(scope) as transaction:
            await transaction.connection.execute("set local statement_timeout = '300s'; set local jit = off")
            return await verify(transaction)
