"""Limits: who may be lent how much, what has been promised, and the ledger that says how it came about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.access import Role
from domain.lending import Product
from domain.limits.freezing import OFFICES
from domain.limits.nodes import (
    TOP_KINDS,
    Bucket,
    CommitmentStatus,
    NodeKind,
    NodeStatus,
    Operation,
    Reinstatement,
    Sharing,
)
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    in_currency,
    metadata,
    minor,
    tenant_foreign_key,
    tenant_key,
    version,
)

ROLES_WITH_AUTHORITY = (
    Role.HEADQUARTERS_ADMINISTRATOR,
    Role.REGIONAL_MANAGER,
    Role.BRANCH_MANAGER,
    Role.CREDIT_OFFICER,
)
"""Who may be trusted with lending beyond a limit, up to an amount."""

_TOPS = ", ".join(f"'{kind}'" for kind in NodeKind if kind in TOP_KINDS)
_OFFICES = ", ".join(f"'{role}'" for role in OFFICES)
_CLIENTS_FACILITY = ("branch_id", "client_id", "facility_id")


def _key() -> list[Column[Any]]:
    """A tenant's key without one to the unit: the node has it."""
    return [
        Column("branch_id", Integer, primary_key=True, autoincrement=False, nullable=False),
        Column("id", Uuid, primary_key=True, nullable=False),
    ]


def _amount(name: str) -> Column[Any]:
    return minor(name, nullable=False, default="0")


def _facility_of_the_client() -> ForeignKeyConstraint:
    target = f"{SCHEMA}.facility"
    return ForeignKeyConstraint(
        _CLIENTS_FACILITY, [f"{target}.branch_id", f"{target}.client_id", f"{target}.id"]
    )


def _where(name: str, columns: str, condition: str, *, unique: bool = False) -> Index:
    return Index(name, "branch_id", *columns.split(), unique=unique, postgresql_where=text(condition))


limit_policy = Table(
    "limit_policy",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default="true"),
    # Which question's answers the sublimits of a branch are for.
    Column("segment_dimension", Text, nullable=False, server_default="relationshipType"),
    # How long an earmark holds where nobody says.
    Column("earmark_days", Integer, nullable=False, server_default="30"),
    # How long one may hold at most, from the day on which it was made, extensions included.
    Column("longest_earmark_days", Integer, nullable=False, server_default="180"),
    # How long a proposed change of a limit waits for a second person.
    Column("proposal_days", Integer, nullable=False, server_default="30"),
    # Whether more may be drawn than was reserved, as far as there is room.
    Column("draws_beyond_reservation", Boolean, nullable=False, server_default="true"),
    CheckConstraint("singleton", name="one_row"),
    CheckConstraint("earmark_days between 1 and longest_earmark_days", name="earmark_plausible"),
    CheckConstraint("longest_earmark_days <= 3650", name="longest_earmark_plausible"),
    CheckConstraint("proposal_days between 1 and 3650", name="proposal_plausible"),
)

delegated_authority = Table(
    "delegated_authority",
    metadata,
    Column("role", Text, primary_key=True),
    code("role", ROLES_WITH_AUTHORITY)[1],
    minor("amount", nullable=False),
    in_currency(),
    CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
)
"""Up to what amount a role may let a client exceed a limit."""

limit_node = Table(
    "limit_node",
    metadata,
    *tenant_key(),
    *code("kind", NodeKind),
    Column("name", Text, nullable=False),
    # Of a unit's own node, in another tenant; of every other node, in its own.
    Column("parent_branch_id", Integer),
    Column("parent_id", Uuid),
    Column(
        "inner_parent_id",
        Uuid,
        Computed("case when parent_branch_id = branch_id then parent_id end", persisted=True),
    ),
    Column("client_id", Uuid),
    Column("facility_id", Uuid),
    *code("product", Product, nullable=True),
    # Clients whose segment in this dimension has this value draw on it, where nothing nearer is theirs.
    Column("segment_dimension", Text),
    Column("segment_value", Text),
    # The allocation that made it.
    Column("period_id", Integer),
    in_currency(),
    minor("sanctioned", nullable=False),
    _amount("addition"),
    Column("addition_from", Date),
    Column("addition_until", Date),
    minor("collateral_cap"),
    minor("regulatory_cap"),
    Column("tolerance", Numeric(9, 6), nullable=False, server_default="0"),
    *code("reinstatement", Reinstatement, default=Reinstatement.REVOLVING),
    *code("sharing", Sharing, default=Sharing.SHARED),
    # What one unit of this node's currency is in its parent's.
    Column("parent_rate", Numeric(18, 9), nullable=False, server_default="1"),
    # Both days included.
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date, nullable=False),
    *code("status", NodeStatus, default=NodeStatus.DRAFT),
    # The node above whose freezing froze this one.
    Column("frozen_by", Uuid),
    # Whose freeze it is: no office below ends it.
    Column("frozen_as", Text),
    Column("over_limit", Boolean, nullable=False, server_default="false"),
    # Of the node and everything below it in its tenant: the sum of its postings.
    *(_amount(bucket.lower()) for bucket in Bucket),
    _amount("idle_fenced"),
    # What was dealt to nodes of other tenants, which headquarters alone changes.
    _amount("dealt"),
    # What was repaid here and may not be lent again.
    _amount("consumed"),
    Column(
        "committed_minor",
        BigInteger,
        Computed(
            "earmarked_minor + reserved_minor + utilised_minor + idle_fenced_minor + dealt_minor + consumed_minor",
            persisted=True,
        ),
        nullable=False,
    ),
    # What changed its balance last: a trigger holds the one to the other.
    Column("last_movement_id", Uuid),
    Column("created_by", Text, nullable=False),
    Column("approved_by", Text),
    # By how much one person has raised it since a second one looked at it.
    _amount("raised_alone"),
    # A change that waits for a second person: its operation, and the terms as they would become.
    Column("proposed", JSONB),
    Column("proposed_by", Text),
    Column("proposed_until", Date),
    # Counts the changes of its terms: who books upon it does not disturb who reads them.
    version(),
    at("created_at"),
    at("updated_at"),
    tenant_foreign_key(["inner_parent_id"], "limit_node"),
    tenant_foreign_key(["client_id"], "client"),
    _facility_of_the_client(),
    CheckConstraint("(parent_branch_id is null) = (parent_id is null)", name="parent_stated_whole"),
    CheckConstraint(f"(kind in ({_TOPS})) = (inner_parent_id is null)", name="top_of_a_unit"),
    CheckConstraint("kind <> 'BANK' or parent_id is null", name="bank_at_the_top"),
    # Its terms stand in another tenant's sum, which a branch that books may not touch.
    CheckConstraint(
        f"kind not in ({_TOPS}) or (sharing = 'RING_FENCED' and reinstatement <> 'REDUCING')",
        name="top_is_fenced",
    ),
    CheckConstraint("kind not in ('CLIENT', 'FACILITY') or client_id is not null", name="client_stated"),
    CheckConstraint("(segment_dimension is null) = (segment_value is null)", name="segment_stated_whole"),
    CheckConstraint(
        "sanctioned_minor >= 0 and addition_minor >= 0 "
        "and collateral_cap_minor >= 0 and regulatory_cap_minor >= 0",
        name="amounts_not_negative",
    ),
    CheckConstraint(
        "earmarked_minor >= 0 and reserved_minor >= 0 and utilised_minor >= 0 "
        "and idle_fenced_minor >= 0 and dealt_minor >= 0 and consumed_minor >= 0",
        name="buckets_not_negative",
    ),
    # The net below everything: even a mistake above cannot sell what is not there.
    CheckConstraint(
        "over_limit or committed_minor <= (1 + tolerance) * "
        "least(sanctioned_minor::numeric + addition_minor, collateral_cap_minor, regulatory_cap_minor)",
        name="within_its_limit",
    ),
    CheckConstraint("tolerance between 0 and 1", name="tolerance_is_a_fraction"),
    CheckConstraint("parent_rate > 0", name="rate_positive"),
    CheckConstraint(
        "(addition_from is null) = (addition_until is null) "
        "and (addition_minor = 0 or addition_from is not null) and addition_until >= addition_from",
        name="addition_dated",
    ),
    CheckConstraint("valid_until >= valid_from", name="validity_in_order"),
    # Whoever made it is not the one to put it into force.
    CheckConstraint("approved_by <> created_by", name="four_eyes"),
    CheckConstraint("raised_alone_minor >= 0", name="raised_alone_not_negative"),
    CheckConstraint("num_nulls(proposed, proposed_by, proposed_until) in (0, 3)", name="proposed_whole"),
    CheckConstraint(f"frozen_as in ({_OFFICES})", name="frozen_as_known"),
    CheckConstraint("status in ('DRAFT', 'CLOSED') or approved_by is not null", name="approved_by_somebody"),
    _where("uq_limit_node_top", "", f"kind in ({_TOPS}) and status <> 'CLOSED'", unique=True),
    _where("uq_limit_node_client", "client_id", "kind = 'CLIENT' and status <> 'CLOSED'", unique=True),
    _where("ix_limit_node_branch_id_client_id", "client_id product id", "client_id is not null"),
    _where(
        "ix_limit_node_branch_id_segment",
        "segment_dimension segment_value id",
        "segment_value is not null and status <> 'CLOSED'",
    ),
    Index("ix_limit_node_branch_id_inner_parent_id", "branch_id", "inner_parent_id", "id"),
)

limit_node_version = Table(
    "limit_node_version",
    metadata,
    *_key(),
    Column("node_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent_branch_id", Integer),
    Column("parent_id", Uuid),
    minor("sanctioned", nullable=False),
    minor("addition", nullable=False),
    Column("addition_from", Date),
    Column("addition_until", Date),
    minor("collateral_cap"),
    minor("regulatory_cap"),
    Column("tolerance", Numeric(9, 6), nullable=False),
    Column("reinstatement", Text, nullable=False),
    Column("sharing", Text, nullable=False),
    Column("parent_rate", Numeric(18, 9), nullable=False),
    # Of the node: its validity, both days included.
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("status", Text, nullable=False),
    Column("frozen_by", Uuid),
    # Of this version, in the bank's time.
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False, server_default=text("'infinity'")),
    tenant_foreign_key(["node_id"], "limit_node"),
    CheckConstraint("valid_until >= valid_from", name="time_in_order"),
    _where("uq_limit_node_version_open", "node_id", "valid_until = 'infinity'", unique=True),
    Index("ix_limit_node_version_branch_id_node_id", "branch_id", "node_id", "valid_from", "id"),
)
"""The terms of a node as they were, kept by a trigger."""

limit_commitment = Table(
    "limit_commitment",
    metadata,
    *_key(),
    Column("node_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    *code("product", Product, nullable=True),
    Column("currency", Text, nullable=False),
    *code("status", CommitmentStatus),
    # What it holds now.
    *(_amount(bucket.lower()) for bucket in Bucket),
    # The most that it ever held.
    minor("granted", nullable=False),
    at("expires_at", nullable=True),
    # Null where nobody said for how long.
    Column("tenor_months", Integer),
    Column("facility_id", Uuid),
    # The parts of one deal over several branches have the same.
    Column("syndication_id", Uuid),
    Column("overridden_by", Text),
    Column("opened_on", Date, nullable=False),
    # The value date of its last movement.
    Column("moved_on", Date, nullable=False),
    version(),
    at("created_at"),
    at("updated_at"),
    tenant_foreign_key(["node_id"], "limit_node"),
    tenant_foreign_key(["client_id"], "client"),
    _facility_of_the_client(),
    CheckConstraint(
        "earmarked_minor >= 0 and reserved_minor >= 0 and utilised_minor >= 0", name="buckets_not_negative"
    ),
    CheckConstraint(
        "granted_minor >= earmarked_minor + reserved_minor + utilised_minor", name="granted_is_the_most"
    ),
    CheckConstraint(
        "status in ('EARMARKED', 'RESERVED', 'UTILISED') "
        "or earmarked_minor + reserved_minor + utilised_minor = 0",
        name="ended_holds_nothing",
    ),
    CheckConstraint("tenor_months > 0", name="tenor_positive"),
    CheckConstraint("status <> 'EARMARKED' or expires_at is not null", name="earmark_expires"),
    _where("ix_limit_commitment_due", "expires_at id", "status = 'EARMARKED'"),
    _where("uq_limit_commitment_facility", "facility_id", "facility_id is not null", unique=True),
    Index("ix_limit_commitment_branch_id_client_id", "branch_id", "client_id", "id"),
    Index("ix_limit_commitment_branch_id_node_id", "branch_id", "node_id", "id"),
    _where("ix_limit_commitment_syndication", "syndication_id", "syndication_id is not null"),
)

limit_movement = Table(
    "limit_movement",
    metadata,
    *_key(),
    Column("commitment_id", Uuid),
    Column("node_id", Uuid, nullable=False),
    *code("operation", Operation),
    minor("amount"),
    Column("currency", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("actor", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("payload_sha256", Text),
    Column("reason", Text),
    Column("reverses_id", Uuid),
    # What it changed beside the balances.
    Column("before", JSONB),
    Column("after", JSONB),
    # In the bank's time, as its terms and segments are.
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("app.moment()")),
    tenant_foreign_key(["commitment_id"], "limit_commitment"),
    tenant_foreign_key(["node_id"], "limit_node"),
    tenant_foreign_key(["reverses_id"], "limit_movement"),
    CheckConstraint("(idempotency_key is null) = (payload_sha256 is null)", name="key_with_payload"),
    CheckConstraint("(operation = 'REVERSE') = (reverses_id is not null)", name="reverses_one"),
    _where("uq_limit_movement_reverses_id", "reverses_id", "reverses_id is not null", unique=True),
    _where("ix_limit_movement_branch_id_commitment_id", "commitment_id id", "commitment_id is not null"),
    Index("ix_limit_movement_branch_id_node_id", "branch_id", "node_id", "id"),
    _where("ix_limit_movement_overrides", "commitment_id", "operation = 'OVERRIDE'"),
)
"""The ledger. It only grows: no login may change or delete a row, and a trigger refuses everybody else."""

limit_posting = Table(
    "limit_posting",
    metadata,
    Column("branch_id", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("movement_id", Uuid, primary_key=True, nullable=False),
    Column("node_id", Uuid, primary_key=True, nullable=False),
    Column("bucket", Text, primary_key=True, nullable=False),
    minor("delta", nullable=False),
    code("bucket", Bucket)[1],
    tenant_foreign_key(["movement_id"], "limit_movement"),
    tenant_foreign_key(["node_id"], "limit_node"),
    CheckConstraint("delta_minor <> 0", name="moves_something"),
    Index("ix_limit_posting_branch_id_node_id", "branch_id", "node_id", "movement_id"),
)
"""What a movement adds to a bucket of a node: of its leaf and of all above it, in each node's currency."""
