"""Clients, what was lent to them, and the server's own records: the tenant tables.

Frozen as it was when written: what changes later is another migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tenants.ddl import Access, let_clients_read, tenant_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A client sees the people who look after it, and no other staff.
OWN_MANAGER = (
    "exists (select from bank.client c "
    "where c.branch_id = staff.branch_id and c.relationship_manager_id = staff.id)"
)

TABLES = (
    "idempotency_key",
    "import_job",
    "staff",
    "client",
    "contact",
    "facility",
    "financial_statement",
    "credit_event",
    "posting",
)


def upgrade() -> None:
    _records()
    _client_tables()
    let_clients_read("staff", OWN_MANAGER)
    _lending_tables()


def downgrade() -> None:
    op.execute("drop policy client on bank.staff")
    for table in reversed(TABLES):
        op.drop_table(table, schema="bank")


def _records() -> None:
    tenant_table(
        "idempotency_key",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(key) between 1 and 128", name=op.f("ck_idempotency_key_key_bounded")),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_idempotency_key_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "subject", "key", name="pk_idempotency_key"),
        access=Access(portal=("insert",), headquarters=("insert",), client_rows=None),
    )
    tenant_table(
        "import_job",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("mapping_sha256", sa.Text(), nullable=False),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lines_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_file", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('RUNNING', 'PAUSED', 'CANCELLED', 'FAILED', 'COMPLETED')",
            name=op.f("ck_import_job_status_known"),
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_import_job_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_import_job"),
        access=Access(client_rows=None),
    )
    op.create_index(
        "uq_import_job_file",
        "import_job",
        ["branch_id", "file_sha256", "mapping_sha256"],
        unique=True,
        schema="bank",
    )


def _client_tables() -> None:
    tenant_table(
        "staff",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint(
            "role in ('REGIONAL_MANAGER', 'BRANCH_MANAGER', 'RELATIONSHIP_MANAGER', 'CREDIT_OFFICER')",
            name=op.f("ck_staff_role_known"),
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_staff_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_staff"),
        sa.UniqueConstraint("branch_id", "code", name="uq_staff_branch_id_code"),
        access=Access(client_rows=None),
    )
    tenant_table(
        "client",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registration_country", sa.Text(), nullable=False),
        sa.Column("registration_number", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column(
            "legal_name_lc", sa.Text(), sa.Computed("lower(legal_name)", persisted=True), nullable=False
        ),
        sa.Column("legal_representative", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("registered_capital_minor", sa.BigInteger(), nullable=True),
        sa.Column("industry_scheme", sa.Text(), nullable=True),
        sa.Column("industry_code", sa.Text(), nullable=True),
        sa.Column("size_class", sa.Text(), nullable=True),
        sa.Column("employees", sa.Integer(), nullable=True),
        sa.Column("established_on", sa.Date(), nullable=True),
        sa.Column("relationship_since", sa.Date(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("credit_grade", sa.Text(), nullable=True),
        sa.Column("graded_on", sa.Date(), nullable=True),
        sa.Column("relationship_manager_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="ACTIVE", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("credit_grade in ('A', 'B', 'C')", name=op.f("ck_client_credit_grade_known")),
        sa.CheckConstraint("registration_country ~ '^[A-Z]{2}$'", name=op.f("ck_client_country_iso_3166")),
        sa.CheckConstraint(
            "size_class in ('LARGE', 'MEDIUM', 'SMALL', 'MICRO')", name=op.f("ck_client_size_class_known")
        ),
        sa.CheckConstraint(
            "status in ('PROSPECT', 'ACTIVE', 'DORMANT', 'CLOSED')", name=op.f("ck_client_status_known")
        ),
        sa.CheckConstraint("employees >= 0", name=op.f("ck_client_employees_not_negative")),
        sa.CheckConstraint("registered_capital_minor >= 0", name=op.f("ck_client_capital_not_negative")),
        sa.ForeignKeyConstraint(
            ["branch_id", "relationship_manager_id"],
            ["bank.staff.branch_id", "bank.staff.id"],
            name="fk_client_branch_id_relationship_manager_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_client_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_client_currency"),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_client_region_code"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_client"),
        sa.UniqueConstraint(
            "branch_id", "registration_country", "registration_number", name="uq_client_registration"
        ),
        access=Access(portal=("insert", "update"), client_rows="id = any (app.clients())"),
    )
    op.create_index(
        "ix_client_branch_id_created_at",
        "client",
        ["branch_id", "created_at", "id"],
        unique=False,
        schema="bank",
    )
    op.create_index(
        "ix_client_branch_id_legal_name_lc",
        "client",
        ["branch_id", "legal_name_lc", "id"],
        unique=False,
        schema="bank",
    )
    op.create_index(
        "ix_client_branch_id_manager",
        "client",
        ["branch_id", "relationship_manager_id"],
        unique=False,
        schema="bank",
    )
    op.create_index(
        "ix_client_branch_id_registered_capital",
        "client",
        ["branch_id", "registered_capital_minor", "id"],
        unique=False,
        schema="bank",
    )
    op.create_index("ix_client_registration", "client", ["registration_number"], unique=False, schema="bank")
    tenant_table(
        "contact",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_contact_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_contact_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_contact"),
        access=Access(portal=("insert", "update", "delete"), headquarters=("insert", "update", "delete")),
    )
    op.create_index(
        "ix_contact_branch_id_client_id",
        "contact",
        ["branch_id", "client_id", "name", "id"],
        unique=False,
        schema="bank",
    )
    tenant_table(
        "financial_statement",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("period_months", sa.SmallInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("audited", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revenue_minor", sa.BigInteger(), nullable=True),
        sa.Column("cost_of_sales_minor", sa.BigInteger(), nullable=True),
        sa.Column("ebit_minor", sa.BigInteger(), nullable=True),
        sa.Column("depreciation_minor", sa.BigInteger(), nullable=True),
        sa.Column("interest_expense_minor", sa.BigInteger(), nullable=True),
        sa.Column("profit_before_tax_minor", sa.BigInteger(), nullable=True),
        sa.Column("net_income_minor", sa.BigInteger(), nullable=True),
        sa.Column("cash_minor", sa.BigInteger(), nullable=True),
        sa.Column("receivables_minor", sa.BigInteger(), nullable=True),
        sa.Column("prepaid_minor", sa.BigInteger(), nullable=True),
        sa.Column("inventory_minor", sa.BigInteger(), nullable=True),
        sa.Column("current_assets_minor", sa.BigInteger(), nullable=True),
        sa.Column("total_assets_minor", sa.BigInteger(), nullable=True),
        sa.Column("payables_minor", sa.BigInteger(), nullable=True),
        sa.Column("advances_received_minor", sa.BigInteger(), nullable=True),
        sa.Column("current_liabilities_minor", sa.BigInteger(), nullable=True),
        sa.Column("borrowings_minor", sa.BigInteger(), nullable=True),
        sa.Column("total_liabilities_minor", sa.BigInteger(), nullable=True),
        sa.Column("retained_earnings_minor", sa.BigInteger(), nullable=True),
        sa.Column("equity_minor", sa.BigInteger(), nullable=True),
        sa.Column("operating_cash_flow_minor", sa.BigInteger(), nullable=True),
        sa.Column("investing_cash_flow_minor", sa.BigInteger(), nullable=True),
        sa.Column("financing_cash_flow_minor", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "period_months between 1 and 24", name=op.f("ck_financial_statement_period_plausible")
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_financial_statement_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_financial_statement_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_financial_statement_currency"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_financial_statement"),
        sa.UniqueConstraint(
            "branch_id",
            "client_id",
            "period_end",
            "period_months",
            "recorded_at",
            name="uq_financial_statement_as_known",
        ),
        access=Access(portal=("insert",), headquarters=("insert",)),
    )


def _lending_tables() -> None:
    tenant_table(
        "facility",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("limit_minor", sa.BigInteger(), nullable=False),
        sa.Column("outstanding_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("guaranteed_minor", sa.BigInteger(), nullable=True),
        sa.Column("annual_rate", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("revolving", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("disbursed_on", sa.Date(), nullable=True),
        sa.Column("matures_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "product in ('TERM_LOAN', "
            "'WORKING_CAPITAL', 'REVOLVING_CREDIT', 'PROJECT_LOAN', 'SUPPLY_CHAIN_FINANCE', "
            "'ACQUISITION_LOAN', 'MORTGAGE', 'MICRO_CREDIT', 'IP_PLEDGED_LOAN', "
            "'GREEN_LOAN', 'GUARANTEED_LOAN')",
            name=op.f("ck_facility_product_known"),
        ),
        sa.CheckConstraint(
            "status in ('APPROVED', 'ACTIVE', 'REPAID', 'CHARGED_OFF', 'CANCELLED')",
            name=op.f("ck_facility_status_known"),
        ),
        sa.CheckConstraint(
            "annual_rate > -1 and annual_rate < 10", name=op.f("ck_facility_rate_is_a_fraction")
        ),
        sa.CheckConstraint("guaranteed_minor >= 0", name=op.f("ck_facility_guarantee_not_negative")),
        sa.CheckConstraint("limit_minor >= 0", name=op.f("ck_facility_limit_not_negative")),
        sa.CheckConstraint("outstanding_minor >= 0", name=op.f("ck_facility_outstanding_not_negative")),
        sa.CheckConstraint("term_months >= 0", name=op.f("ck_facility_term_not_negative")),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_facility_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_facility_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_facility_currency"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_facility"),
        sa.UniqueConstraint("branch_id", "client_id", "id", name="uq_facility_branch_id_client_id_id"),
        sa.UniqueConstraint("branch_id", "reference", name="uq_facility_branch_id_reference"),
        access=Access(),
    )
    op.create_index(
        "ix_facility_branch_id_limit",
        "facility",
        ["branch_id", "limit_minor", "id"],
        unique=False,
        schema="bank",
    )
    op.create_index(
        "ix_facility_branch_id_matures_on",
        "facility",
        ["branch_id", "matures_on", "id"],
        unique=False,
        schema="bank",
    )
    tenant_table(
        "credit_event",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('LATE_PAYMENT', 'DEFAULT', 'RESTRUCTURED', "
            "'CHARGE_OFF', 'PAID_IN_FULL', 'BUREAU_ENTRY')",
            name=op.f("ck_credit_event_kind_known"),
        ),
        sa.CheckConstraint(
            "(amount_minor is null) = (currency is null)", name=op.f("ck_credit_event_amount_has_currency")
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id", "facility_id"],
            ["bank.facility.branch_id", "bank.facility.client_id", "bank.facility.id"],
            name="fk_credit_event_branch_id_client_id_facility_id",
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_credit_event_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_credit_event_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_credit_event_currency"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_credit_event"),
        sa.UniqueConstraint(
            "branch_id", "source", "reference", "kind", name="uq_credit_event_branch_id_source_reference_kind"
        ),
        access=Access(portal=("insert",), headquarters=("insert",)),
    )
    op.create_index(
        "ix_credit_event_branch_id_client_id",
        "credit_event",
        ["branch_id", "client_id", "occurred_on", "id"],
        unique=False,
        schema="bank",
    )
    tenant_table(
        "posting",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="INSTALMENT", nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "days_late",
            sa.Integer(),
            sa.Computed(
                "case when paid_on is not null then greatest(paid_on - due_on, 0) end", persisted=True
            ),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('INSTALMENT', 'PREPAYMENT', 'RECOVERY')", name=op.f("ck_posting_kind_known")
        ),
        sa.CheckConstraint(
            "principal_minor >= 0 and interest_minor >= 0", name=op.f("ck_posting_amounts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id", "facility_id"],
            ["bank.facility.branch_id", "bank.facility.client_id", "bank.facility.id"],
            name="fk_posting_branch_id_client_id_facility_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_posting_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_posting_currency"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_posting"),
        access=Access(headquarters=("insert",)),
    )
    op.create_index(
        "ix_posting_branch_id_facility_id",
        "posting",
        ["branch_id", "client_id", "facility_id", "due_on", "id"],
        unique=False,
        schema="bank",
    )
