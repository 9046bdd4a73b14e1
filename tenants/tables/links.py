"""Who is connected with whom, and how groups were derived from it. The groups themselves: `facts.client_group`."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domain.connections.kinds import LinkDirection, LinkKind
from tenants.tables.columns import (
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

client_link = Table(
    "client_link",
    metadata,
    # Recorded by the branch that keeps the client; the other party is a company, whether anybody's client or not.
    *tenant_key(),
    *of_client(),
    *code("kind", LinkKind),
    *code("direction", LinkDirection),
    Column("related_country", Text, nullable=False),
    Column("related_number", Text, nullable=False),
    Column("related_name", Text),
    # Of what is owned: a fraction of the whole, 0.51 for 51 %.
    Column("share", Numeric(9, 6)),
    # Of what is guaranteed: the most that it may cost; missing where the guarantee has no limit.
    in_currency(nullable=True),
    minor("amount"),
    Column("valid_from", Date, nullable=False),
    # The first day on which it no longer holds.
    Column("valid_until", Date),
    Column("source", Text, nullable=False),
    Column("reference", Text, nullable=False),
    # A person's word for it, until another has confirmed it; null where an import brought it, which confirms it.
    Column("recorded_by", Text),
    Column("confirmed_by", Text),
    version(),
    at("recorded_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint("branch_id", "source", "reference"),
    CheckConstraint("related_country ~ '^[A-Z]{2}$'", name="country_iso_3166"),
    CheckConstraint("(share is not null) = (kind = 'OWNERSHIP')", name="share_of_ownership"),
    CheckConstraint("share > 0 and share <= 1", name="share_is_a_fraction"),
    CheckConstraint("amount_minor is null or kind = 'GUARANTEE'", name="amount_of_guarantee"),
    CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
    CheckConstraint("(amount_minor is null) = (currency is null)", name="amount_has_currency"),
    CheckConstraint("valid_until >= valid_from", name="ends_after_it_begins"),
    CheckConstraint("confirmed_by <> recorded_by", name="confirmed_by_another"),
    Index("ix_client_link_branch_id_client_id", "branch_id", "client_id", "valid_from", "id"),
    # A company's links are recorded by whichever branches keep its clients: this finds them all.
    Index("ix_client_link_related", "related_number", "related_country", "branch_id"),
)

connection_rule = Table(
    "connection_rule",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default="true"),
    # More than this share of a company, alone or with what one controls, is control of it.
    Column("control_share", Numeric(9, 6), nullable=False, server_default="0.5"),
    Column("guarantees_connect", Boolean, nullable=False, server_default="false"),
    at("updated_at"),
    CheckConstraint("singleton", name="one_row"),
    CheckConstraint("control_share >= 0 and control_share < 1", name="control_share_is_a_fraction"),
)

group_derivation = Table(
    "group_derivation",
    metadata,
    # The unit whose derivation it is: headquarters, which alone sees all links.
    *tenant_key(),
    Column("derived_by", Text, nullable=False),
    at("derived_at"),
    # As of which day the links were read, and under which rule.
    Column("day", Date, nullable=False),
    Column("control_share", Numeric(9, 6), nullable=False),
    Column("guarantees_connect", Boolean, nullable=False),
    Column("links", Integer, nullable=False),
    Column("companies", Integer, nullable=False),
    Column("groups", Integer, nullable=False),
    Column("clients", Integer, nullable=False),
    Column("clients_changed", Integer, nullable=False),
    # Numbers are never given twice, also not those of groups that are no more.
    Column("last_group_no", BigInteger, nullable=False),
    Index("ix_group_derivation_branch_id_derived_at", "branch_id", "derived_at", "id"),
)

related_company = Table(
    "related",
    MetaData(),
    Column("distance", Integer, primary_key=True, autoincrement=False),
    Column("country", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("name", Text),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("branch_id", Integer),
    Column("client_id", Uuid),
)
"""What the function `app.related` makes: the companies on the way from a client, the key being their order."""
