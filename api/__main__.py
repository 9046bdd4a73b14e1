"""The command line: `python -m api COMMAND`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from api import bank
from api.allocation_command import allocation_command
from api.compensation_command import compensation_command
from api.divisions_command import divisions_command
from api.embedded import EmbeddedError
from api.facts_command import facts_command
from api.groups_command import groups_command
from api.import_command import import_command
from api.issuer import PERSONA_FORMS, DevelopmentIssuer, IssuerRefused, UnknownPersona
from api.jobs_command import jobs_command, work_command
from api.limits_command import limits_command
from api.scorecards_command import scorecards_command
from api.segments_command import segments_command
from api.serving import CannotServe, run
from api.settings import SettingsError, load_settings, settings_table
from schema.graph import graph
from tenants import migrations
from tenants.credentials import Credentials
from tenants.database import DatabaseUnavailable
from tenants.demo import ForeignBank, load_demo
from tenants.demo.loading import CLIENTS_AT_SCALE_1
from tenants.guard import UnsafeDatabase
from tenants.organisation import Directory

EXPECTED = (
    SettingsError,
    EmbeddedError,
    CannotServe,
    DatabaseUnavailable,
    UnsafeDatabase,
    IssuerRefused,
    UnknownPersona,
    ForeignBank,
)
SDL = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"


@click.group()
def cli() -> None:
    """branchgraph: the bank's graph, per tenant."""


@cli.command("run")
@click.option(
    "--scale", default=1, type=click.IntRange(1, 1000), help="Times 10,000 clients, on first start."
)
@click.option("--clients", type=click.IntRange(1), help="That many clients instead, for a quick look.")
def run_command(scale: int, clients: int | None) -> None:
    """Serve, with the demo bank in an empty database, and show a token for each persona."""
    run(load_settings(), demo_clients=clients or scale * CLIENTS_AT_SCALE_1, say=click.echo)


@cli.command()
def serve() -> None:
    """Serve what is in the database, without demo data."""
    run(load_settings(), demo_clients=None, say=click.echo)


@cli.command()
@click.option("--persona", required=True, metavar="PERSONA", help=f"One of: {', '.join(PERSONA_FORMS)}.")
def token(persona: str) -> None:
    """Print a token of the development issuer, alone on the last line."""
    settings = load_settings()
    issuer = DevelopmentIssuer(
        bank.identity_home(settings), environment=settings.environment, audience=settings.token_audience
    )
    click.echo(issuer.token(persona))


@cli.command()
def migrate() -> None:
    """Bring the database up to date and check that it is safe to serve from."""

    async def verify() -> None:
        async with bank.open_bank(load_settings(), migrating=True):
            pass

    asyncio.run(verify())
    click.echo(f"the database is at revision {migrations.head()}, and safe to serve from")


@cli.command()
@click.option("--scale", default=1, type=click.IntRange(1, 1000), help="Times 10,000 clients.")
def demo(scale: int) -> None:
    """Load the demo bank into an empty database."""

    with bank.running_bank(load_settings(), migrating=True) as there:
        asyncio.run(_load(there.credentials, scale))


async def _load(credentials: Credentials, scale: int) -> None:
    async with bank.opened(load_settings(), credentials) as database:
        await load_demo(database, Directory(database), scale=scale, say=click.echo)
    await bank.refresh_statistics(credentials)


@cli.command()
def sdl() -> None:
    """Write schema/schema.graphql anew."""
    SDL.write_text(graph().as_str() + "\n", encoding="utf-8")
    click.echo(f"wrote {SDL.name}")


@cli.command()
@click.argument("message")
def migration(message: str) -> None:
    """Write a migration from what differs between tenants/tables and the database."""
    with bank.running_bank(load_settings(), migrating=True) as there:
        migrations.write(there.credentials.url, message)


@cli.command()
@click.confirmation_option(prompt="Delete the embedded bank of this checkout, with everything in it?")
def forget() -> None:
    """Delete the embedded bank and the development issuer's key; refused while a server runs on them."""
    for gone in bank.forget(load_settings()):
        click.echo(f"deleted {gone}")


@cli.command()
def settings() -> None:
    """Print the table of settings, as it stands in the README."""
    click.echo(settings_table(), nl=False)


cli.add_command(allocation_command)
cli.add_command(compensation_command)
cli.add_command(divisions_command)
cli.add_command(facts_command)
cli.add_command(groups_command)
cli.add_command(import_command)
cli.add_command(jobs_command)
cli.add_command(limits_command)
cli.add_command(scorecards_command)
cli.add_command(segments_command)
cli.add_command(work_command)


def main() -> None:
    """Run a command; what a person can mend is said in a sentence, without a traceback."""
    try:
        cli()
    except EXPECTED as problem:
        click.echo(f"branchgraph: {problem}", err=True)
        sys.exit(2 if isinstance(problem, UnknownPersona | SettingsError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
