"""Limits: nodes, what was promised on them, the ledger of movements.

The triggers are in `0009_limits/`. Frozen as it was when written.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, PORTAL

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROOM = Path(__file__).parent / "0009_limits"

REFERENCE = ("limit_policy", "delegated_authority")
TENANT = ("limit_node", "limit_node_version", "limit_commitment", "limit_movement", "limit_posting")

PRODUCTS = (
    "'TERM_LOAN', 'WORKING_CAPITAL', 'REVOLVING_CREDIT', 'PROJECT_LOAN', 'SUPPLY_CHAIN_FINANCE', "
    "'ACQUISITION_LOAN', 'MORTGAGE', 'MICRO_CREDIT', 'IP_PLEDGED_LOAN', 'GREEN_LOAN', 'GUARANTEED_LOAN'"
)
KINDS = "'BANK', 'REGION', 'BRANCH', 'GROUP', 'CLIENT', 'FACILITY', 'SUBLIMIT'"
TOPS = "'BANK', 'REGION', 'BRANCH'"
STATUSES = "'DRAFT', 'APPROVED', 'ACTIVE', 'FROZEN', 'EXPIRED', 'CLOSED'"
COMMITMENTS = (
    "'EARMARKED', 'RESERVED', 'UTILISED', 'REPAID', 'RELEASED', 'EXPIRED', 'CANCELLED', 'REVERSED', "
    "'WRITTEN_OFF'"
)
OPERATIONS = (
    "'EARMARK', 'EXTEND', 'EXPIRE', 'RESERVE', 'UTILISE', 'REPAY', 'RELEASE', 'CANCEL', 'WRITE_OFF', 'REVERSE', "
    "'ADJUST', 'ADD', 'TRANSFER', 'ALLOCATE', 'RECLAIM', 'FREEZE', 'UNFREEZE', 'CLOSE', 'OPEN', 'APPROVE', "
    "'ACTIVATE', 'MOVE', 'SYNDICATE', 'REVALUE', 'OVERRIDE', 'PROPOSE'"
)
OFFICES = "'BRANCH_MANAGER', 'REGIONAL_MANAGER', 'HEADQUARTERS_ADMINISTRATOR'"
ROLES = "'HEADQUARTERS_ADMINISTRATOR', 'REGIONAL_MANAGER', 'BRANCH_MANAGER', 'CREDIT_OFFICER'"

# What is kept of a node as it was: everything but what movements change.
PARAMETERS: dict[str, Any] = {
    "name": sa.Text(),
    "parent_branch_id": sa.Integer(),
    "parent_id": sa.Uuid(),
    "sanctioned_minor": sa.BigInteger(),
    "addition_minor": sa.BigInteger(),
    "addition_from": sa.Date(),
    "addition_until": sa.Date(),
    "collateral_cap_minor": sa.BigInteger(),
    "regulatory_cap_minor": sa.BigInteger(),
    "tolerance": sa.Numeric(9, 6),
    "reinstatement": sa.Text(),
    "sharing": sa.Text(),
    "parent_rate": sa.Numeric(18, 9),
    "valid_from": sa.Date(),
    "valid_until": sa.Date(),
    "status": sa.Text(),
    "frozen_by": sa.Uuid(),
}
MAY_BE_MISSING = (
    "parent_branch_id",
    "parent_id",
    "addition_from",
    "addition_until",
    "collateral_cap_minor",
    "regulatory_cap_minor",
    "frozen_by",
)
# How its terms were decided: not kept of a node as it was, the ledger tells.
DECISIONS = ("approved_by", "frozen_as", "raised_alone_minor", "proposed", "proposed_by", "proposed_until")
BALANCES = ("earmarked_minor", "reserved_minor", "utilised_minor", "idle_fenced_minor", "consumed_minor")

NODE_CHECKS = {
    "kind_known": f"kind in ({KINDS})",
    "product_known": f"product in ({PRODUCTS})",
    "reinstatement_known": "reinstatement in ('REVOLVING', 'NON_REVOLVING', 'REDUCING')",
    "sharing_known": "sharing in ('SHARED', 'RING_FENCED')",
    "status_known": f"status in ({STATUSES})",
    "parent_stated_whole": "(parent_branch_id is null) = (parent_id is null)",
    # A unit's own node stands under none of its tenant, every other node under one of it.
    "top_of_a_unit": f"(kind in ({TOPS})) = (inner_parent_id is null)",
    "bank_at_the_top": "kind <> 'BANK' or parent_id is null",
    "top_is_fenced": f"kind not in ({TOPS}) or (sharing = 'RING_FENCED' and reinstatement <> 'REDUCING')",
    "client_stated": "kind not in ('CLIENT', 'FACILITY') or client_id is not null",
    "segment_stated_whole": "(segment_dimension is null) = (segment_value is null)",
    "amounts_not_negative": "sanctioned_minor >= 0 and addition_minor >= 0 "
    "and collateral_cap_minor >= 0 and regulatory_cap_minor >= 0",
    "buckets_not_negative": "earmarked_minor >= 0 and reserved_minor >= 0 and utilised_minor >= 0 "
    "and idle_fenced_minor >= 0 and dealt_minor >= 0 and consumed_minor >= 0",
    "within_its_limit": "over_limit or committed_minor <= (1 + tolerance) * "
    "least(sanctioned_minor::numeric + addition_minor, collateral_cap_minor, regulatory_cap_minor)",
    "tolerance_is_a_fraction": "tolerance between 0 and 1",
    "rate_positive": "parent_rate > 0",
    "addition_dated": "(addition_from is null) = (addition_until is null) "
    "and (addition_minor = 0 or addition_from is not null) and addition_until >= addition_from",
    "validity_in_order": "valid_until >= valid_from",
    "four_eyes": "approved_by <> created_by",
    "raised_alone_not_negative": "raised_alone_minor >= 0",
    "proposed_whole": "num_nulls(proposed, proposed_by, proposed_until) in (0, 3)",
    "frozen_as_known": f"frozen_as in ({OFFICES})",
    "approved_by_somebody": "status in ('DRAFT', 'CLOSED') or approved_by is not null",
}


def upgrade() -> None:
    _policies()
    _nodes()
    _versions()
    _commitments()
    _ledger()
    _triggers()


def downgrade() -> None:
    op.execute("drop function app.overridden")
    for table in (*reversed(TENANT), *reversed(REFERENCE)):
        op.drop_table(table, schema="bank")
    op.execute(
        "drop function app.ledger_only_grows, app.remember_made_limit_node, app.remember_limit_node, "
        "app.guard_limit_node, app.guard_limit_movement, app.limit_row_id, app.guard_override, "
        "app.guard_raised_limit_node, app.guard_earmark, app.guard_limit_balance"
    )


def _policies() -> None:
    reference_table(
        "limit_policy",
        sa.Column("singleton", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("segment_dimension", sa.Text(), server_default="relationshipType", nullable=False),
        sa.Column("earmark_days", sa.Integer(), server_default="30", nullable=False),
        sa.Column("longest_earmark_days", sa.Integer(), server_default="180", nullable=False),
        sa.Column("proposal_days", sa.Integer(), server_default="30", nullable=False),
        sa.Column("draws_beyond_reservation", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_limit_policy_one_row")),
        sa.CheckConstraint(
            "earmark_days between 1 and longest_earmark_days", name=op.f("ck_limit_policy_earmark_plausible")
        ),
        sa.CheckConstraint(
            "longest_earmark_days <= 3650", name=op.f("ck_limit_policy_longest_earmark_plausible")
        ),
        sa.CheckConstraint(
            "proposal_days between 1 and 3650", name=op.f("ck_limit_policy_proposal_plausible")
        ),
        sa.PrimaryKeyConstraint("singleton", name="pk_limit_policy"),
    )
    op.execute("insert into bank.limit_policy default values")
    reference_table(
        "delegated_authority",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint(f"role in ({ROLES})", name=op.f("ck_delegated_authority_role_known")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_delegated_authority_amount_not_negative")),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_delegated_authority_currency"),
        sa.PrimaryKeyConstraint("role", name="pk_delegated_authority"),
    )
    # How the bank limits its clients is not for them to read.
    for name in REFERENCE:
        op.execute(f"revoke select on bank.{name} from {CLIENT}")


def _nodes() -> None:
    tenant_table(
        "limit_node",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_branch_id", sa.Integer(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "inner_parent_id",
            sa.Uuid(),
            sa.Computed("case when parent_branch_id = branch_id then parent_id end", persisted=True),
            nullable=True,
        ),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("segment_dimension", sa.Text(), nullable=True),
        sa.Column("segment_value", sa.Text(), nullable=True),
        sa.Column("period_id", sa.Integer(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        _minor("sanctioned", None),
        _minor("addition"),
        sa.Column("addition_from", sa.Date(), nullable=True),
        sa.Column("addition_until", sa.Date(), nullable=True),
        sa.Column("collateral_cap_minor", sa.BigInteger(), nullable=True),
        sa.Column("regulatory_cap_minor", sa.BigInteger(), nullable=True),
        sa.Column("tolerance", sa.Numeric(9, 6), server_default="0", nullable=False),
        sa.Column("reinstatement", sa.Text(), server_default="REVOLVING", nullable=False),
        sa.Column("sharing", sa.Text(), server_default="SHARED", nullable=False),
        sa.Column("parent_rate", sa.Numeric(18, 9), server_default="1", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("frozen_by", sa.Uuid(), nullable=True),
        sa.Column("frozen_as", sa.Text(), nullable=True),
        sa.Column("over_limit", sa.Boolean(), server_default="false", nullable=False),
        *(_minor(name) for name in ("earmarked", "reserved", "utilised", "idle_fenced", "dealt", "consumed")),
        sa.Column(
            "committed_minor",
            sa.BigInteger(),
            sa.Computed(
                "earmarked_minor + reserved_minor + utilised_minor "
                "+ idle_fenced_minor + dealt_minor + consumed_minor",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("last_movement_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        _minor("raised_alone"),
        sa.Column("proposed", JSONB(), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_until", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        _at("updated_at"),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_limit_node_{name}")) for name, rule in NODE_CHECKS.items()),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_limit_node_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_limit_node_currency"),
        _within("limit_node", "inner_parent_id", "limit_node"),
        _within("limit_node", "client_id", "client"),
        _facility_of_the_client("limit_node"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_limit_node"),
        access=Access(portal=("insert",), client_rows=None),
    )
    # Not a unit's own node: the trigger sees to it.
    changeable = (
        *PARAMETERS,
        *BALANCES,
        *DECISIONS,
        "last_movement_id",
        "over_limit",
        "version",
        "updated_at",
    )
    changeable = tuple(column for column in changeable if column != "parent_branch_id")
    op.execute(f"grant update ({', '.join(changeable)}) on bank.limit_node to {PORTAL}")
    _index("uq_limit_node_top", "limit_node", "", f"kind in ({TOPS}) and status <> 'CLOSED'", unique=True)
    _index("uq_limit_node_client", "limit_node", "client_id", "kind = 'CLIENT' and status <> 'CLOSED'", True)
    _index("ix_limit_node_branch_id_client_id", "limit_node", "client_id product id", "client_id is not null")
    _index(
        "ix_limit_node_branch_id_segment",
        "limit_node",
        "segment_dimension segment_value id",
        "segment_value is not null and status <> 'CLOSED'",
    )
    _index("ix_limit_node_branch_id_inner_parent_id", "limit_node", "inner_parent_id id")


def _versions() -> None:
    renamed = {"valid_from": "first_day", "valid_until": "last_day"}
    tenant_table(
        "limit_node_version",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        *(
            sa.Column(renamed.get(name, name), kind, nullable=name in MAY_BE_MISSING)
            for name, kind in PARAMETERS.items()
        ),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), server_default="infinity", nullable=False),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_limit_node_version_time_in_order")),
        _within("limit_node_version", "node_id", "limit_node"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_limit_node_version"),
        access=Access(portal=("insert",), headquarters=("insert",), client_rows=None),
    )
    op.execute(f"grant update (valid_until) on bank.limit_node_version to {PORTAL}, {HEADQUARTERS}")
    _index("uq_limit_node_version_open", "limit_node_version", "node_id", "valid_until = 'infinity'", True)
    _index("ix_limit_node_version_branch_id_node_id", "limit_node_version", "node_id valid_from id")


def _commitments() -> None:
    checks = {
        "product_known": f"product in ({PRODUCTS})",
        "status_known": f"status in ({COMMITMENTS})",
        "buckets_not_negative": "earmarked_minor >= 0 and reserved_minor >= 0 and utilised_minor >= 0",
        "granted_is_the_most": "granted_minor >= earmarked_minor + reserved_minor + utilised_minor",
        "ended_holds_nothing": "status in ('EARMARKED', 'RESERVED', 'UTILISED') "
        "or earmarked_minor + reserved_minor + utilised_minor = 0",
        "tenor_positive": "tenor_months > 0",
        "earmark_expires": "status <> 'EARMARKED' or expires_at is not null",
    }
    tenant_table(
        "limit_commitment",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        *(_minor(name) for name in ("earmarked", "reserved", "utilised")),
        _minor("granted", None),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenor_months", sa.Integer(), nullable=True),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("syndication_id", sa.Uuid(), nullable=True),
        sa.Column("overridden_by", sa.Text(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        _at("updated_at"),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_limit_commitment_{name}"))
            for name, rule in checks.items()
        ),
        _within("limit_commitment", "node_id", "limit_node"),
        _within("limit_commitment", "client_id", "client"),
        _facility_of_the_client("limit_commitment"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_limit_commitment"),
        access=Access(portal=("insert",), client_rows=None),
    )
    changeable = (
        "status, earmarked_minor, reserved_minor, utilised_minor, granted_minor, expires_at, moved_on"
    )
    op.execute(
        f"grant update ({changeable}, overridden_by, version, updated_at) on bank.limit_commitment to {PORTAL}"
    )
    _index("ix_limit_commitment_due", "limit_commitment", "expires_at id", "status = 'EARMARKED'")
    _index("uq_limit_commitment_facility", "limit_commitment", "facility_id", "facility_id is not null", True)
    _index("ix_limit_commitment_branch_id_client_id", "limit_commitment", "client_id id")
    _index("ix_limit_commitment_branch_id_node_id", "limit_commitment", "node_id id")
    _index(
        "ix_limit_commitment_syndication", "limit_commitment", "syndication_id", "syndication_id is not null"
    )


def _ledger() -> None:
    tenant_table(
        "limit_movement",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=True),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("value_date", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("payload_sha256", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("before", JSONB(), nullable=True),
        sa.Column("after", JSONB(), nullable=True),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("app.moment()"),
            nullable=False,
        ),
        sa.CheckConstraint(f"operation in ({OPERATIONS})", name=op.f("ck_limit_movement_operation_known")),
        sa.CheckConstraint(
            "(idempotency_key is null) = (payload_sha256 is null)",
            name=op.f("ck_limit_movement_key_with_payload"),
        ),
        sa.CheckConstraint(
            "(operation = 'REVERSE') = (reverses_id is not null)", name=op.f("ck_limit_movement_reverses_one")
        ),
        _within("limit_movement", "commitment_id", "limit_commitment"),
        _within("limit_movement", "node_id", "limit_node"),
        _within("limit_movement", "reverses_id", "limit_movement"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_limit_movement"),
        access=Access(portal=("insert",), headquarters=("insert",), client_rows=None),
    )
    _index("uq_limit_movement_reverses_id", "limit_movement", "reverses_id", "reverses_id is not null", True)
    _index(
        "ix_limit_movement_branch_id_commitment_id",
        "limit_movement",
        "commitment_id id",
        "commitment_id is not null",
    )
    _index("ix_limit_movement_branch_id_node_id", "limit_movement", "node_id id")
    _index("ix_limit_movement_overrides", "limit_movement", "commitment_id", "operation = 'OVERRIDE'")
    tenant_table(
        "limit_posting",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("delta_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "bucket in ('EARMARKED', 'RESERVED', 'UTILISED')", name=op.f("ck_limit_posting_bucket_known")
        ),
        sa.CheckConstraint("delta_minor <> 0", name=op.f("ck_limit_posting_moves_something")),
        _within("limit_posting", "movement_id", "limit_movement"),
        _within("limit_posting", "node_id", "limit_node"),
        sa.PrimaryKeyConstraint("branch_id", "movement_id", "node_id", "bucket", name="pk_limit_posting"),
        access=Access(portal=("insert",), headquarters=("insert",), client_rows=None),
    )
    _index("ix_limit_posting_branch_id_node_id", "limit_posting", "node_id movement_id")


def _triggers() -> None:
    renamed = [
        column.replace("valid_from", "first_day").replace("valid_until", "last_day") for column in PARAMETERS
    ]
    words = {
        "VERSION_COLUMNS": ", ".join(renamed),
        "MADE_PARAMETERS": ", ".join(f"made.{name}" for name in PARAMETERS),
        "ENDED_PARAMETERS": ", ".join(f"ended.{name}" for name in PARAMETERS),
        "PARAMETERS": ", ".join(PARAMETERS),
        "DECISIONS": ", ".join(DECISIONS),
        "PORTAL": PORTAL,
        "HEADQUARTERS": HEADQUARTERS,
        "TOPS": TOPS,
    }
    sql = (ROOM / "triggers.sql").read_text(encoding="utf-8")
    for word, meaning in words.items():
        sql = re.sub(rf"\b{word}\b", meaning, sql)
    for statement in re.split(r";\n\n(?=--|create)", sql):
        op.execute(statement.strip().removesuffix(";"))


def _minor(name: str, default: str | None = "0") -> sa.Column[Any]:
    return sa.Column(f"{name}_minor", sa.BigInteger(), server_default=default, nullable=False)


def _at(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _within(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """A key to another row of the same tenant."""
    return sa.ForeignKeyConstraint(
        ["branch_id", column],
        [f"bank.{target}.branch_id", f"bank.{target}.id"],
        name=f"fk_{table}_branch_id_{column}",
    )


def _facility_of_the_client(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["branch_id", "client_id", "facility_id"],
        ["bank.facility.branch_id", "bank.facility.client_id", "bank.facility.id"],
        name=f"fk_{table}_branch_id_client_id_facility_id",
    )


def _index(name: str, table: str, columns: str, where: str | None = None, unique: bool = False) -> None:
    op.create_index(
        name,
        table,
        ["branch_id", *columns.split()],
        unique=unique,
        schema="bank",
        postgresql_where=None if where is None else sa.text(where),
    )
