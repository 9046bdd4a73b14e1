"""What a rule set would do before it is in force: one statement puts every client by both rulebooks at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain.money import Money
from domain.segmentation.rules import Rulebook, Version
from tenants.segments.conditions import ROW
from tenants.segments.cte import FACTS, arms
from tenants.segments.recording import STATEMENT_LIMIT_S
from tenants.segments.rulebook import RulesInForce
from tenants.transaction import Transaction

MOST_LISTED = 1_000

Value = str | None
"""A value of the dimension; None where no rules are in force."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule set that is not in force, and where it would be: at a unit and below, or in the whole bank."""

    version: Version
    unit_id: int | None = None

    @property
    def dimension(self) -> str:
        return self.version.rule_set.dimension


@dataclass(slots=True)
class Moved:
    """How many clients, and their exposure by currency in minor units."""

    clients: int = 0
    exposure: Counter[str] = field(default_factory=Counter)

    def add(self, clients: int, currency: str, minor: int | None) -> None:
        self.clients += clients
        if minor is not None:
            self.exposure[currency] += minor

    def written(self) -> dict[str, Any]:
        listed = sorted(self.exposure.items())
        return {
            "clients": self.clients,
            "exposure": [
                {"currency": currency, "amount": f"{Money(minor, currency).amount:f}"}
                for currency, minor in listed
            ],
        }


@dataclass(frozen=True, slots=True)
class Simulation:
    """The clients within reach by value before and after, and by branch."""

    matrix: Mapping[tuple[Value, Value], Moved]
    clients_of: Mapping[int, int]
    moved_of: Mapping[int, Moved]

    @property
    def clients(self) -> int:
        """How many clients the rule set would decide for."""
        return sum(self.clients_of.values())

    @property
    def moved(self) -> int:
        """How many of them would have another value."""
        return sum(moved.clients for moved in self.moved_of.values())

    def written(self, names: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
        """As JSON values, named as the API shows them; `names` are the branches' codes and names by their ids."""
        matrix = sorted(self.matrix.items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
        return {
            "clients": self.clients,
            "moved": self.moved,
            "matrix": [{"from": old, "to": new} | moved.written() for (old, new), moved in matrix],
            "byBranch": [
                {
                    "branchCode": names[branch_id][0],
                    "branchName": names[branch_id][1],
                    "clients": self.clients_of[branch_id],
                    "moved": moved.clients,
                    "exposure": moved.written()["exposure"],
                }
                for branch_id, moved in sorted(self.moved_of.items())
            ],
        }


@dataclass(frozen=True, slots=True)
class Moving:
    """A client that would move."""

    branch_id: int
    client_id: UUID
    value_from: Value
    value_to: Value


def with_draft(rulebook: RulesInForce, draft: Draft) -> RulesInForce:
    """The rulebook as if the draft were in force."""
    dimension = draft.dimension
    if draft.unit_id is None:
        return replace(rulebook, default={**rulebook.default, dimension: draft.version}, stamp="")
    others = [one for one in rulebook.overrides.get(dimension, ()) if one[0] != draft.unit_id]
    overrides = {**rulebook.overrides, dimension: [*others, (draft.unit_id, draft.version)]}
    return replace(rulebook, overrides=overrides, stamp="")


async def simulate(transaction: Transaction, rulebook: RulesInForce, draft: Draft) -> Simulation:
    """What the draft would change, over all clients within its reach that the transaction sees.

    `rulebook.paths` must be known where the draft is a unit's.
    """
    rows = await transaction.connection.fetch(
        f"select branch_id, value_from, value_to, currency, count(*) as clients, sum(exposure_minor) as exposure "
        f"from ({_both(rulebook, draft)}) both_ways group by 1, 2, 3, 4",
        timeout=STATEMENT_LIMIT_S,
    )
    matrix: dict[tuple[Value, Value], Moved] = {}
    clients_of: Counter[int] = Counter()
    moved_of: dict[int, Moved] = {}
    for row in rows:
        minor = None if row["exposure"] is None else int(row["exposure"])
        counted = row["clients"], row["currency"], minor
        matrix.setdefault((row["value_from"], row["value_to"]), Moved()).add(*counted)
        clients_of[row["branch_id"]] += row["clients"]
        if row["value_from"] != row["value_to"]:
            moved_of.setdefault(row["branch_id"], Moved()).add(*counted)
    return Simulation(matrix, clients_of, moved_of)


async def moving(
    transaction: Transaction,
    rulebook: RulesInForce,
    draft: Draft,
    *,
    value_from: str | None = None,
    value_to: str | None = None,
    branch_id: int | None = None,
    after: tuple[int, UUID] | None = None,
    first: int = 100,
) -> list[Moving]:
    """The clients that would move from and to these values, by branch and id behind `after`; at most a thousand."""
    rows = await transaction.connection.fetch(
        f"select branch_id, client_id, value_from, value_to from ({_both(rulebook, draft)}) both_ways "
        "where value_from is distinct from value_to and ($1::text is null or value_from = $1) "
        "and ($2::text is null or value_to = $2) and ($3::int is null or branch_id = $3) "
        "and ($4::int is null or (branch_id, client_id) > ($4, $5::uuid)) order by branch_id, client_id limit $6",
        value_from,
        value_to,
        branch_id,
        *(after or (None, None)),
        min(first, MOST_LISTED),
        timeout=STATEMENT_LIMIT_S,
    )
    return [
        Moving(row["branch_id"], UUID(int=row["client_id"].int), row["value_from"], row["value_to"])
        for row in rows
    ]


def _both(rulebook: RulesInForce, draft: Draft) -> str:
    """A row for each client within reach: where it is, what it owes, its value before and after."""
    before = _valued(rulebook, draft.dimension)
    after = _valued(with_draft(rulebook, draft), draft.dimension)
    reached = (
        "" if draft.unit_id is None else f"where {ROW}.branch_id = any ({_reach(rulebook, draft.unit_id)})"
    )
    return (
        f"select {ROW}.branch_id, {ROW}.client_id, {ROW}.currency, {ROW}.exposure_minor, "
        f"b.value as value_from, a.value as value_to from {FACTS} {ROW} "
        f"left join lateral ({before}) b on true left join lateral ({after}) a on true {reached}"
    )


def _valued(rulebook: Rulebook, dimension: str) -> str:
    made = " union all ".join(arms(rulebook, {dimension}, ("value",)))
    return made or "select null::text as value where false"


def _reach(rulebook: RulesInForce, unit_id: int) -> str:
    """The branches at the unit and below it."""
    below = [str(branch) for branch, path in sorted(rulebook.paths.items()) if unit_id in path]
    return f"'{{{','.join(below)}}}'::int[]"
