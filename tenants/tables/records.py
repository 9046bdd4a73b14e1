"""What the server remembers of its own work: answers already given, files already read."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from domain.imports import ImportStatus
from tenants.tables.columns import at, code, metadata, tenant_key, version

_branch_id, _id = tenant_key()

idempotency_key = Table(
    "idempotency_key",
    metadata,
    _branch_id,
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("payload_sha256", Text, nullable=False),
    Column("result", JSONB, nullable=False),
    at("created_at"),
    CheckConstraint("length(key) between 1 and 128", name="key_bounded"),
)

import_job = Table(
    "import_job",
    metadata,
    # The unit whose import it is: headquarters, for files that hold several branches.
    *tenant_key(),
    Column("mapping", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_sha256", Text, nullable=False),
    Column("mapping_sha256", Text, nullable=False),
    Column("file_bytes", BigInteger, nullable=False),
    *code("status", ImportStatus),
    # Everything before this byte and line has been taken or refused, in the same transaction as the rows.
    Column("bytes_done", BigInteger, nullable=False, server_default="0"),
    Column("lines_done", Integer, nullable=False, server_default="0"),
    Column("rows_read", Integer, nullable=False, server_default="0"),
    Column("rows_taken", Integer, nullable=False, server_default="0"),
    Column("rows_unchanged", Integer, nullable=False, server_default="0"),
    Column("rows_refused", Integer, nullable=False, server_default="0"),
    Column("error_file", Text),
    version(),
    at("started_at"),
    at("updated_at"),
    at("finished_at", nullable=True),
    Index(
        "uq_import_job_file",
        "branch_id",
        "file_sha256",
        "mapping_sha256",
        unique=True,
    ),
)
