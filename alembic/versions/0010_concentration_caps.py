"""Concentration caps, dealt to branches in shares; regulatory capital.

The functions are in `0010_concentration_caps/`. Frozen as it was when written.

Revision ID: 0010
Revises: 0009
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

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROOM = Path(__file__).parent / "0010_concentration_caps"

REFERENCE = ("concentration_cap", "regulatory_capital", "cap_pool")
TENANT = ("cap_share", "cap_posting", "cap_deal")
SHARE = ["branch_id", "cap_id", "subject"]

CAP_CHECKS = {
    "per_known": "per in ('BANK', 'CLIENT', 'GROUP')",
    "counts_known": "counts in ('LOANS', 'EXPOSURE')",
    "ceiling_of_known": "ceiling_of in ('NET_CAPITAL', 'TIER_1')",
    "status_known": "status in ('DRAFT', 'ACTIVE', 'ARCHIVED')",
    "one_ceiling": "(ceiling_minor is null) <> (ceiling_fraction is null)",
    "fraction_of_something": "(ceiling_of is null) = (ceiling_fraction is null)",
    "ceiling_not_negative": "ceiling_minor >= 0",
    "fraction_of_the_whole": "ceiling_fraction > 0 and ceiling_fraction <= 1",
    "reportable_of_something": "reportable_fraction is null "
    "or (reportable_fraction > 0 and ceiling_of is not null)",
    "deals_a_fraction": "deal_fraction > 0 and deal_fraction <= 1",
    "not_its_own_parent": "parent_id <> id",
    "industries_of_a_scheme": "(industry_codes = '{}') = (industry_scheme is null)",
    "tenor_in_order": "tenor_from_months >= 0 and tenor_until_months >= tenor_from_months",
    "validity_in_order": "valid_until >= valid_from",
    "four_eyes": "activated_by <> created_by",
    "by_somebody": "status = 'DRAFT' or activated_by is not null or archived_at is not null",
}


def upgrade() -> None:
    _definitions()
    _pools()
    _shares()
    _ledger()
    for name in REFERENCE:
        # How the bank limits its business is not for its clients to read.
        op.execute(f"revoke select on bank.{name} from {CLIENT}")
    # The sum over all branches is not for one of them.
    op.execute(f"revoke select on bank.cap_pool from {PORTAL}")
    # A group's companies are clients of whichever branches; headquarters counts all of them.
    op.create_index(
        "ix_client_group_group_no", "client_group", ["group_no", "branch_id", "client_id"], schema="bank"
    )
    for statement in re.split(r";\n\n(?=--|create)", (ROOM / "functions.sql").read_text(encoding="utf-8")):
        op.execute(sa.text(re.sub(r"(?<!:):(?!:)", r"\\:", statement)))
    op.execute(f"alter view bank.group_exposure owner to {OWNER}")
    op.execute(f"grant select on bank.group_exposure to {PORTAL}, {HEADQUARTERS}")


def downgrade() -> None:
    op.execute("drop view bank.group_exposure")
    op.drop_index("ix_client_group_group_no", "client_group", schema="bank")
    op.execute("drop function app.take_share(int, int, text, bigint)")
    op.execute("drop function app.cap_used(int, text)")
    op.execute("drop function app.locked_caps(int, uuid, text, text, int, uuid, date)")
    op.execute("drop function app.counted_caps(int, uuid, text, text, int, uuid, date)")
    op.execute("drop function app.caps_of(int, uuid, text, int, date)")
    op.execute("drop function app.falling_caps(int, uuid, text, text, int, date)")
    for table in (*reversed(TENANT), *reversed(REFERENCE)):
        op.drop_table(table, schema="bank")


def _definitions() -> None:
    reference_table(
        "concentration_cap",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("preset", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ceiling_minor", sa.BigInteger(), nullable=True),
        sa.Column("ceiling_fraction", sa.Numeric(9, 6), nullable=True),
        sa.Column("ceiling_of", sa.Text(), nullable=True),
        sa.Column("reportable_fraction", sa.Numeric(9, 6), nullable=True),
        sa.Column("deal_fraction", sa.Numeric(9, 6), server_default="0.05", nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("industry_scheme", sa.Text(), nullable=True),
        *(
            sa.Column(name, ARRAY(sa.Text()), server_default="{}", nullable=False)
            for name in ("industry_codes", "region_tiers", "region_codes", "grades", "products")
        ),
        sa.Column("tenor_from_months", sa.Integer(), nullable=True),
        sa.Column("tenor_until_months", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        *_checks("concentration_cap", CAP_CHECKS),
        _to_currency("concentration_cap"),
        *(
            sa.ForeignKeyConstraint(
                [name], ["bank.concentration_cap.id"], name=f"fk_concentration_cap_{name}"
            )
            for name in ("parent_id", "replaces_id")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_concentration_cap"),
    )
    op.create_index(
        "ix_concentration_cap_active",
        "concentration_cap",
        ["id"],
        schema="bank",
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    reference_table(
        "regulatory_capital",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("net_capital_minor", sa.BigInteger(), nullable=False),
        sa.Column("tier_1_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("recorded_at"),
        *_checks("regulatory_capital", {"positive": "net_capital_minor > 0 and tier_1_minor > 0"}),
        _to_currency("regulatory_capital"),
        sa.PrimaryKeyConstraint("id", name="pk_regulatory_capital"),
        sa.UniqueConstraint("day", name="uq_regulatory_capital_day"),
    )


def _pools() -> None:
    reference_table(
        "cap_pool",
        sa.Column("cap_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ceiling_minor", sa.BigInteger(), nullable=False),
        sa.Column("dealt_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("over_limit", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _at("created_at"),
        _at("updated_at"),
        *_checks(
            "cap_pool",
            {
                "not_negative": "ceiling_minor >= 0 and dealt_minor >= 0",
                "within_its_ceiling": "dealt_minor <= ceiling_minor or over_limit",
            },
        ),
        _to_currency("cap_pool"),
        _to_cap("cap_pool"),
        sa.PrimaryKeyConstraint("cap_id", "subject", name="pk_cap_pool"),
    )


def _shares() -> None:
    tenant_table(
        "cap_share",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cap_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("share_minor", sa.BigInteger(), nullable=False),
        sa.Column("used_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("over_limit", sa.Boolean(), server_default="false", nullable=False),
        _at("dealt_at"),
        *_checks(
            "cap_share",
            {"used_not_negative": "used_minor >= 0", "within_the_share": "used_minor <= share_minor"},
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_cap_share_branch_id"),
        _to_currency("cap_share"),
        _to_cap("cap_share"),
        sa.PrimaryKeyConstraint(*SHARE, name="pk_cap_share"),
        access=Access(client_rows=None),
    )
    # Headquarters deals from one pool to all branches.
    op.create_index("ix_cap_share_pool", "cap_share", ["cap_id", "subject", "branch_id"], schema="bank")
    # What a branch may draw is dealt to it: it only uses that.
    op.execute(f"grant update (used_minor) on bank.cap_share to {PORTAL}")


def _ledger() -> None:
    tenant_table(
        "cap_posting",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("cap_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("delta_minor", sa.BigInteger(), nullable=False),
        *_checks("cap_posting", {"moves_something": "delta_minor <> 0"}),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_cap_posting_branch_id"),
        *(
            sa.ForeignKeyConstraint(
                ["branch_id", f"{name}_id"],
                [f"bank.limit_{name}.branch_id", f"bank.limit_{name}.id"],
                name=f"fk_cap_posting_branch_id_{name}_id",
            )
            for name in ("movement", "commitment")
        ),
        _to_cap("cap_posting"),
        sa.PrimaryKeyConstraint("branch_id", "movement_id", "cap_id", "subject", name="pk_cap_posting"),
        access=Access(portal=("insert",), headquarters=("insert",), client_rows=None),
    )
    for columns in (["branch_id", "commitment_id", "cap_id"], SHARE):
        name = "_".join(columns[:2])
        op.create_index(f"ix_cap_posting_{name}", "cap_posting", columns, schema="bank")
    tenant_table(
        "cap_deal",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cap_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("delta_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _at("dealt_at"),
        *_checks("cap_deal", {"deals_something": "delta_minor <> 0"}),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_cap_deal_branch_id"),
        _to_currency("cap_deal"),
        _to_cap("cap_deal"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_cap_deal"),
        access=Access(headquarters=("insert",), client_rows=None),
    )
    op.create_index("ix_cap_deal_branch_id_cap_id", "cap_deal", [*SHARE, "dealt_at"], schema="bank")


def _at(name: str) -> Any:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _checks(table: str, rules: dict[str, str]) -> list[Any]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _to_currency(table: str) -> Any:
    return sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name=f"fk_{table}_currency")


def _to_cap(table: str) -> Any:
    return sa.ForeignKeyConstraint(["cap_id"], ["bank.concentration_cap.id"], name=f"fk_{table}_cap_id")
