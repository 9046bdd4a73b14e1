"""What must hold between the facts that one row brings of one entity, in words that say how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from domain.connections.kinds import LinkKind
from domain.statements import UNBALANCED, is_unbalanced

Facts: TypeAlias = Mapping[str, Any]
"""An entity's facts by target; those that the mapping does not fill are not there."""

Client: TypeAlias = tuple[Any, ...]
"""Country and number of the row's client."""

Broken: TypeAlias = tuple[str, str]
"""The target to blame, and the reason."""

Rule: TypeAlias = Callable[[Facts, Client], Broken | None]


def balances(facts: Facts, _: Client) -> Broken | None:
    """Both sides of a balance sheet are the same."""
    return ("total_assets", UNBALANCED) if is_unbalanced(facts) else None


def begins_a_month(facts: Facts, _: Client) -> Broken | None:
    """A month is named by its first day."""
    if facts["month"].day != 1:
        return "month", "is not the first day of a month: write 2024-12-01 for December 2024"
    return None


def is_resolved_after_it_came(facts: Facts, _: Client) -> Broken | None:
    """A complaint is not resolved before it is made."""
    resolved = facts.get("resolved_on")
    if resolved is not None and resolved < facts["received_on"]:
        return "resolved_on", "lies before the day on which the complaint was received"
    return None


def leads_to_another(facts: Facts, client: Client) -> Broken | None:
    """No company is linked to itself."""
    if (facts["related_country"], facts["related_number"]) == client:
        return "related_number", "is the client itself: a link leads to another company"
    return None


def says_what_its_kind_needs(facts: Facts, _: Client) -> Broken | None:
    """A share belongs to ownership, an amount to a guarantee, and an amount to a currency."""
    kind, share, amount = facts["kind"], facts.get("share"), facts.get("amount")
    if kind == LinkKind.OWNERSHIP and not share:
        return _blame(facts, "share"), "ownership needs its share, above 0 and at most 1: write 51 % as 0.51"
    if kind != LinkKind.OWNERSHIP and share is not None:
        return "share", f"is given for {kind}: only OWNERSHIP has a share"
    if kind != LinkKind.GUARANTEE and amount is not None:
        return "amount", f"is given for {kind}: only GUARANTEE has an amount"
    return None


def ends_after_it_begins(facts: Facts, _: Client) -> Broken | None:
    """A link holds for some time."""
    until = facts.get("valid_until")
    if until is not None and until < facts["valid_from"]:
        return "valid_until", "lies before the day from which the link holds"
    return None


def _blame(facts: Facts, name: str) -> str:
    return name if name in facts else "kind"


RULES: dict[str, tuple[Rule, ...]] = {
    "financial_statement": (balances,),
    "client_month": (begins_a_month,),
    "complaint": (is_resolved_after_it_came,),
    "client_link": (leads_to_another, says_what_its_kind_needs, ends_after_it_begins),
}
"""By entity, in the order in which they are asked; each such entity is one of its row."""
