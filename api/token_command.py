"""`python -m api token`: a token of the development issuer."""

from __future__ import annotations

import click

from api.bank import identity_home
from api.issuer import PERSONA_FORMS, DevelopmentIssuer
from api.settings import load_settings


@click.command("token")
@click.option("--persona", required=True, metavar="PERSONA", help=f"One of: {', '.join(PERSONA_FORMS)}.")
def token_command(persona: str) -> None:
    """Print a token of the development issuer, alone on the last line."""
    settings = load_settings()
    issuer = DevelopmentIssuer(
        identity_home(settings), environment=settings.environment, audience=settings.token_audience
    )
    click.echo(issuer.token(persona))
