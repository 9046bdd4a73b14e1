"""The shipped excerpt of loans, the import of it, and everything that the import wrote."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.import_command import run_import
from tenants.database import Database
from tenants.intake.run import Report
from tenants.intake.shipped import SHIPPED
from tenants.organisation import Directory

EXCERPT = SHIPPED / "sba_loans_excerpt.csv"
FULL = Path(__file__).resolve().parents[2] / "shared" / "data" / "sba_loans.csv"

LOANS = "select * from bank.{} where branch_id in (select id from bank.unit where code like 'US-%')"
ONLY_OF_ONE_RUN = {"id", "client_id", "facility_id", "branch_id", "created_at", "updated_at", "parent_id"}


@pytest.fixture(autouse=True)
async def free_unit_ids(administrator: asyncpg.Connection) -> None:
    """The small bank gives its units their ids; the next ones come after those."""
    await administrator.execute("select setval(pg_get_serial_sequence('bank.unit', 'id'), 100)")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The file as the standard library reads it: what the import is held against."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def take(
    database: Database | None, directory: Directory | None, tmp_path: Path, **changed: Any
) -> Report:
    """Import the excerpt, or what is `changed`."""
    arguments: dict[str, Any] = {
        "file": EXCERPT,
        "mapping": "sba_loans",
        "error_file": tmp_path / "errors.csv",
    } | changed
    return await run_import(database, directory, **arguments)


async def state(administrator: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that imports wrote, without ids and moments, in an order of its own."""
    found = {}
    for table in ("client", "facility", "credit_event"):
        rows = await administrator.fetch(
            f"select t.*, u.code as unit from ({LOANS.format(table)}) t join bank.unit u on u.id = t.branch_id"
        )
        found[table] = sorted(
            (tuple(v for k, v in row.items() if k not in ONLY_OF_ONE_RUN) for row in rows), key=repr
        )
    units = await administrator.fetch(
        "select u.code, u.name, u.kind, p.code as parent from bank.unit u "
        "left join bank.unit p on p.id = u.parent_id"
    )
    return found | {"unit": sorted(map(tuple, units), key=repr)}


async def versions(administrator: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """Which version of every row there is: whatever writes a row changes it."""
    tables = ("client", "facility", "credit_event", "unit", "region", "region_indicator")
    return [
        (t, *row) for t in tables for row in await administrator.fetch(f"select xmin, ctid from bank.{t}")
    ]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """A file of these rows, its columns in the order of the first row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
