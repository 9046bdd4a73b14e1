"""`python -m api import FILE --mapping FILE`: take a file into the bank, and say what became of its rows."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from domain.intake.mapping import MappingRefused
from domain.intake.problems import FileRefused, Severity
from tenants.database import Database, DatabaseUnavailable
from tenants.intake.error_file import ErrorFile
from tenants.intake.jobs import Progress
from tenants.intake.run import Observer, Outcome, Report, run
from tenants.intake.run import dry_run as run_dry
from tenants.intake.shipped import source_of
from tenants.organisation import Directory

EXIT_FAILED, EXIT_REFUSED, EXIT_STOPPED = 1, 2, 3

REASONS_SHOWN = 20
SECONDS_BETWEEN_LINES = 5.0


async def run_import(
    database: Database | None,
    directory: Directory | None,
    *,
    file: Path,
    mapping: str | Path,
    dry_run: bool = False,
    again: bool = False,
    error_file: Path | None = None,
    progress: Observer | None = None,
) -> Report:
    """Import a file, or go on where an earlier run of it stopped.

    A dry run needs no database. What goes on lists in the `error_file` of the run before, or in the one given
    here, which then holds what that one did. Raises MappingRefused, FileRefused and DatabaseUnavailable.
    """
    default = Path.cwd() / f"{file.name}.errors.csv"
    errors = ErrorFile((error_file or default).absolute(), named=error_file is not None)
    observe = progress or _unobserved
    source = source_of(file, mapping)
    if dry_run:
        return await run_dry(source, errors, observe)
    assert database is not None, "only a dry run goes without a database"
    assert directory is not None, "only a dry run goes without a directory"
    return await run(database, directory, source, errors=errors, again=again, observe=observe)


def _unobserved(progress: Progress, size: int) -> None:
    del progress, size


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", required=True, help="A mapping file, or the name of one that ships (sba_loans).")
@click.option("--dry-run", is_flag=True, help="Read everything, write nothing to the database.")
@click.option("--again", is_flag=True, help="Read a file anew that was imported or cancelled already.")
@click.option(
    "--errors",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where refused rows and warnings are listed; by default where the run before listed them, "
    "else FILE.errors.csv in this directory.",
)
def import_command(file: Path, mapping: str, dry_run: bool, again: bool, errors: Path | None) -> None:
    """Import a CSV, Excel or Parquet FILE; run it again after an interruption and it goes on where it stopped.

    Exit code: 0 done, refused rows or not (they are listed and counted); 1 the database did not answer, run
    it again; 2 the file, the mapping or the error file cannot be used; 3 stopped: paused, cancelled or taken
    over by another run.
    """
    try:
        with _shown_progress() as observe:
            report = asyncio.run(_import(file, mapping, dry_run, again, errors, observe))
    except (MappingRefused, FileRefused, OSError) as problem:
        click.echo(f"cannot import {file}: {problem}", err=True)
        sys.exit(EXIT_REFUSED)
    except DatabaseUnavailable as problem:
        click.echo(f"{problem}; run the same command again, it goes on where it stopped", err=True)
        sys.exit(EXIT_FAILED)
    click.echo("\n".join(_told(report)))
    if report.outcome in (Outcome.PAUSED, Outcome.CANCELLED, Outcome.TAKEN_OVER):
        sys.exit(EXIT_STOPPED)


async def _import(
    file: Path, mapping: str, dry: bool, again: bool, errors: Path | None, observe: Observer
) -> Report:
    if dry:
        return await run_import(
            None, None, file=file, mapping=mapping, dry_run=True, error_file=errors, progress=observe
        )
    # Here, not on top: a dry run starts no database.
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        return await run_import(
            database,
            Directory(database),
            file=file,
            mapping=mapping,
            again=again,
            error_file=errors,
            progress=observe,
        )


@contextmanager
def _shown_progress() -> Iterator[Observer]:
    """A bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    bar = click.progressbar(length=0, label="importing", file=sys.stderr)

    def observe(progress: Progress, size: int) -> None:
        bar.length = size
        bar.update(progress.bytes_done - bar.pos)

    with bar:
        yield observe


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, progress: Progress, size: int) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            share = 100 * progress.bytes_done // max(size, 1)
            click.echo(f"{share} % read, {progress.rows_read} rows", err=True)


_SAID = {
    Outcome.COMPLETED: "imported",
    Outcome.DRY_RUN: "dry run: nothing was written to the database",
    Outcome.NOTHING_TO_DO: "already imported; nothing to do (--again reads it anew)",
    Outcome.PAUSED: "paused by headquarters; run the same command again to go on",
    Outcome.CANCELLED: "cancelled by headquarters; --again begins anew",
    Outcome.TAKEN_OVER: "another run of the same file has taken over; this one stopped",
}


def _told(report: Report) -> Iterator[str]:
    done = report.progress
    yield _SAID[report.outcome]
    if report.resumed_after_line:
        yield f"went on after line {report.resumed_after_line}"
    taken = "would be taken" if report.outcome is Outcome.DRY_RUN else "taken"
    yield (
        f"{done.rows_read} rows read: {done.rows_taken} {taken}, {done.rows_unchanged} unchanged, "
        f"{done.rows_refused} refused"
    )
    if report.rows_this_run:
        yield f"{report.rows_per_second:,.0f} rows per second ({report.seconds:.1f} s)"
    for severity, title in ((Severity.ERROR, "refused"), (Severity.WARNING, "warnings")):
        reasons = report.reasons(severity)
        for column, reason, count in reasons[:REASONS_SHOWN]:
            yield f"  {title}: {count} × {column or 'row'} {reason}"
        if len(reasons) > REASONS_SHOWN:
            yield f"  {title}: {len(reasons) - REASONS_SHOWN} more reasons"
    yield from report.notes
    if report.counts:
        yield f"listed in {report.error_file}"
