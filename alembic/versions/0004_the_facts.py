"""The facts of a client: what they come from, what is kept of them, and the view that reckons the rest.

The SQL of each family of facts is in `0004_the_facts/`. Frozen as it was when written.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROOM = Path(__file__).parent / "0004_the_facts"

FAMILIES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "client": (
        ("currency", sa.Text),
        ("registered_capital_minor", sa.BigInteger),
        ("employees", sa.Integer),
        ("size_class", sa.Text),
        ("industry_scheme", sa.Text),
        ("industry_code", sa.Text),
        ("region_code", sa.Text),
        ("status", sa.Text),
        ("watch_list", sa.Text),
        ("national_key_project", sa.Boolean),
        ("established_on", sa.Date),
        ("relationship_since", sa.Date),
        ("assigned_grade", sa.Text),
    ),
    "rating": (("probability_of_default", sa.Numeric(9, 6)),),
    "financial_statement": (
        ("statement_currency", sa.Text),
        ("statement_period_end", sa.Date),
        ("statement_count", sa.Integer, "0"),
        ("revenue_minor", sa.BigInteger),
        ("total_assets_minor", sa.BigInteger),
        ("revenue_growth", sa.Numeric),
        ("revenue_cagr3y", sa.Numeric),
        ("revenue_variation", sa.Numeric),
        ("gross_margin", sa.Numeric),
        ("ebit_margin", sa.Numeric),
        ("net_margin", sa.Numeric),
        ("profit_before_tax_margin", sa.Numeric),
        ("liabilities_to_assets", sa.Numeric),
        ("equity_ratio", sa.Numeric),
        ("current_ratio", sa.Numeric),
        ("debt_to_ebitda", sa.Numeric),
        ("ebitda_positive", sa.Boolean),
        ("interest_cover", sa.Numeric),
        ("interest_cover_previous", sa.Numeric),
        ("z_score", sa.Numeric),
        ("operating_cash_flow_sign", sa.SmallInteger),
        ("investing_cash_flow_sign", sa.SmallInteger),
        ("financing_cash_flow_sign", sa.SmallInteger),
    ),
    "facility": (
        ("facility_currency", sa.Text),
        ("has_facility", sa.Boolean, "false"),
        ("facility_count", sa.Integer, "0"),
        ("exposure_minor", sa.BigInteger, "0"),
        ("facility_limit_minor", sa.BigInteger, "0"),
        ("utilisation", sa.Numeric),
        ("loan_class", sa.Text),
        ("next_maturity_on", sa.Date),
    ),
    "posting": (
        ("first_due_on", sa.Date),
        ("oldest_unpaid_due_on", sa.Date),
        ("late_paid_on", ARRAY(sa.Date)),
        ("late_days", ARRAY(sa.Integer)),
    ),
    "credit_event": (
        ("has_credit_event", sa.Boolean, "false"),
        ("default_count", sa.Integer, "0"),
        ("last_default_on", sa.Date),
        ("last_misuse_on", sa.Date),
        ("last_related_party_abuse_on", sa.Date),
        ("last_covenant_default_on", sa.Date),
        ("last_line_cancelled_on", sa.Date),
        ("last_refinancing_asked_on", sa.Date),
    ),
    "client_month": (
        ("month_currency", sa.Text),
        ("latest_month", sa.Date),
        ("balance3m_minor", sa.BigInteger),
        ("balance12m_minor", sa.BigInteger),
        ("balance_change", sa.Numeric),
        ("outflow_change", sa.Numeric),
        ("utilisation_change", sa.Numeric),
        ("rate_over_peers_bps", sa.Numeric(9, 2)),
        ("contribution12m_minor", sa.BigInteger),
    ),
    "interaction": (("last_contact_on", sa.Date), ("nps", sa.SmallInteger)),
    "complaint": (("has_complaint", sa.Boolean, "false"), ("oldest_open_complaint_on", sa.Date)),
}
"""The kept facts by the table that they come from: column, type, and the value for a client without such rows."""

LOAN_CLASSES = "'NORMAL', 'SPECIAL_MENTION', 'SUBSTANDARD', 'DOUBTFUL', 'LOSS'"
EVENTS = "'LATE_PAYMENT', 'DEFAULT', 'RESTRUCTURED', 'CHARGE_OFF', 'PAID_IN_FULL', 'BUREAU_ENTRY'"
NEW_EVENTS = (
    "'MISUSE', 'RELATED_PARTY_ABUSE', 'COVENANT_DEFAULT', 'PREPAYMENT_REQUEST', 'REFINANCING_REQUEST', "
    "'LINE_CANCELLED'"
)

TABLES = (
    "bank.branch_standing, bank.standing, bank.client_group, bank.region_cluster, bank.region_class, "
    "bank.client_fact_version, bank.client_fact, bank.rating, bank.complaint, bank.interaction, "
    "bank.client_month, bank.business_day"
)
TRIGGERS = {
    "insert": "new table as added",
    "update": "old table as removed new table as added",
    "delete": "old table as removed",
}
FUNCTIONS = (
    "app.keep_facts, app.make_facts, app.remember_facts, app.found_facts, app.share_at, app.worst_since, "
    "app.years_between, app.minor, app.fraction, app.moment, app.today"
)


def upgrade() -> None:
    _added_columns()
    _source_tables()
    _fact_tables()
    _yardsticks()
    every = ("branch_id", "client_id", *_names(), "changed_at", "valid_from")
    _run(
        "functions",
        CLIENT_COLUMNS=", ".join(_names("client")),
        EVERY_COLUMN=", ".join(every),
        EVERY_REMOVED_COLUMN=", ".join(f"removed.{name}" for name in every),
    )
    for family in FAMILIES:
        _run(f"facts_of_{family}")
    _views()
    _keeping()


def downgrade() -> None:
    for family in FAMILIES:
        for event in TRIGGERS:
            op.execute(f"drop trigger if exists facts_after_{event} on bank.{family}")
        op.execute(f"drop function app.keep_facts_after_{family}()")
        op.execute(f"drop function app.keep_facts_of_{family}(int[], uuid[])")
        op.execute(f"drop function app.facts_of_{family}(int[], uuid[])")
    op.execute("drop trigger remember_facts on bank.client_fact")
    op.execute("drop function app.client_facts_at")
    op.execute("drop view bank.client_facts")
    op.execute(f"drop function {FUNCTIONS}")
    op.execute(f"drop table {TABLES}")
    _taken_columns()


def _added_columns() -> None:
    op.add_column("client", sa.Column("watch_list", sa.Text()), schema="bank")
    op.add_column(
        "client",
        sa.Column("national_key_project", sa.Boolean(), server_default="false", nullable=False),
        schema="bank",
    )
    op.add_column("facility", sa.Column("loan_class", sa.Text()), schema="bank")
    op.add_column("facility", sa.Column("renewed_on", sa.Date()), schema="bank")
    for name, table, condition in (
        ("ck_client_watch_list_known", "client", "watch_list in ('AMBER', 'RED')"),
        ("ck_facility_loan_class_known", "facility", f"loan_class in ({LOAN_CLASSES})"),
    ):
        op.create_check_constraint(op.f(name), table, condition, schema="bank")
    _known_events(f"{EVENTS}, {NEW_EVENTS}")


def _taken_columns() -> None:
    op.execute(f"delete from bank.credit_event where kind in ({NEW_EVENTS})")
    _known_events(EVENTS)
    for table, column in (
        ("facility", "renewed_on"),
        ("facility", "loan_class"),
        ("client", "national_key_project"),
        ("client", "watch_list"),
    ):
        op.drop_column(table, column, schema="bank")


def _known_events(kinds: str) -> None:
    name = op.f("ck_credit_event_kind_known")
    op.drop_constraint(name, "credit_event", schema="bank")
    op.create_check_constraint(name, "credit_event", f"kind in ({kinds})", schema="bank")


def _of_a_client(table: str, *columns: Any, first: str = "id", **access: Any) -> None:
    """A tenant table of a client's facts, keyed by `first` within the branch; clients' own users see none of it."""
    id_column = () if first == "client_id" else (sa.Column("id", sa.Uuid(), nullable=False),)
    tenant_table(
        table,
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        *id_column,
        sa.Column("client_id", sa.Uuid(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name=f"fk_{table}_branch_id"),
        *_keys(table, first),
        access=Access(client_rows=None, **access),
    )
    if first == "client_id":
        # What is derived of a client goes with it.
        op.create_foreign_key(
            f"fk_{table}_branch_id_client_id",
            table,
            "client",
            ["branch_id", "client_id"],
            ["branch_id", "id"],
            source_schema="bank",
            referent_schema="bank",
            ondelete="CASCADE",
        )


def _keys(table: str, first: str) -> list[Any]:
    if first == "client_id":
        return []
    return [
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name=f"fk_{table}_branch_id_client_id",
        ),
        sa.PrimaryKeyConstraint("branch_id", "id", name=f"pk_{table}"),
    ]


def _currency(table: str, **options: Any) -> list[Any]:
    return [
        sa.Column("currency", sa.Text(), **options),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name=f"fk_{table}_currency"),
    ]


def _amounts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(f"{name}_minor", sa.BigInteger()) for name in names]


def _at(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _source_tables() -> None:
    reference_table(
        "business_day",
        sa.Column("singleton", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        _check("business_day", "one_row", "singleton"),
        _check("business_day", "day_of_a_bank", "day between '1900-01-01' and '2999-12-31'"),
        sa.PrimaryKeyConstraint("singleton", name="pk_business_day"),
    )
    _of_a_client(
        "client_month",
        sa.Column("month", sa.Date(), nullable=False),
        *_currency("client_month", nullable=False),
        *_amounts("average_balance", "inflow", "outflow", "limit", "utilised"),
        *_amounts("net_interest", "fees", "cost", "expected_loss", "capital_held"),
        sa.Column("rate_over_peers_bps", sa.Numeric(9, 2)),
        _text("source"),
        _at("recorded_at"),
        _check("client_month", "first_day", "extract(day from month) = 1"),
        sa.UniqueConstraint("branch_id", "client_id", "month", name="uq_client_month"),
    )
    _of_a_client(
        "interaction",
        _text("kind"),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        _text("subject"),
        sa.Column("nps", sa.SmallInteger()),
        sa.Column("staff_id", sa.Uuid()),
        _text("reference"),
        _at("created_at"),
        _check("interaction", "kind_known", "kind in ('VISIT', 'CALL', 'MAIL', 'MEETING', 'SURVEY')"),
        _check("interaction", "nps_plausible", "nps between 0 and 10"),
        sa.ForeignKeyConstraint(
            ["branch_id", "staff_id"],
            ["bank.staff.branch_id", "bank.staff.id"],
            name="fk_interaction_branch_id_staff_id",
        ),
        sa.UniqueConstraint("branch_id", "reference", name="uq_interaction_branch_id_reference"),
    )
    _of_a_client(
        "complaint",
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("resolved_on", sa.Date()),
        _text("subject"),
        _text("reference"),
        _at("created_at"),
        _check("complaint", "resolved_after_received", "resolved_on >= received_on"),
        sa.UniqueConstraint("branch_id", "reference", name="uq_complaint_branch_id_reference"),
    )
    _of_a_client(
        "rating",
        sa.Column("rated_on", sa.Date(), nullable=False),
        _text("model"),
        sa.Column("probability_of_default", sa.Numeric(9, 6), nullable=False),
        _text("source"),
        _at("recorded_at"),
        _check("rating", "probability", "probability_of_default between 0 and 1"),
        sa.UniqueConstraint("branch_id", "client_id", "rated_on", "model", name="uq_rating"),
    )
    for table, day in (("interaction", "occurred_on"), ("complaint", "received_on")):
        columns = ["branch_id", "client_id", day, "id"]
        op.create_index(f"ix_{table}_branch_id_client_id", table, columns, schema="bank")


def _kept() -> list[sa.Column[Any]]:
    return [
        sa.Column(name, kind, server_default=default[0] if default else None)
        for family in FAMILIES.values()
        for name, kind, *default in family
    ]


def _fact_tables() -> None:
    _of_a_client(
        "client_fact",
        *_kept(),
        _at("changed_at"),
        _at("valid_from"),
        sa.PrimaryKeyConstraint("branch_id", "client_id", name="pk_client_fact"),
        first="client_id",
        portal=("insert", "update"),
    )
    # Room on the page for the row's next state.
    op.execute("alter table bank.client_fact set (fillfactor = 70)")
    _of_a_client(
        "client_fact_version",
        *_kept(),
        _at("changed_at"),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        _check("client_fact_version", "valid_for_a_while", "valid_from < valid_until"),
        sa.PrimaryKeyConstraint("branch_id", "client_id", "valid_from", name="pk_client_fact_version"),
        first="client_id",
        portal=("insert",),
        headquarters=("insert",),
    )


def _yardsticks() -> None:
    reference_table(
        "region_class",
        _text("region_code"),
        _text("economic_tier", nullable=True),
        sa.Column("economic_index", sa.Numeric()),
        _text("credit_climate", nullable=True),
        _at("updated_at"),
        _check("region_class", "economic_tier_known", "economic_tier in ('CORE', 'KEY', 'UNDERDEVELOPED')"),
        _check("region_class", "credit_climate_known", "credit_climate in ('A', 'B', 'C')"),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_region_class_region_code"),
        sa.PrimaryKeyConstraint("region_code", name="pk_region_class"),
    )
    reference_table(
        "region_cluster",
        _text("region_code"),
        _text("industry_scheme"),
        _text("industry_code"),
        sa.Column("location_quotient", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_region_cluster_region_code"),
        sa.PrimaryKeyConstraint("region_code", "industry_scheme", "industry_code", name="pk_region_cluster"),
    )
    reference_table(
        "standing",
        _text("measure"),
        *_currency("standing", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("thresholds", ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("shares", ARRAY(sa.Numeric()), nullable=False),
        _check("standing", "measure_known", "measure in ('CONTRIBUTION', 'EXPOSURE')"),
        sa.PrimaryKeyConstraint("measure", "currency", name="pk_standing"),
    )
    for table in ("region_class", "region_cluster", "standing"):
        op.execute(f"revoke select on bank.{table} from {CLIENT}")
    for table in ("business_day", "region_class", "region_cluster", "standing"):
        op.execute(f"grant delete on bank.{table} to {HEADQUARTERS}")
    _of_a_client(
        "client_group",
        sa.Column("group_no", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("exposure_minor", sa.BigInteger()),
        *_currency("client_group"),
        _text("worst_loan_class", nullable=True),
        sa.Column("worst_days_past_due", sa.Integer()),
        _at("derived_at"),
        _check("client_group", "somebody_is_in_it", "members >= 1"),
        _check("client_group", "worst_loan_class_known", f"worst_loan_class in ({LOAN_CLASSES})"),
        sa.PrimaryKeyConstraint("branch_id", "client_id", name="pk_client_group"),
        first="client_id",
        headquarters=("insert", "update", "delete"),
    )
    tenant_table(
        "branch_standing",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        *_currency("branch_standing", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("contribution_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_branch_standing_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "currency", name="pk_branch_standing"),
        access=Access(client_rows=None, headquarters=("insert", "update", "delete")),
    )


def _views() -> None:
    """The facts at the bank's day, and as they were known at the end of any day."""
    clock = "bank.client_fact as kept left join bank.business_day clock on clock.singleton = (kept.branch_id <> 0)"
    today = "coalesce(clock.day, (now() at time zone 'UTC')::date)"
    head = "create view bank.client_facts with (security_invoker = true) as"
    _run("client_facts", HEAD=head, KEPT=clock, TODAY=today, END="")
    op.execute(f"alter view bank.client_facts owner to {OWNER}")
    op.execute(f"grant select on bank.client_facts to {PORTAL}, {HEADQUARTERS}")
    columns = ", ".join(("branch_id", "client_id", *_names(), "changed_at"))
    midnight = "(client_facts_at.day + 1)::timestamp at time zone 'UTC'"
    known = (
        f"(select {columns} from bank.client_fact where valid_from < {midnight} union all "
        f"select {columns} from bank.client_fact_version where valid_from < {midnight} "
        f"and valid_until >= {midnight}) as kept"
    )
    head = (
        "create function app.client_facts_at(day date) returns setof bank.client_facts stable parallel safe "
        "language sql begin atomic"
    )
    # The driver sends Python's last day as infinity, which nothing can be subtracted from.
    day = "least(client_facts_at.day, date '9999-12-31')"
    _run("client_facts", HEAD=head, KEPT=known, TODAY=day, END="; end")


def _names(*families: str) -> list[str]:
    return [column[0] for family in families or FAMILIES for column in FAMILIES[family]]


def _keeping() -> None:
    op.execute(
        f"create trigger remember_facts after update on bank.client_fact referencing {TRIGGERS['update']} "
        "for each statement execute function app.remember_facts()"
    )
    for family in FAMILIES:
        names = _names(family)
        _run(
            "keeping",
            FAMILY=family,
            HEADQUARTERS=HEADQUARTERS,
            KEPT_COLUMNS=", ".join(f"kept.{name}" for name in names),
            FRESH_COLUMNS=", ".join(f"fresh.{name}" for name in names),
            CHANGES=", ".join(f"{name} = fresh.{name}" for name in names),
            CLIENT_ID="id" if family == "client" else "client_id",
            ON_INSERT="found_facts" if family == "client" else f"keep_facts_of_{family}",
        )
        for event, changed in TRIGGERS.items():
            # A client's facts go with it, by their foreign key.
            if (family, event) != ("client", "delete"):
                op.execute(
                    f"create trigger facts_after_{event} after {event} on bank.{family} referencing {changed} "
                    f"for each statement execute function app.keep_facts_after_{family}()"
                )
    joined = "\n    ".join(
        f"cross join lateral app.facts_of_{family}(array[key.branch_id], array[key.client_id]) as of_{family}"
        for family in FAMILIES
    )
    calls = "".join(f"perform app.keep_facts_of_{family}(branches, clients);\n    " for family in FAMILIES)
    _run("making", EVERY_COLUMN=", ".join(_names()), JOINED=joined, CALLS=calls.rstrip())
    # Whoever migrates without seeing the clients runs `python -m api facts rebuild` afterwards.
    op.execute(
        "select app.make_facts(array_agg(branch_id order by id), array_agg(id order by id)) "
        "from bank.client group by branch_id"
    )


def _run(file: str, **words: str) -> None:
    """Run the file's statements, which empty lines set apart, with the words in capitals replaced."""
    sql = (ROOM / f"{file}.sql").read_text(encoding="utf-8")
    for word, meaning in words.items():
        sql = sql.replace(word, meaning)
    for statement in re.split(r";\n\n(?=--|create)", sql):
        op.execute(statement.strip().removesuffix(";"))
