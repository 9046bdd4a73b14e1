"""Who the clients are and who looks after them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from domain.access import OFFICE_ROLES, Role
from domain.clients import ClientStatus, CreditGrade, SizeClass, WatchList
from domain.statements import STATEMENT_AMOUNTS as STATEMENT_AMOUNTS
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    in_currency,
    metadata,
    minor,
    of_client,
    tenant_foreign_key,
    tenant_key,
    version,
)

STAFF_ROLES = [role for role in Role if role in OFFICE_ROLES]

staff = Table(
    "staff",
    metadata,
    *tenant_key(),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    *code("role", STAFF_ROLES),
    Column("email", Text),
    Column("active", Boolean, nullable=False, server_default="true"),
    UniqueConstraint("branch_id", "code"),
)

client = Table(
    "client",
    metadata,
    *tenant_key(),
    Column("registration_country", Text, nullable=False),
    Column("registration_number", Text, nullable=False),
    Column("legal_name", Text, nullable=False),
    Column("legal_name_lc", Text, Computed("lower(legal_name)", persisted=True), nullable=False),
    Column("legal_representative", Text),
    in_currency(),
    minor("registered_capital"),
    Column("industry_scheme", Text),
    Column("industry_code", Text),
    *code("size_class", SizeClass, nullable=True),
    Column("employees", Integer),
    Column("established_on", Date),
    Column("relationship_since", Date),
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code")),
    Column("city", Text),
    Column("address", Text),
    Column("phone", Text),
    Column("email", Text),
    *code("credit_grade", CreditGrade, nullable=True),
    Column("graded_on", Date),
    Column("relationship_manager_id", Uuid),
    *code("status", ClientStatus, default=ClientStatus.ACTIVE),
    *code("watch_list", WatchList, nullable=True),
    Column("national_key_project", Boolean, nullable=False, server_default="false"),
    version(),
    at("created_at"),
    at("updated_at"),
    tenant_foreign_key(["relationship_manager_id"], "staff"),
    UniqueConstraint(
        "branch_id", "registration_country", "registration_number", name="uq_client_registration"
    ),
    CheckConstraint("registration_country ~ '^[A-Z]{2}$'", name="country_iso_3166"),
    CheckConstraint("registered_capital_minor >= 0", name="capital_not_negative"),
    CheckConstraint("employees >= 0", name="employees_not_negative"),
    # A client user's token names the company, not its branches: this finds them.
    Index("ix_client_registration", "registration_number"),
    Index("ix_client_branch_id_legal_name_lc", "branch_id", "legal_name_lc", "id"),
    Index("ix_client_branch_id_registered_capital", "branch_id", "registered_capital_minor", "id"),
    # The largest first, those without an amount last: read backwards, the index above has them first.
    Index(
        "ix_client_branch_id_registered_capital_desc",
        "branch_id",
        text("registered_capital_minor desc nulls last"),
        "id",
    ),
    Index("ix_client_branch_id_created_at", "branch_id", "created_at", "id"),
    Index("ix_client_branch_id_manager", "branch_id", "relationship_manager_id"),
)

contact = Table(
    "contact",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("name", Text, nullable=False),
    Column("position", Text),
    Column("phone", Text),
    Column("email", Text),
    Column("is_primary", Boolean, nullable=False, server_default="false"),
    version(),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    Index("ix_contact_branch_id_client_id", "branch_id", "client_id", "name", "id"),
)

financial_statement = Table(
    "financial_statement",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("period_end", Date, nullable=False),
    Column("period_months", SmallInteger, nullable=False),
    in_currency(),
    Column("audited", Boolean, nullable=False, server_default="false"),
    Column("source", Text, nullable=False),
    *(minor(amount) for amount in STATEMENT_AMOUNTS),
    # A correction is a new row with a later time: what was known on a day can still be read.
    at("recorded_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint(
        "branch_id",
        "client_id",
        "period_end",
        "period_months",
        "recorded_at",
        name="uq_financial_statement_as_known",
    ),
    CheckConstraint("period_months between 1 and 24", name="period_plausible"),
)
