"""placeholder until the importer lands."""

import click


@click.command("import")
def import_command() -> None:
    raise SystemExit("not yet")
