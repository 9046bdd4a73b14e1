"""The rule sets in force, read from the database and kept until their stamp has passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import orjson
from sqlalchemy import func, or_, select

from domain.segmentation import json_form
from domain.segmentation.rules import Rulebook, RuleSet, Version
from tenants.tables import rule_set
from tenants.transaction import Transaction

Paths = Mapping[int, tuple[int, ...]]
"""For each unit its id and the ids above it, nearest first."""


@dataclass(frozen=True)
class RulesInForce(Rulebook):
    """A rulebook with the tree that its overrides hold in; `paths` may be empty where there is none."""

    paths: Paths = field(default_factory=dict)

    @cached_property
    def changes_sql(self) -> str | None:
        """The statement that records what clients have become; made once, None where there are no rules."""
        from tenants.segments.recording import recording_changes

        return recording_changes(self)


class Rules:
    """Keeps the rulebook that was read last; one for a server."""

    def __init__(self) -> None:
        self._kept: RulesInForce | None = None

    def known(self) -> RulesInForce | None:
        """The rulebook read last. It may be yesterday's, or from before an activation: its stamp tells."""
        return self._kept

    async def fresh(self, transaction: Transaction) -> RulesInForce:
        """The rulebook as this transaction sees it."""
        return await self.of(transaction, await transaction.value(select(func.app.rules_stamp())))

    async def of(self, transaction: Transaction, stamp: str) -> RulesInForce:
        """The rulebook of the stamp that the transaction has just read; read only where it is not the kept one."""
        kept = self._kept
        if kept is None or kept.stamp != stamp:
            # Rules that change while they are read leave an old stamp with them, and are read anew.
            kept = self._kept = await read_rulebook(transaction, stamp)
        return kept


async def read_rulebook(transaction: Transaction, stamp: str = "") -> RulesInForce:
    """The rule sets in force on the bank's day."""
    t = rule_set.c
    today = func.app.today()
    rows = await transaction.rows(
        select(t.id, t.dimension_code, t.number, t.unit_id, t.body).where(
            t.effective_from <= today, or_(t.effective_until.is_(None), t.effective_until > today)
        )
    )
    default: dict[str, Version] = {}
    overrides: dict[str, list[tuple[int, Version]]] = {}
    for row in rows:
        version = Version(row["id"], row["number"], rule_set_of(row["body"]))
        if row["unit_id"] is None:
            default[row["dimension_code"]] = version
        else:
            overrides.setdefault(row["dimension_code"], []).append((row["unit_id"], version))
    paths = await read_paths(transaction) if overrides else {}
    return RulesInForce(default, overrides, stamp, paths)


async def read_paths(transaction: Transaction) -> Paths:
    """The tree, from each unit upwards."""
    # The directory of units keeps the rules of its server: not at the top.
    from tenants.organisation import read_organisation

    tree = await read_organisation(transaction)
    return {unit.id: (unit.id, *tree.ancestors(unit.id)) for unit in tree}


@lru_cache(maxsize=256)
def rule_set_of(body: str) -> RuleSet:
    """The rule set in a row's body."""
    return json_form.read(orjson.loads(body))
