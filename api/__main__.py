"""The command line: `python -m api COMMAND`."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from schema.lasting import made_to_last

MODULES = {
    "allocation_command": ("allocation",),
    "bank_command": ("demo", "forget", "migrate", "migration"),
    "compensation_command": ("compensation",),
    "divisions_command": ("divisions",),
    "facts_command": ("facts",),
    "groups_command": ("groups",),
    "import_command": ("import",),
    "jobs_command": ("jobs", "work"),
    "limits_command": ("limits",),
    "scorecards_command": ("scorecards",),
    "sdl_command": ("sdl",),
    "segments_command": ("segments",),
    "serve_command": ("run", "serve"),
    "settings_command": ("settings",),
    "token_command": ("token",),
}
"""Where each command is: `x` is `x_command` there."""


class Commands(click.Group):
    """The commands, each imported when it is asked for: few need the graph, which takes a second to make."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in order."""
        del ctx
        return sorted(name for names in MODULES.values() for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        for module, names in MODULES.items():
            if cmd_name in names:
                with made_to_last():
                    found: click.Command = getattr(import_module(f"api.{module}"), f"{cmd_name}_command")
                return found
        return None


@click.group(cls=Commands)
def cli() -> None:
    """branchgraph: the bank's graph, per tenant."""


def main() -> None:
    """Run a command; what a person can mend is said in a sentence, without a traceback."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as problem:
        # Known to a command that could raise it, and to no other: so it is imported only now.
        from api.mendable import code_of

        if (code := code_of(problem)) is None:
            raise
        click.echo(f"branchgraph: {problem}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
