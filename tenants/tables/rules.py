"""What a client is to the bank: dimensions, the rule sets that decide them, what they have said over time."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    metadata,
    of_client,
    tenant_foreign_key,
    tenant_key,
    version,
)

RULE_SET_STATUSES = ("DRAFT", "SIMULATED", "ACTIVE", "ARCHIVED")
CAUSES = ("CHANGE", "ACTIVATION", "SNAPSHOT")
SHIPPED_BY = "branchgraph"
"""Who is said to have written what ships."""

dimension = Table(
    "dimension",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    # Whether a unit may have rules of its own, for itself and what lies below it.
    Column("overridable", Boolean, nullable=False, server_default="false"),
    at("created_at"),
    # Rule sets name it as `segment.<code>`.
    CheckConstraint("code ~ '^[a-z][A-Za-z0-9]{0,49}$'", name="code_is_a_name"),
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("dimension_code", Text, ForeignKey(f"{SCHEMA}.dimension.code"), nullable=False),
    Column("number", Integer, nullable=False),
    # Whose rules they are: of this unit and what lies below it, or of the whole bank.
    Column("unit_id", Integer, ForeignKey(f"{SCHEMA}.unit.id")),
    *code("status", RULE_SET_STATUSES, default="DRAFT"),
    Column("body", JSONB, nullable=False),
    # In force from the first day until before the second; both missing until it is activated.
    Column("effective_from", Date),
    Column("effective_until", Date),
    Column("note", Text),
    Column("created_by", Text, nullable=False),
    at("created_at"),
    Column("edited_by", Text, nullable=False),
    at("edited_at"),
    Column("simulated_by", Text),
    at("simulated_at", nullable=True),
    Column("activated_by", Text),
    at("activated_at", nullable=True),
    # Missing where it ended by itself: on its last day, or as others came into force.
    Column("archived_by", Text),
    version(),
    UniqueConstraint(
        "dimension_code",
        "unit_id",
        "number",
        name="uq_rule_set_number",
        postgresql_nulls_not_distinct=True,
    ),
    # One rule set of a dimension and unit at a time. Ranges, since their operator class needs no extension.
    ExcludeConstraint(
        (text("app.codes(dimension_code, dimension_code, '[]')"), "&&"),
        (text("int4range(coalesce(unit_id, 0), coalesce(unit_id, 0), '[]')"), "&&"),
        (text("daterange(effective_from, effective_until)"), "&&"),
        using="gist",
        where=text("effective_from is not null"),
        name="ex_rule_set_one_at_a_time",
    ),
    CheckConstraint("effective_until >= effective_from", name="effect_in_order"),
    CheckConstraint("effective_until is null or effective_from is not null", name="effect_has_begun"),
    CheckConstraint(
        "(activated_at is null) = (effective_from is null) and (activated_at is null) = (activated_by is null)",
        name="activated_with_a_day",
    ),
    CheckConstraint("status <> 'ACTIVE' or effective_from is not null", name="active_has_a_day"),
    CheckConstraint("effective_from is null or status in ('ACTIVE', 'ARCHIVED')", name="draft_has_no_effect"),
    CheckConstraint("status <> 'SIMULATED' or simulated_at is not null", name="simulated_at_a_time"),
    # Four eyes, whoever goes around the application.
    CheckConstraint("activated_by <> created_by and activated_by <> edited_by", name="four_eyes"),
    CheckConstraint(
        "activated_by is null or archived_by not in (activated_by, created_by, edited_by)",
        name="ended_by_another",
    ),
)

# What the simulation of this very body has found, over all branches: only headquarters' login reads it.
rule_set_simulation = Table(
    "rule_set_simulation",
    metadata,
    Column(
        "rule_set_id", Integer, ForeignKey(f"{SCHEMA}.rule_set.id"), primary_key=True, autoincrement=False
    ),
    Column("found", JSONB, nullable=False),
)

rules_change = Table(
    "rules_change",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default="true"),
    # Raised whenever other rules may be in force for somebody (by triggers), and with playbooks and divisions.
    Column("counter", BigInteger, nullable=False, server_default="0"),
    # Up to which counter every client's history and tasks have followed.
    Column("settled", BigInteger, nullable=False, server_default="0"),
    # Another one whenever other rules may be in force; never given twice, as the counter is after a rollback.
    Column("mark", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    CheckConstraint("singleton", name="only_one_row"),
    CheckConstraint("settled <= counter", name="settled_what_was"),
)

segment_history = Table(
    "segment_history",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("dimension_code", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("rule_set_id", Integer, nullable=False),
    at("valid_from"),
    Column("valid_until", DateTime(timezone=True), nullable=False, server_default=text("'infinity'")),
    *code("cause", CAUSES),
    tenant_foreign_key(["client_id"], "client"),
    CheckConstraint("valid_until >= valid_from", name="time_in_order"),
    Index(
        "uq_segment_history_open",
        "branch_id",
        "client_id",
        "dimension_code",
        unique=True,
        postgresql_where=text("valid_until = 'infinity'"),
    ),
    Index(
        "ix_segment_history_branch_id_client_id",
        "branch_id",
        "client_id",
        "dimension_code",
        "valid_from",
        "id",
    ),
)
