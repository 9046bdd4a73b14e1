"""The risk compensation fund and the branches' scorecards.

Frozen as it was when written: what changes later is another migration.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, PORTAL

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FUND_REFERENCE = ("compensation_fund", "compensation_terms", "compensation_funder", "compensation_account")
FUND_ROWS = ("compensation_enrolment", "compensation_claim", "compensation_movement", "compensation_posting")
CARD_REFERENCE = ("scorecard_model", "scorecard_class", "scorecard_indicator")
CARD_ROWS = ("branch_scorecard", "branch_scorecard_class", "branch_scorecard_part")
ONLY_GROWS = ("compensation_movement", "compensation_posting")

CLASSES = "('COMPLIANCE', 'RISK', 'RETURN', 'TRANSFORMATION', 'SOCIAL')"

GROWS = """
create function app.compensation_only_grows() returns trigger language plpgsql as $$
begin
    raise exception 'bank.% only grows: write a movement that takes the other back', tg_table_name
        using errcode = 'restrict_violation', hint = 'a recovery takes back what was paid';
end
$$
"""

# What a branch says of a loan and of a claim; what headquarters says of them, it cannot.
ENROLS = (
    "insert (branch_id, id, client_id, facility_id, fund_id, terms_id, currency, principal_minor, "
    "covered_minor, enrolled_on, enrolled_by)"
)
CLAIMS = (
    "insert (branch_id, id, client_id, facility_id, enrolment_id, fund_id, currency, "
    "overdue_principal_minor, days_past_due, amount_minor, claimed_on, claimed_by)"
)


def upgrade() -> None:
    _funds()
    _covered_loans()
    _movements()
    _models()
    _scorecards()
    for name in (*FUND_REFERENCE, *CARD_REFERENCE):
        # How the bank covers its risk and scores its branches is no business of its clients.
        op.execute(f"revoke select on bank.{name} from {CLIENT}")
    # What is left in the fund is headquarters' to know: a branch is told whether it is stopped.
    op.execute(f"revoke select on bank.compensation_account from {PORTAL}")
    for name in ("compensation_funder", "scorecard_class", "scorecard_indicator"):
        # A version's parts are written once, with it.
        op.execute(f"revoke update on bank.{name} from {HEADQUARTERS}")
    op.execute(GROWS)
    for name in ONLY_GROWS:
        op.execute(
            f"create trigger only_grows before update or delete on bank.{name} "
            "for each row execute function app.compensation_only_grows()"
        )
        op.execute(
            f"create trigger never_emptied before truncate on bank.{name} "
            "for each statement execute function app.compensation_only_grows()"
        )


def downgrade() -> None:
    op.drop_constraint("fk_compensation_fund_active_terms_id", "compensation_fund", schema="bank")
    for name in (*reversed(CARD_ROWS), *reversed(CARD_REFERENCE)):
        op.drop_table(name, schema="bank")
    for name in (*reversed(FUND_ROWS), *reversed(FUND_REFERENCE)):
        op.drop_table(name, schema="bank")
    op.execute("drop function app.compensation_only_grows()")


def _at(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _minor(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(f"{name}_minor", sa.BigInteger(), server_default=default, nullable=False)


def _version() -> sa.Column[Any]:
    return sa.Column("version", sa.Integer(), server_default="1", nullable=False)


def _tenant_key() -> list[sa.Column[Any]]:
    return [
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
    ]


def _keys_of(table: str) -> list[Any]:
    return [
        sa.PrimaryKeyConstraint("branch_id", "id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name=f"fk_{table}_branch_id"),
    ]


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"bank.{target}"], name=f"fk_{table}_{column}")


def _within(table: str, columns: list[str], target: str, keys: list[str]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["branch_id", *columns],
        [f"bank.{target}.branch_id", *(f"bank.{target}.{key}" for key in keys)],
        name=f"fk_{table}_{'_'.join(['branch_id', *columns])}",
    )


def _of_the_clients_facility(table: str) -> sa.ForeignKeyConstraint:
    return _within(table, ["client_id", "facility_id"], "facility", ["client_id", "id"])


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _funds() -> None:
    fund, terms, funder, account = FUND_REFERENCE
    reference_table(
        fund,
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), server_default="STOPPED", nullable=False),
        sa.Column("active_terms_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        _version(),
        _at("created_at"),
        _check(fund, "standing_known", "standing in ('ACTIVE', 'STOPPED')"),
        _to(fund, "currency", "currency.code"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{fund}"),
        sa.UniqueConstraint("code", name=f"uq_{fund}_code"),
    )
    reference_table(
        terms,
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("coverage", sa.Numeric(9, 6), nullable=False),
        sa.Column("claim_from_days", sa.Integer(), nullable=False),
        sa.Column("eligibility", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("breaker_base", sa.Text(), nullable=False),
        sa.Column("breaker_limit", sa.Numeric(9, 6), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_by", sa.Text(), nullable=True),
        _version(),
        _at("created_at"),
        _at("activated_at", nullable=True),
        _at("archived_at", nullable=True),
        _check(terms, "status_known", "status in ('DRAFT', 'ACTIVE', 'ARCHIVED')"),
        _check(terms, "breaker_base_known", "breaker_base in ('COVERED_PRINCIPAL', 'CONTRIBUTIONS')"),
        _check(terms, "coverage_is_a_share", "coverage > 0 and coverage <= 1"),
        _check(terms, "claims_need_arrears", "claim_from_days >= 1"),
        _check(terms, "breaker_is_a_share", "breaker_limit > 0 and breaker_limit <= 1"),
        _check(terms, "valid_for_a_while", "valid_until >= valid_from"),
        _check(terms, "four_eyes", "activated_by <> created_by"),
        _check(
            terms,
            "active_since",
            "status <> 'ACTIVE' or (activated_by is not null and activated_at is not null)",
        ),
        _to(terms, "fund_id", "compensation_fund.id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{terms}"),
        sa.UniqueConstraint("fund_id", "number", name=f"uq_{terms}_fund_id_number"),
    )
    op.create_index(
        f"uq_{terms}_active",
        terms,
        ["fund_id"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_foreign_key(
        f"fk_{fund}_active_terms_id",
        fund,
        terms,
        ["active_terms_id"],
        ["id"],
        source_schema="bank",
        referent_schema="bank",
    )
    reference_table(
        funder,
        sa.Column("terms_id", sa.Integer(), nullable=False),
        sa.Column("funder", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        _check(funder, "weight_positive", "weight > 0"),
        _to(funder, "terms_id", "compensation_terms.id"),
        sa.PrimaryKeyConstraint("terms_id", "funder", name=f"pk_{funder}"),
    )
    reference_table(
        account,
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("funder", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        _minor("contributed", default="0"),
        _minor("reserved", default="0"),
        _minor("paid", default="0"),
        _minor("recovered", default="0"),
        sa.Column(
            "available_minor",
            sa.BigInteger(),
            sa.Computed("contributed_minor + recovered_minor - paid_minor - reserved_minor", persisted=True),
            nullable=False,
        ),
        _version(),
        _check(
            account,
            "buckets_not_negative",
            "contributed_minor >= 0 and reserved_minor >= 0 and paid_minor >= 0 and recovered_minor >= 0",
        ),
        _check(
            account,
            "never_overdrawn",
            "contributed_minor + recovered_minor - paid_minor - reserved_minor >= 0",
        ),
        _check(account, "recovered_at_most_what_was_paid", "recovered_minor <= paid_minor"),
        _to(account, "fund_id", "compensation_fund.id"),
        _to(account, "currency", "currency.code"),
        sa.PrimaryKeyConstraint("fund_id", "funder", name=f"pk_{account}"),
    )


def _covered_loans() -> None:
    enrolment, claim = FUND_ROWS[:2]
    tenant_table(
        enrolment,
        *_tenant_key(),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("terms_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        _minor("principal"),
        _minor("covered"),
        _minor("claimed", default="0"),
        sa.Column("status", sa.Text(), server_default="ENROLLED", nullable=False),
        sa.Column("enrolled_on", sa.Date(), nullable=False),
        sa.Column("enrolled_by", sa.Text(), nullable=False),
        _version(),
        _at("created_at"),
        _check(enrolment, "status_known", "status in ('ENROLLED', 'WITHDRAWN')"),
        _check(enrolment, "principal_positive", "principal_minor > 0"),
        _check(enrolment, "covered_is_a_part", "covered_minor between 0 and principal_minor"),
        _check(enrolment, "claimed_within_coverage", "claimed_minor between 0 and covered_minor"),
        _check(enrolment, "withdrawn_without_claims", "status = 'ENROLLED' or claimed_minor = 0"),
        _of_the_clients_facility(enrolment),
        _to(enrolment, "fund_id", "compensation_fund.id"),
        _to(enrolment, "terms_id", "compensation_terms.id"),
        _to(enrolment, "currency", "currency.code"),
        *_keys_of(enrolment),
        access=Access(
            portal=(ENROLS, "update (claimed_minor, status, version)"),
            headquarters=("insert", "update"),
            client_rows=None,
        ),
    )
    op.create_index(
        f"uq_{enrolment}_facility",
        enrolment,
        ["branch_id", "facility_id"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ENROLLED'"),
    )
    tenant_table(
        claim,
        *_tenant_key(),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="CLAIMED", nullable=False),
        _minor("overdue_principal"),
        sa.Column("days_past_due", sa.Integer(), nullable=False),
        _minor("amount"),
        _minor("recovered", default="0"),
        sa.Column("claimed_on", sa.Date(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        _at("decided_at", nullable=True),
        sa.Column("paid_by", sa.Text(), nullable=True),
        _at("paid_at", nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        _version(),
        _at("created_at"),
        _check(claim, "status_known", "status in ('CLAIMED', 'APPROVED', 'REJECTED', 'PAID')"),
        _check(claim, "amount_is_a_part", "amount_minor > 0 and amount_minor <= overdue_principal_minor"),
        _check(claim, "recovered_at_most_what_was_paid", "recovered_minor between 0 and amount_minor"),
        _check(claim, "recovered_after_payment", "status = 'PAID' or recovered_minor = 0"),
        _check(claim, "four_eyes", "decided_by <> claimed_by and paid_by <> decided_by"),
        _check(
            claim,
            "told_by_whom",
            "(status = 'CLAIMED') = (decided_by is null) and (status = 'PAID') = (paid_by is not null)",
        ),
        _within(claim, ["enrolment_id"], enrolment, ["id"]),
        _of_the_clients_facility(claim),
        _to(claim, "fund_id", "compensation_fund.id"),
        _to(claim, "currency", "currency.code"),
        *_keys_of(claim),
        access=Access(portal=(CLAIMS,), headquarters=("insert", "update"), client_rows=None),
    )
    op.create_index(f"ix_{claim}_enrolment", claim, ["branch_id", "enrolment_id"], schema="bank")


def _movements() -> None:
    movement, posting = ONLY_GROWS
    tenant_table(
        movement,
        *_tenant_key(),
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        _minor("amount"),
        sa.Column("value_date", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        _at("recorded_at"),
        _check(movement, "operation_known", "operation in ('CONTRIBUTE', 'RESERVE', 'PAY', 'RECOVER')"),
        _check(movement, "amount_positive", "amount_minor > 0"),
        _check(movement, "of_a_claim", "(operation = 'CONTRIBUTE') = (claim_id is null)"),
        _within(movement, ["claim_id"], "compensation_claim", ["id"]),
        _to(movement, "fund_id", "compensation_fund.id"),
        _to(movement, "currency", "currency.code"),
        *_keys_of(movement),
        access=Access(portal=(), headquarters=("insert",), client_rows=None),
    )
    op.create_index(f"ix_{movement}_claim", movement, ["branch_id", "claim_id"], schema="bank")
    tenant_table(
        posting,
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("funder", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("fund_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        _minor("delta"),
        _check(posting, "bucket_known", "bucket in ('CONTRIBUTED', 'RESERVED', 'PAID', 'RECOVERED')"),
        _check(posting, "delta_moves", "delta_minor <> 0"),
        _within(posting, ["movement_id"], movement, ["id"]),
        _to(posting, "fund_id", "compensation_fund.id"),
        _to(posting, "currency", "currency.code"),
        sa.ForeignKeyConstraint(
            ["fund_id", "funder"],
            ["bank.compensation_account.fund_id", "bank.compensation_account.funder"],
            name=f"fk_{posting}_fund_id_funder",
        ),
        sa.PrimaryKeyConstraint("branch_id", "movement_id", "funder", "bucket", name=f"pk_{posting}"),
        access=Access(portal=(), headquarters=("insert",), client_rows=None),
    )


def _models() -> None:
    model, class_, indicator = CARD_REFERENCE
    reference_table(
        model,
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_by", sa.Text(), nullable=True),
        _version(),
        _at("created_at"),
        _at("activated_at", nullable=True),
        _at("archived_at", nullable=True),
        _check(model, "status_known", "status in ('DRAFT', 'ACTIVE', 'ARCHIVED')"),
        _check(model, "four_eyes", "activated_by <> created_by"),
        _check(
            model,
            "active_since",
            "status <> 'ACTIVE' or (activated_by is not null and activated_at is not null)",
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{model}"),
        sa.UniqueConstraint("number", name=f"uq_{model}_number"),
    )
    op.create_index(
        f"uq_{model}_active",
        model,
        ["status"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    reference_table(
        class_,
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.Numeric(9, 6), nullable=False),
        _check(class_, "class_code_known", f"class_code in {CLASSES}"),
        _check(class_, "weight_is_a_share", "weight between 0 and 1"),
        _to(class_, "model_id", "scorecard_model.id"),
        sa.PrimaryKeyConstraint("model_id", "class_code", name=f"pk_{class_}"),
    )
    reference_table(
        indicator,
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("floor_value", sa.Numeric(18, 6), nullable=False),
        sa.Column("target_value", sa.Numeric(18, 6), nullable=False),
        sa.Column("weight", sa.Numeric(9, 6), nullable=False),
        _check(indicator, "class_code_known", f"class_code in {CLASSES}"),
        _check(indicator, "direction_known", "direction in ('HIGHER_IS_BETTER', 'LOWER_IS_BETTER')"),
        _check(indicator, "weight_is_a_share", "weight between 0 and 1"),
        _check(
            indicator,
            "target_lies_that_way",
            "(direction = 'HIGHER_IS_BETTER') = (target_value > floor_value) and target_value <> floor_value",
        ),
        _to(indicator, "model_id", "scorecard_model.id"),
        sa.PrimaryKeyConstraint("model_id", "indicator", name=f"pk_{indicator}"),
    )


def _scorecards() -> None:
    card, class_, part = CARD_ROWS
    made_anew = Access(portal=(), headquarters=("insert", "update", "delete"), client_rows=None)
    tenant_table(
        card,
        *_tenant_key(),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("score", sa.Numeric(9, 6), nullable=True),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("computed_by", sa.Text(), nullable=False),
        _at("computed_at"),
        _check(card, "period_known", "period in ('MONTH', 'QUARTER')"),
        _check(card, "score_in_range", "score between 0 and 100"),
        _to(card, "model_id", "scorecard_model.id"),
        sa.UniqueConstraint("branch_id", "period_end", name=f"uq_{card}_branch_id_period_end"),
        *_keys_of(card),
        access=made_anew,
    )
    tenant_table(
        class_,
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("scorecard_id", sa.Uuid(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.Numeric(9, 6), nullable=False),
        sa.Column("points", sa.Numeric(9, 6), nullable=False),
        _check(class_, "class_code_known", f"class_code in {CLASSES}"),
        _within(class_, ["scorecard_id"], card, ["id"]),
        sa.PrimaryKeyConstraint("branch_id", "scorecard_id", "class_code", name=f"pk_{class_}"),
        access=made_anew,
    )
    tenant_table(
        part,
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("scorecard_id", sa.Uuid(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("scaled", sa.Numeric(9, 6), nullable=True),
        sa.Column("weight", sa.Numeric(9, 6), nullable=True),
        sa.Column("points", sa.Numeric(9, 6), nullable=True),
        _check(part, "class_code_known", f"class_code in {CLASSES}"),
        _within(part, ["scorecard_id"], card, ["id"]),
        sa.PrimaryKeyConstraint("branch_id", "scorecard_id", "class_code", "indicator", name=f"pk_{part}"),
        access=made_anew,
    )
