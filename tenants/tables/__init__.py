"""The tables, as SQLAlchemy Core sees them; the migrations make them, `alembic check` holds both equal."""

from tenants.tables.clients import client, contact, financial_statement, staff
from tenants.tables.columns import metadata
from tenants.tables.lending import credit_event, facility, posting
from tenants.tables.records import idempotency_key, import_job
from tenants.tables.reference import currency, region, region_indicator, unit

__all__ = [
    "client",
    "contact",
    "credit_event",
    "currency",
    "facility",
    "financial_statement",
    "idempotency_key",
    "import_job",
    "metadata",
    "posting",
    "region",
    "region_indicator",
    "staff",
    "unit",
]
