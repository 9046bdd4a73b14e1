"""What follows for clients when regions are divided anew: their segments recorded, their tasks changed."""

from __future__ import annotations

from sqlalchemy import select

from domain.segmentation.catalogue import CATALOGUE, Freshness
from domain.segmentation.rules import RuleSet, fact_name, leaves
from tenants.database import Transaction
from tenants.playbooks.settling import apply_playbooks
from tenants.segments.activating import dependents
from tenants.segments.recording import STATEMENT_LIMIT_S, Cause, record_all
from tenants.segments.rulebook import RulesInForce, read_rulebook
from tenants.tables import unit

DIVIDED = frozenset(name for name, fact in CATALOGUE.items() if fact.freshness is Freshness.DIVIDED)
"""The facts that a division decides."""


async def settle(transaction: Transaction) -> int:
    """Record what clients are in every dimension that depends on their region; how many have moved.

    In headquarters' write scope, over every branch. Answers do not wait for it: they read the divisions themselves.
    """
    rulebook = await read_rulebook(transaction)
    reached = _reached(rulebook)
    if not reached:
        return 0
    limit_ms = int(STATEMENT_LIMIT_S * 1000)
    await transaction.connection.execute(f"set local statement_timeout = {limit_ms}")
    branches = [row["id"] for row in await transaction.rows(select(unit.c.id))]
    moved = await record_all(transaction, rulebook, Cause.ACTIVATION, branches, reached)
    await apply_playbooks(transaction, moved)
    return len(moved)


def _reached(rulebook: RulesInForce) -> set[str]:
    """The dimensions whose rules speak of regions, and those that compare their values."""
    versions = [*rulebook.default.items()]
    versions += [(name, version) for name, listed in rulebook.overrides.items() for _, version in listed]
    reached: set[str] = set()
    for name, version in versions:
        if name not in reached and _speaks_of_regions(version.rule_set):
            reached |= dependents(rulebook, name)
    return reached


def _speaks_of_regions(rules: RuleSet) -> bool:
    return any(
        fact_name(leaf.field) in DIVIDED for condition in rules.conditions() for leaf in leaves(condition)
    )
