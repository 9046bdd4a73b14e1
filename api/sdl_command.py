"""`python -m api sdl`: the schema as text, which belongs to each change of it."""

from __future__ import annotations

from pathlib import Path

import click

from schema.graph import graph

SDL = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"


@click.command("sdl")
def sdl_command() -> None:
    """Write schema/schema.graphql anew."""
    SDL.write_text(graph().as_str() + "\n", encoding="utf-8")
    click.echo(f"wrote {SDL.name}")
