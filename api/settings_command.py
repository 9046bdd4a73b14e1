"""`python -m api settings`: what can be set, as the README shows it."""

from __future__ import annotations

import click

from api.settings import settings_table


@click.command("settings")
def settings_command() -> None:
    """Print the table of settings, as it stands in the README."""
    click.echo(settings_table(), nl=False)
