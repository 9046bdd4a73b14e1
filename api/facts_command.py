"""`python -m api facts`: make the clients' kept facts anew, or check that they are what they come from."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import click

from api.bank import open_bank
from api.settings import load_settings
from tenants.database import Database
from tenants.facts import differences, rebuild, take_standing
from tenants.organisation import Directory

T = TypeVar("T")

EXIT_DIFFERENT = 1

DIFFERENCES_SHOWN = 20
SECONDS_BETWEEN_LINES = 5.0


@click.group("facts")
def facts_command() -> None:
    """What is kept of every client for rules to speak of."""


@facts_command.command("rebuild")
def rebuild_command() -> None:
    """Make the facts of every client anew from the tables they come from, and take the standings.

    Branch by branch, while the bank goes on working; writes only what differs.
    """
    clients = asyncio.run(_opened(_rebuild))
    click.echo(f"the facts of {clients:,} clients are what they come from; standings taken")


@facts_command.command("check")
def check_command() -> None:
    """Compare the facts of every client with the tables they come from; exit code 1 names who differs."""
    different = asyncio.run(_opened(_check))
    if different:
        click.echo("\n".join(different[:DIFFERENCES_SHOWN]), err=True)
        if len(different) > DIFFERENCES_SHOWN:
            click.echo(f"and {len(different) - DIFFERENCES_SHOWN} more", err=True)
        click.echo("`python -m api facts rebuild` mends them; tell us how they came about", err=True)
        sys.exit(EXIT_DIFFERENT)
    click.echo("every client's facts are what they come from")


async def _opened(work: Callable[[Database, Directory], Awaitable[T]]) -> T:
    async with open_bank(load_settings()) as database:
        return await work(database, Directory(database))


async def _rebuild(database: Database, directory: Directory) -> int:
    scope = await directory.operator()
    done, said = 0, time.monotonic()
    for branch_id in scope.branches:
        # In the scope of the one branch, so that a write is held to one number and not to thousands.
        async with database.transaction(replace(scope, branches=(branch_id,)), write=True) as transaction:
            done += await rebuild(transaction, [branch_id])
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            click.echo(f"{done:,} clients", err=True)
    async with database.transaction(scope, write=True) as transaction:
        await take_standing(transaction)
    return done


async def _check(database: Database, directory: Directory) -> list[str]:
    scope = await directory.operator()
    told = []
    for branch_id in scope.branches:
        async with database.transaction(scope, fresh=True) as transaction:
            told += [
                f"client {found.client_id} of branch {found.branch_id}: what comes of {found.family} differs"
                for found in await differences(transaction, [branch_id])
            ]
    return told
