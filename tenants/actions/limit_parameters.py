"""Changing limits themselves: drafted, approved by a second person, put into force, adjusted, frozen, closed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.access import Role
from domain.limits import freezing, parameters, raising, rearranging, terms
from domain.limits.movements import Booked, Place
from domain.limits.nodes import (
    TOP_KINDS,
    LimitNode,
    NodeKey,
    NodeKind,
    NodeStatus,
    Reinstatement,
    Sharing,
)
from domain.money import Money
from domain.refusals import Refusal, RefusalCode, changed_since, not_found
from tenants.actions.asked import Asked, authority_of
from tenants.actions.once import Contended, Done, Outcome, Refused
from tenants.limits.reading import Path, along, lock_nodes, path_of_node
from tenants.limits.rows import NODE_COLUMNS, key_of, node_of
from tenants.limits.writing import write
from tenants.transaction import Transaction

_OF_THE_TENANT = ("client_id", "facility_id", "product", "segment_value")
_FIELDS = {
    "name": "name",
    "sanctioned_minor": "sanctioned",
    "collateral_cap_minor": "collateral_cap",
    "regulatory_cap_minor": "regulatory_cap",
    "tolerance": "tolerance",
    "reinstatement": "reinstatement",
    "sharing": "sharing",
    "valid_from": "valid_from",
    "valid_until": "valid_until",
}
_CODES = {"reinstatement": Reinstatement, "sharing": Sharing}


async def create(
    transaction: Transaction, asked: Asked, parent: NodeKey | None, facts: dict[str, Any]
) -> Outcome:
    """Draft a limit below another one; `unit_id` says whose own it is to be, where it is a unit's."""
    kind = NodeKind(facts["kind"])
    if parent is None and (refusal := terms.parent_missing(kind)):
        return Refused(refusal)
    branch_id = facts.get("unit_id") if kind in TOP_KINDS else parent and parent[0]
    if branch_id is None or facts.get("branch_id", branch_id) != branch_id:
        return Refused(not_found("limit of this client's branch", "parentId"))
    if refused := _not_theirs(asked, is_top=kind in TOP_KINDS):
        return refused
    above: LimitNode | None = None
    if parent is not None:
        nodes = await lock_nodes(transaction, [parent])
        if parent not in nodes:
            return Refused(not_found("limit", "parentId"))
        above = nodes[parent]
    node = LimitNode(
        key=(branch_id, uuid7()),
        kind=kind,
        parent=parent,
        currency=facts["currency"],
        parent_rate=facts.get("parent_rate") or Decimal(1),
        created_by=asked.actor,
        **_terms(facts),
    )
    booked = parameters.open_node(node, above, asked.day)
    if isinstance(booked, Refusal):
        return Refused(booked)
    whose = {name: facts[name] for name in _OF_THE_TENANT if facts.get(name) is not None}
    if "segment_value" in whose:
        rows = await transaction.fetch("select p.segment_dimension from bank.limit_policy p", ())
        whose["segment_dimension"] = rows[0]["segment_dimension"]
    await write(transaction, booked, asked.author, whose=whose, answers=False)
    return Done(node.key)


async def approve(transaction: Transaction, asked: Asked, node: NodeKey, expected_version: int) -> Outcome:
    """Say as a second person that a drafted limit, or a proposed change of one in force, is right."""
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    within = (await _below(transaction, node)).within if found.place.leaf.proposed else None
    booked = parameters.approve(found.place, asked.actor, found.above, within=within)
    return await _written(transaction, asked, node, booked)


async def activate(transaction: Transaction, asked: Asked, node: NodeKey, expected_version: int) -> Outcome:
    """Put an approved limit into force; not while an office above has frozen another one of its client."""
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    beside = await transaction.fetch(_FROZEN_BESIDE, node)
    if refusal := freezing.set_above([node_of(row) for row in beside], asked.role):
        return Refused(refusal)
    return await _written(transaction, asked, node, parameters.activate(found.place, found.above))


async def adjust(
    transaction: Transaction, asked: Asked, node: NodeKey, expected_version: int, changes: dict[str, Any]
) -> Outcome:
    """Change a limit's terms; what is held on it stays. A raise beyond the role's authority is proposed."""
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    if refused := _not_the_writer(asked, found.place.leaf):
        return refused
    below = await _below(transaction, node)
    after = replace(found.place.leaf, **_terms(changes))
    booked = parameters.adjust(found.place, after, found.above, within=below.within)
    return await _decided(transaction, asked, node, booked)


async def grant_addition(
    transaction: Transaction,
    asked: Asked,
    node: NodeKey,
    amount: Money,
    first: dt.date,
    last: dt.date,
    *,
    expected_version: int | None = None,
) -> Outcome:
    """Grant more for some days, both counted; beyond the role's authority it is proposed."""
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    if amount.currency != found.place.leaf.currency:
        return Refused(_other_currency(found.place.leaf))
    booked = parameters.add(found.place, amount.minor, first, last, found.above)
    return await _decided(transaction, asked, node, booked)


async def transfer(
    transaction: Transaction,
    asked: Asked,
    source: NodeKey,
    target: NodeKey,
    amount: Money,
    *,
    expected_version: int | None = None,
) -> Outcome:
    """Move a part of a limit to another one under the same parent."""
    found = await _found(transaction, asked, source, expected_version, beside=target)
    if isinstance(found, Refused):
        return found
    assert found.beside is not None
    booked = rearranging.transfer(found.place, found.beside, amount.minor, amount.currency, found.above)
    if refusal := await _beyond_authority(transaction, asked, source, booked):
        return Refused(refusal)
    return await _written(transaction, asked, source, booked)


async def freeze(
    transaction: Transaction, asked: Asked, node: NodeKey, reason: str, *, expected_version: int | None = None
) -> Outcome:
    """Let nothing new be booked on a limit, nor on the units' own limits below it."""
    found = await _found(transaction, asked, node, expected_version, tops_below=True)
    if isinstance(found, Refused):
        return found
    booked = freezing.freeze(found.place.leaf, found.tops_below, asked.day, reason, asked.role)
    return await _written(transaction, asked, node, booked)


async def unfreeze(
    transaction: Transaction, asked: Asked, node: NodeKey, *, expected_version: int | None = None
) -> Outcome:
    """End a freeze, with all that it froze and nothing else."""
    found = await _found(transaction, asked, node, expected_version, tops_below=True)
    if isinstance(found, Refused):
        return found
    over = (*found.place.path[1:], *([found.above] if found.above else []))
    booked = freezing.unfreeze(found.place.leaf, found.tops_below, over, asked.day, asked.role)
    return await _written(transaction, asked, node, booked)


async def close(
    transaction: Transaction, asked: Asked, node: NodeKey, *, expected_version: int | None = None
) -> Outcome:
    """End a limit on which nothing is held."""
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    if refusal := freezing.set_above((found.place.leaf,), asked.role):
        return Refused(refusal)
    below = await _below(transaction, node)
    return await _written(
        transaction, asked, node, parameters.close(found.place, found.above, open_below=below.count)
    )


async def move(
    transaction: Transaction,
    asked: Asked,
    node: NodeKey,
    new_parent: NodeKey,
    *,
    expected_version: int | None = None,
) -> Outcome:
    """Put a limit, with all below it, under another one of its tenant."""
    found = await _found(transaction, asked, node, expected_version, beside=new_parent, path="newParentId")
    if isinstance(found, Refused):
        return found
    assert found.beside is not None
    if len(found.place.path) == 1:
        message = "a unit's own limit stands where its unit stands"
        return Refused(Refusal(RefusalCode.KIND_NOT_ALLOWED_THERE, message, ("nodeId",)))
    if refusal := freezing.set_above(found.place.path, asked.role):
        return Refused(refusal)
    if refused := _not_the_writer(asked, found.place.leaf):
        return refused
    booked = rearranging.move(found.place, found.beside.path)
    if rearranging.leaves(found.place, found.beside.path) and (
        refusal := await _beyond_authority(transaction, asked, node, booked)
    ):
        message = (
            "a limit that is over it now would not bind it any more: ask an office that may grant it all"
        )
        return Refused(replace(refusal, message=message, path=("nodeId",)))
    return await _written(transaction, asked, node, booked)


async def revalue(
    transaction: Transaction,
    asked: Asked,
    node: NodeKey,
    rate: Decimal,
    *,
    expected_version: int | None = None,
) -> Outcome:
    """Set what one unit of a limit's currency is worth in the one above; headquarters does, for whatever limit.

    At a rate of next to nothing a limit would take nothing out of those above.
    """
    found = await _found(transaction, asked, node, expected_version)
    if isinstance(found, Refused):
        return found
    if asked.role is not Role.HEADQUARTERS_ADMINISTRATOR:
        message = "rates between currencies are headquarters' to set: ask there"
        return Refused(Refusal(RefusalCode.BEYOND_AUTHORITY, message, ("nodeId",)))
    parent = found.place.path[1] if len(found.place.path) > 1 else found.above
    if parent is None:
        message = "nothing stands above it whose currency could differ"
        return Refused(Refusal(RefusalCode.INVALID_INPUT, message, ("nodeId",)))
    return await _written(
        transaction, asked, node, rearranging.revalue(found.place, rate, parent, found.above)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A limit under lock with all that a change of it may concern."""

    place: Place
    above: LimitNode | None
    """The unit's own node above a unit's own node, in another tenant."""
    beside: Place | None = None
    tops_below: tuple[LimitNode, ...] = ()


@dataclass(frozen=True, slots=True)
class _Below:
    """The open nodes right below one: how many, and from which day to which day they are valid."""

    count: int
    within: tuple[dt.date, dt.date] | None


_TOPS_BELOW = """
with recursive below as (
    select n.branch_id, n.id from bank.limit_node n
    where n.kind in ('BANK', 'REGION', 'BRANCH') and n.status <> 'CLOSED'
        and n.parent_branch_id = $1 and n.parent_id = $2
    union all
    select n.branch_id, n.id from below
    join bank.limit_node n on n.parent_branch_id = below.branch_id and n.parent_id = below.id
    where n.kind in ('BANK', 'REGION', 'BRANCH') and n.status <> 'CLOSED'
)
select branch_id, id from below
"""
_FROZEN_BESIDE = f"""
select {NODE_COLUMNS} from bank.limit_node own
join bank.limit_node n on n.branch_id = own.branch_id and n.client_id = own.client_id and n.status = 'FROZEN'
where own.branch_id = $1 and own.id = $2
"""
_BELOW = """
select count(*)::int as open, min(n.valid_from) as first, max(n.valid_until) as last
from bank.limit_node n
where n.status <> 'CLOSED' and (
    n.branch_id = $1 and n.inner_parent_id = $2
    or n.kind in ('BANK', 'REGION', 'BRANCH') and n.parent_branch_id = $1 and n.parent_id = $2
)
"""


async def _found(
    transaction: Transaction,
    asked: Asked,
    node: NodeKey,
    expected_version: int | None = None,
    *,
    beside: NodeKey | None = None,
    tops_below: bool = False,
    path: str = "toNodeId",
) -> _Found | Refused:
    """The limit, the path from it, what is above and below it in other tenants: locked in one statement."""
    found = await path_of_node(transaction, node)
    if found is None:
        return Refused(not_found("limit", "nodeId"))
    if refused := _not_theirs(asked, is_top=found.nodes[0].is_top):
        return refused
    other = await path_of_node(transaction, beside) if beside else None
    if beside and (
        other is None or _not_theirs(asked, is_top=other.nodes[0].is_top and path != "newParentId")
    ):
        return Refused(not_found("limit", path))
    above = found.nodes[0].parent if found.nodes[0].is_top else None
    tops: list[NodeKey] = []
    if tops_below and found.nodes[0].is_top:
        rows = await transaction.fetch(_TOPS_BELOW, node)
        tops = [key_of(row["branch_id"], row["id"]) for row in rows]
    keys = [*found.keys, *(other.keys if other else ()), *([above] if above else []), *tops]
    nodes = await lock_nodes(transaction, keys)
    place = _place(found, nodes, asked)
    if expected_version is not None and place.leaf.version != expected_version:
        return Refused(changed_since(place.leaf.version), node)
    return _Found(
        place,
        nodes.get(above) if above else None,
        _place(other, nodes, asked) if other else None,
        tuple(nodes[key] for key in sorted(tops) if key in nodes),
    )


def _place(path: Path, nodes: dict[NodeKey, LimitNode], asked: Asked) -> Place:
    standing = along(path, nodes)
    if standing is None:
        raise Contended
    return Place(standing, (), asked.day, path.moment)


async def _below(transaction: Transaction, node: NodeKey) -> _Below:
    row = (await transaction.fetch(_BELOW, node))[0]
    return _Below(row["open"], (row["first"], row["last"]) if row["open"] else None)


async def _written(
    transaction: Transaction, asked: Asked, node: NodeKey, booked: Booked | Refusal
) -> Outcome:
    if isinstance(booked, Refusal):
        return Refused(booked, _current(booked, node))
    await write(transaction, booked, asked.author, answers=False)
    return Done(node)


def _current(refusal: Refusal, node: NodeKey) -> tuple[int, UUID] | None:
    """A refusal over a limit's status shows the limit."""
    return node if refusal.code is RefusalCode.STATUS_MAY_NOT_FOLLOW else None


def _not_theirs(asked: Asked, *, is_top: bool) -> Refused | None:
    """A unit's own limit is dealt from above: nobody changes its own."""
    if not is_top or asked.role is Role.HEADQUARTERS_ADMINISTRATOR:
        return None
    message = "a unit's own limit is headquarters' to change: ask there"
    return Refused(Refusal(RefusalCode.BEYOND_AUTHORITY, message, ("nodeId",)))


def _not_the_writer(asked: Asked, node: LimitNode) -> Refused | None:
    """Who has not written a limit is the second person who approves it: never of terms that are his own."""
    if node.status not in (NodeStatus.DRAFT, NodeStatus.APPROVED) or asked.actor == node.created_by:
        return None
    message = "what is not in force yet is changed by whoever wrote it: ask there, or draft another limit"
    return Refused(Refusal(RefusalCode.BEYOND_AUTHORITY, message, ("nodeId",)))


async def _decided(
    transaction: Transaction, asked: Asked, node: NodeKey, booked: Booked | Refusal
) -> Outcome:
    """Done where one person may decide it; else proposed, for a second one to approve."""
    if isinstance(booked, Booked) and await _beyond_authority(transaction, asked, node, booked):
        days = (await transaction.fetch("select p.proposal_days from bank.limit_policy p", ()))[0][0]
        until = asked.day + dt.timedelta(days=days)
        booked = raising.propose(node, booked, asked.actor, until, asked.day)
    return await _written(transaction, asked, node, booked)


async def _beyond_authority(
    transaction: Transaction, asked: Asked, node: NodeKey, booked: Booked | Refusal
) -> Refusal | None:
    """Whether a limit in force is raised by more than the role may decide alone."""
    if isinstance(booked, Refusal) or not any(change.after.raised_alone for change in booked.changes):
        return None
    return raising.refused(booked, await authority_of(transaction, asked, node[0]))


def _terms(facts: dict[str, Any]) -> dict[str, Any]:
    """The columns as the fields of a node."""
    named = {_FIELDS[column]: value for column, value in facts.items() if column in _FIELDS}
    return {name: _CODES[name](value) if name in _CODES else value for name, value in named.items()}


def _other_currency(node: LimitNode) -> Refusal:
    message = f"the limit is in {node.currency}: give the amount in {node.currency}"
    return Refusal(RefusalCode.CURRENCY_DIFFERS, message, ("amount",))
