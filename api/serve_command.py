"""`python -m api run` and `serve`: the server, with the demo bank or with what is in the database."""

from __future__ import annotations

import click

from api.serving import run
from api.settings import load_settings
from tenants.demo.loading import CLIENTS_AT_SCALE_1


@click.command("run")
@click.option(
    "--scale", default=1, type=click.IntRange(1, 1000), help="Times 10,000 clients, on first start."
)
@click.option("--clients", type=click.IntRange(1), help="That many clients instead, for a quick look.")
def run_command(scale: int, clients: int | None) -> None:
    """Serve, with the demo bank in an empty database, and show a token for each persona."""
    run(load_settings(), demo_clients=clients or scale * CLIENTS_AT_SCALE_1, say=click.echo)


@click.command("serve")
def serve_command() -> None:
    """Serve what is in the database, without demo data."""
    run(load_settings(), demo_clients=None, say=click.echo)
