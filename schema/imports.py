"""Imports under way and done, as headquarters sees them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func

from domain.imports import ImportStatus
from schema.bound_fields import Node
from schema.fields import bound, column, expression
from schema.scalars import BigInt


@bound("import_job", hidden_from_clients=True)
class ImportJob(Node):
    """One file being read, or read, under one mapping."""

    file_name: str = column("file_name", "The file's name, without its folder.", where=True)
    mapping: str = column("mapping", "The mapping's name.", where=True)
    status: ImportStatus = column("status", "Where it stands.", where=True)
    file_bytes: BigInt = column("file_bytes", "How large the file is.", where=True)
    bytes_done: BigInt = column("bytes_done", "How much of it has been read.")
    lines_done: int = column("lines_done", "How many lines have been read.")
    rows_read: int = column("rows_read", "How many rows have been read.")
    rows_taken: int = column("rows_taken", "How many rows brought something new.")
    rows_unchanged: int = column("rows_unchanged", "How many rows the bank had already.")
    rows_refused: int = column(
        "rows_refused", "How many rows were refused; each is in the error file.", where=True
    )
    error_file: str | None = expression(
        lambda job: func.regexp_replace(job.c.error_file, "^.*/", ""),
        "The error file's name, without its folder.",
    )
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    started_at: dt.datetime = column("started_at", "When it began.", order=True, where=True)
    updated_at: dt.datetime = column("updated_at", "When it last went forward.", where=True)
    finished_at: dt.datetime | None = column(
        "finished_at", "When it ended; null while it has not.", where=True
    )
