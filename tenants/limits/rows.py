"""Rows of limits as the values that `domain.limits` decides over, and back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from domain.limits.nodes import (
    Balance,
    CapShare,
    Commitment,
    CommitmentStatus,
    Counts,
    LimitNode,
    NodeKind,
    NodeStatus,
    Reinstatement,
    Sharing,
)

_NODE = [
    "branch_id",
    "id",
    "kind",
    "name",
    "parent_branch_id",
    "parent_id",
    "currency",
    "sanctioned_minor",
    "addition_minor",
    "addition_from",
    "addition_until",
    "collateral_cap_minor",
    "regulatory_cap_minor",
    "tolerance",
    "reinstatement",
    "sharing",
    "parent_rate",
    "valid_from",
    "valid_until",
    "status",
    "frozen_by",
    "frozen_as",
    "over_limit",
    "earmarked_minor",
    "reserved_minor",
    "utilised_minor",
    "idle_fenced_minor",
    "dealt_minor",
    "consumed_minor",
    "created_by",
    "approved_by",
    "raised_alone_minor",
    "proposed",
    "proposed_by",
    "proposed_until",
    "version",
]
NODE_COLUMNS = ", ".join(f"n.{name}" for name in _NODE)
"""What `node_of` needs of `bank.limit_node n`."""

_COMMITMENT = [
    "branch_id",
    "id",
    "node_id",
    "client_id",
    "product",
    "currency",
    "status",
    "earmarked_minor",
    "reserved_minor",
    "utilised_minor",
    "granted_minor",
    "expires_at",
    "tenor_months",
    "opened_on",
    "moved_on",
    "overridden_by",
    "version",
]
COMMITMENT_COLUMNS = ", ".join(f"k.{name}" for name in _COMMITMENT)
"""What `commitment_of` needs of `bank.limit_commitment k`."""

TERM_COLUMNS = {
    "name": "name",
    "sanctioned": "sanctioned_minor",
    "addition": "addition_minor",
    "addition_from": "addition_from",
    "addition_until": "addition_until",
    "collateral_cap": "collateral_cap_minor",
    "regulatory_cap": "regulatory_cap_minor",
    "tolerance": "tolerance",
    "reinstatement": "reinstatement",
    "sharing": "sharing",
    "parent_rate": "parent_rate",
    "valid_from": "valid_from",
    "valid_until": "valid_until",
    "status": "status",
    "frozen_by": "frozen_by",
    "frozen_as": "frozen_as",
    "approved_by": "approved_by",
    "raised_alone": "raised_alone_minor",
    "proposed": "proposed",
    "proposed_by": "proposed_by",
    "proposed_until": "proposed_until",
}
"""The columns of a node's terms, by the names in `LimitNode`; its parent has two."""


def key_of(branch_id: int, row_id: Any) -> tuple[int, UUID]:
    """A tenant row's key; the driver's UUIDs are compared as our own."""
    return branch_id, UUID(int=row_id.int)


def node_of(row: Any) -> LimitNode:
    """The node of a row with `NODE_COLUMNS`."""
    parent = row["parent_id"]
    frozen_by = row["frozen_by"]
    return LimitNode(
        key=key_of(row["branch_id"], row["id"]),
        kind=NodeKind(row["kind"]),
        name=row["name"],
        parent=None if parent is None else key_of(row["parent_branch_id"], parent),
        currency=row["currency"],
        sanctioned=row["sanctioned_minor"],
        addition=row["addition_minor"],
        addition_from=row["addition_from"],
        addition_until=row["addition_until"],
        collateral_cap=row["collateral_cap_minor"],
        regulatory_cap=row["regulatory_cap_minor"],
        tolerance=row["tolerance"],
        reinstatement=Reinstatement(row["reinstatement"]),
        sharing=Sharing(row["sharing"]),
        parent_rate=row["parent_rate"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        status=NodeStatus(row["status"]),
        frozen_by=None if frozen_by is None else UUID(int=frozen_by.int),
        frozen_as=row["frozen_as"],
        over_limit=row["over_limit"],
        balance=_balance(row),
        idle_fenced=row["idle_fenced_minor"],
        dealt=row["dealt_minor"],
        consumed=row["consumed_minor"],
        created_by=row["created_by"],
        approved_by=row["approved_by"],
        raised_alone=row["raised_alone_minor"],
        proposed=None if row["proposed"] is None else orjson.loads(row["proposed"]),
        proposed_by=row["proposed_by"],
        proposed_until=row["proposed_until"],
        version=row["version"],
    )


def commitment_of(row: Any) -> Commitment:
    """The commitment of a row with `COMMITMENT_COLUMNS`."""
    return Commitment(
        key=key_of(row["branch_id"], row["id"]),
        node=key_of(row["branch_id"], row["node_id"]),
        client_id=UUID(int=row["client_id"].int),
        product=row["product"],
        currency=row["currency"],
        status=CommitmentStatus(row["status"]),
        balance=_balance(row),
        granted=row["granted_minor"],
        expires_at=row["expires_at"],
        opened_on=row["opened_on"],
        moved_on=row["moved_on"],
        overridden_by=row["overridden_by"],
        version=row["version"],
    )


def share_of(row: Any) -> CapShare:
    """The share of a row of `app.locked_caps`."""
    return CapShare(
        cap_id=row["cap_id"],
        name=row["name"],
        subject=row["subject"],
        share=row["share_minor"],
        used=row["used_minor"],
        counts=Counts(row["counts"]),
        over_limit=row["over_limit"],
        held=row["held_minor"],
    )


def _balance(row: Any) -> Balance:
    return Balance(row["earmarked_minor"], row["reserved_minor"], row["utilised_minor"])
