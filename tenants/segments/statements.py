"""The rules in force in front of a statement that speaks of segments: the one place where both meet."""

from __future__ import annotations

import re
from functools import lru_cache

from tenants.segments.cte import written
from tenants.segments.rulebook import RulesInForce
from tenants.tables.virtual import client_segment

_MENTIONED = re.compile(rf"\b{client_segment.name}\b")


def mentions_segments(text: str) -> bool:
    """Whether a statement's text speaks of the virtual table; of one that only says its name, true as well."""
    return _MENTIONED.search(text) is not None


def with_segments(text: str, rulebook: RulesInForce, dimensions: frozenset[str] | None = None) -> str:
    """The query with the rules in front; PostgreSQL inlines them wherever the virtual table is mentioned.

    Those of the `dimensions` that the query speaks of; None for all, where that is not known.
    """
    rules = f"{client_segment.name} as not materialized ({_rules(_Held(rulebook), dimensions)})"
    if text[:5].lower() == "with ":
        return f"with {rules}, {text[5:]}"
    return f"with {rules} {text}"


def only_by(
    text: str, rulebook: RulesInForce, dimensions: frozenset[str] | None, *, stamp: int, otherwise: str
) -> str:
    """The query, of one value, with the rules in front; `otherwise` where they are no longer those in force.

    Parameter number `stamp` is to be the rulebook's stamp: the database compares it within the statement's own
    snapshot, and does none of the work where it has passed.
    """
    held = f"select case when app.rules_stamp() = ${stamp}::text then ({text}) else {otherwise} end"
    return with_segments(held, rulebook, dimensions)


class _Held:
    """A rulebook as a key: comparing two by their rules would take longer than writing them."""

    def __init__(self, rulebook: RulesInForce) -> None:
        self.rulebook = rulebook

    def __hash__(self) -> int:
        return id(self.rulebook)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.rulebook is self.rulebook


@lru_cache(maxsize=64)
def _rules(held: _Held, dimensions: frozenset[str] | None) -> str:
    return written(held.rulebook, dimensions=dimensions)
