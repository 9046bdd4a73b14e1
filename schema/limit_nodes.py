"""Limits, what has been promised under them, and the ledger of it, as callers see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, Text, cast, func, select

from domain.lending import Product
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.fields import amount, bound, column, connection, expression, object_of, to_one
from schema.lending import FACILITY
from schema.limit_codes import (
    Bucket,
    CommitmentStatus,
    NodeKind,
    NodeStatus,
    Operation,
    Reinstatement,
    Sharing,
)
from schema.money import Money
from schema.scalars import Json
from tenants.tables.limits import limit_node, limit_posting

NODE = {"branch_id": "branch_id", "id": "node_id"}
OF_NODE = {"branch_id": "branch_id", "node_id": "id"}
COMMITMENT = {"branch_id": "branch_id", "id": "commitment_id"}
OF_COMMITMENT = {"branch_id": "branch_id", "commitment_id": "id"}
MOVEMENT = {"branch_id": "branch_id", "id": "movement_id"}
LATEST_FIRST = ("-id",)


def money_of(kept: dict[str, str]) -> Money:
    """An amount from the object that `app.money` makes."""
    return Money(amount=Decimal(kept["amount"]), currency=kept["currency"])


def _of_node(
    minor: Callable[[Any], ColumnElement[Any]],
) -> Callable[[FromClause], ColumnElement[Any]]:
    """An amount worked out of a limit's row, in its currency."""

    def sql(row: FromClause) -> ColumnElement[Any]:
        node = limit_node.alias()
        found = select(func.app.money(minor(node.c), node.c.currency))
        same = node.c.branch_id == row.c.branch_id, node.c.id == row.c.id
        return found.where(*same).correlate_except(node).scalar_subquery()

    return sql


def _effective(c: Any) -> ColumnElement[Any]:
    return func.app.limit_in_effect(
        func.app.today(),
        *(c.status, c.valid_from, c.valid_until, c.sanctioned_minor, c.addition_minor),
        *(c.addition_from, c.addition_until, c.collateral_cap_minor, c.regulatory_cap_minor),
    )


def _committed_fraction(node: FromClause) -> ColumnElement[Any]:
    return func.app.fraction(cast(node.c.committed_minor, Numeric), cast(_effective(node.c), Numeric))


def _posted(row: FromClause) -> ColumnElement[Any]:
    """A posting's amount, in the currency of its limit."""
    node, posting = limit_node.alias(), limit_posting.alias()
    same = (posting.c[name] == row.c[name] for name in ("branch_id", "movement_id", "node_id", "bucket"))
    return (
        select(func.app.money(posting.c.delta_minor, node.c.currency))
        .where(*same, node.c.branch_id == posting.c.branch_id, node.c.id == posting.c.node_id)
        .correlate_except(node, posting)
        .scalar_subquery()
    )


@bound("limit_node", hidden_from_clients=True)
class LimitNode(Node):
    """A limit: how much may be committed under it. What it holds is of the limit and all below it in its branch."""

    kind: NodeKind = column("kind", "What it is for.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True, order=True)
    status: NodeStatus = column("status", "Where it is in its life.", where=True)
    product: Product | None = column("product", "Only for this kind of credit.", where=True)
    segment_dimension: str | None = column("segment_dimension", "The dimension of `segment`.", where=True)
    segment: str | None = column("segment_value", "Only for the clients of this segment.", where=True)
    currency: str = column("currency", "ISO 4217 code that it is kept in.", where=True)
    sanctioned: Money = amount("sanctioned", "How much was granted.", where=True, order=True)
    addition: Money = amount("addition", "What was granted on top, for some days.", where=True)
    addition_from: dt.date | None = column("addition_from", "From which day.", where=True)
    addition_until: dt.date | None = column("addition_until", "Until which day, which counts.", where=True)
    collateral_cap: Money | None = amount("collateral_cap", "No more than the security is worth.", where=True)
    regulatory_cap: Money | None = amount("regulatory_cap", "No more than the supervisor allows.", where=True)
    tolerance: Decimal = column("tolerance", "By which fraction drawdowns may exceed it.", where=True)
    reinstatement: Reinstatement = column("reinstatement", "What repayments do to its room.", where=True)
    sharing: Sharing = column("sharing", "How it stands in the limit above it.", where=True)
    parent_rate: Decimal = column(
        "parent_rate", "How many minor units of the parent's currency one minor unit of its own is worth."
    )
    valid_from: dt.date = column("valid_from", "The first day on which it may be drawn on.", where=True)
    valid_until: dt.date = column("valid_until", "The last one.", where=True, order=True)
    over_limit: bool = column(
        "over_limit",
        "Whether more is committed than is granted now: nothing new until that has passed.",
        where=True,
    )
    effective: Money = object_of(
        "effective",
        money_of,
        "What is in effect on the bank's day: with the addition, within the caps; nothing while not in force.",
        sql=_of_node(_effective),
    )
    earmarked: Money = amount("earmarked", "Held for applications.", where=True, order=True)
    reserved: Money = amount("reserved", "Approved and not drawn.", where=True, order=True)
    utilised: Money = amount("utilised", "Drawn and owed.", where=True, order=True)
    idle_fenced: Money = amount(
        "idle_fenced", "What ring-fenced limits below it hold and do not use.", where=True
    )
    dealt: Money = amount("dealt", "What was dealt to the limits of units below.", where=True)
    consumed: Money = amount("consumed", "What was paid back and may not be drawn again.", where=True)
    committed: Money = amount("committed", "All that stands against it.", where=True, order=True)
    headroom: Money = object_of(
        "headroom",
        money_of,
        "What is left of `effective`; below nothing where a cut has gone too far.",
        sql=_of_node(lambda c: _effective(c) - c.committed_minor),
    )
    committed_fraction: Decimal | None = expression(
        _committed_fraction,
        "What part of `effective` is `committed`, to six places: 1 is full; null where nothing is in effect.",
        where=True,
    )
    created_by: str = column("created_by", "Who drafted it.", where=True)
    approved_by: str | None = column("approved_by", "Who approved it.", where=True)
    frozen_as: str | None = column(
        "frozen_as", "The role that froze it: no office below that one ends the freeze.", where=True
    )
    raised_alone: Money = amount(
        "raised_alone", "By how much one person has raised it since a second one looked at it.", where=True
    )
    proposed: Json | None = column(
        "proposed", "A change that waits for a second person's approval: the terms as they would become."
    )
    proposed_by: str | None = column("proposed_by", "Who proposed that.", where=True)
    proposed_until: dt.date | None = column(
        "proposed_until", "The last day on which it may be approved.", where=True
    )
    version: int = column("version", "Counts changes of its terms; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    updated_at: dt.datetime = column("updated_at", "When its terms last changed.", where=True)
    unit: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The unit whose limit it is.", required=True)
    parent: Any = to_one(
        "LimitNode",
        {"branch_id": "parent_branch_id", "id": "parent_id"},
        "The limit above it; null at the top, or where that is out of sight.",
    )
    children: Any = connection(
        "LimitNode",
        "The limits of the same unit right below it.",
        on={"branch_id": "branch_id", "inner_parent_id": "id"},
        order=("name",),
    )
    client: Any = to_one("Client", CLIENT, "Whose limit it is, where it is one client's.")
    facility: Any = to_one("Facility", FACILITY, "The facility that it is for.")
    commitments: Any = connection(
        "LimitCommitment",
        "What was promised on this very limit, latest first.",
        on=OF_NODE,
        order=LATEST_FIRST,
    )
    movements: Any = connection(
        "LimitMovement", "What was booked on this very limit, latest first.", on=OF_NODE, order=LATEST_FIRST
    )


@bound("limit_commitment", hidden_from_clients=True)
class LimitCommitment(Node):
    """What the bank has promised a client under a limit: held, approved, drawn."""

    status: CommitmentStatus = column("status", "Where it is in its life.", where=True)
    product: Product | None = column("product", "What kind of credit.", where=True)
    currency: str = column("currency", "ISO 4217 code that it is in.", where=True)
    earmarked: Money = amount("earmarked", "What it holds for an application.", where=True, order=True)
    reserved: Money = amount("reserved", "What is approved and not drawn.", where=True, order=True)
    utilised: Money = amount("utilised", "What is drawn and owed.", where=True, order=True)
    granted: Money = amount("granted", "The most that it ever held.", where=True, order=True)
    expires_at: dt.datetime | None = column(
        "expires_at", "When a hold ends by itself.", where=True, order=True
    )
    syndication_id: str | None = expression(
        lambda row: cast(row.c.syndication_id, Text),
        "The same for all parts of one deal over several branches.",
    )
    overridden_by: str | None = column(
        "overridden_by", "Who approved it beyond what was available.", where=True
    )
    opened_on: dt.date = column("opened_on", "When it began.", where=True, order=True)
    moved_on: dt.date = column("moved_on", "The value date of its last movement.", where=True, order=True)
    version: int = column("version", "Counts changes.")
    created_at: dt.datetime = column("created_at", "When it was recorded.", where=True, order=True)
    updated_at: dt.datetime = column("updated_at", "When it last changed.", where=True)
    node: Any = to_one("LimitNode", NODE, "The limit that it draws on.", required=True)
    client: Any = to_one("Client", CLIENT, "To whom.", required=True)
    facility: Any = to_one("Facility", FACILITY, "The facility that came of it.")
    branch: Any = to_one(
        "OrganisationUnit", {"id": "branch_id"}, "The branch that promised it.", required=True
    )
    movements: Any = connection(
        "LimitMovement", "What became of it, latest first.", on=OF_COMMITMENT, order=LATEST_FIRST
    )


@bound("limit_movement", hidden_from_clients=True)
class LimitMovement(Node):
    """A line of the ledger: it is never changed; what was wrong is reversed by another one."""

    operation: Operation = column("operation", "What happened.", where=True)
    amount: Money | None = amount("amount", "How much, where it is about an amount.", where=True, order=True)
    value_date: dt.date = column("value_date", "The bank's day on which it counts.", where=True, order=True)
    actor: str = column("actor", "Who did it.", where=True)
    idempotency_key: str | None = column(
        "idempotency_key", "The caller's key; null where nobody asked for it.", where=True
    )
    payload_sha256: str | None = column("payload_sha256", "The digest of all that the caller said with it.")
    reason: str | None = column("reason", "Why, where that was said.")
    before: Json | None = column("before", "The terms that it changed, as they were.")
    after: Json | None = column("after", "The terms that it changed, as they became.")
    recorded_at: dt.datetime = column("recorded_at", "When it was recorded.", where=True, order=True)
    node: Any = to_one("LimitNode", NODE, "The limit that was drawn on or changed.", required=True)
    commitment: Any = to_one("LimitCommitment", COMMITMENT, "The commitment that it moved.")
    reverses: Any = to_one(
        "LimitMovement", {"branch_id": "branch_id", "id": "reverses_id"}, "The movement that it undoes."
    )
    reversed_by: Any = to_one(
        "LimitMovement", {"branch_id": "branch_id", "reverses_id": "id"}, "The movement that undid it."
    )
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "Whose ledger it is in.", required=True)
    postings: Any = connection(
        "LimitPosting",
        "What it added to the limit and to those above it.",
        on={"branch_id": "branch_id", "movement_id": "id"},
        order=("node_id", "bucket"),
    )


@bound("limit_posting", hidden_from_clients=True)
class LimitPosting(Node):
    """What a movement added to one bucket of one limit."""

    bucket: Bucket = column("bucket", "To what.", where=True)
    delta: Money = object_of(
        "delta", money_of, "How much, in the limit's currency; below nothing where it was taken.", sql=_posted
    )
    node: Any = to_one("LimitNode", NODE, "The limit.", required=True)
    movement: Any = to_one("LimitMovement", MOVEMENT, "The movement.", required=True)
