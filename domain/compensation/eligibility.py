"""Which loans a fund covers: a saved condition over the client's facts and what is known of the loan itself."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from domain.conditions import AllOf, AnyOf, Compare, Condition, Explanation, Kind, Not, explain, kind_of
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.texts import value_text, written_leaf

LOAN_FACTS: dict[str, Kind] = {
    "product": Kind.TEXT,
    "loanPrincipal": Kind.MONEY,
    "loanLimit": Kind.MONEY,
    "loanTermMonths": Kind.NUMBER,
    "loanDaysPastDue": Kind.NUMBER,
}
"""What eligibility may ask of the loan, beside the facts of the client in the catalogue."""


def unmet(condition: Condition, facts: dict[str, Any]) -> tuple[str, ...]:
    """Why the loan is not eligible, each comparison with what was found; empty where it is."""
    told = explain(condition, facts)
    if told.holds:
        return ()
    return tuple(dict.fromkeys(_reasons(told))) or ("the fund takes no loan at all",)


def _reasons(told: Explanation) -> Iterator[str]:
    match told.condition:
        case Compare() as leaf:
            found = "unknown" if told.value is None else value_text(told.value)
            yield f"{written_leaf(leaf)} is asked for, {leaf.field} is {found}"
        case Not(Compare() as leaf):
            yield f"{written_leaf(leaf)} is excluded"
        case _:
            # Of alternatives, all; of what must all hold, what does not.
            for part in told.parts:
                if not part.holds:
                    yield from _reasons(part)


def mistakes_of(condition: Condition) -> Iterator[str]:
    """What cannot be meant of a condition: unknown facts, values of another kind, related rows."""
    match condition:
        case Compare():
            yield from _of_a_comparison(condition)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from mistakes_of(part)
        case Not(part):
            yield from mistakes_of(part)
        case _:
            yield f"eligibility speaks of facts, not of related rows: {condition.relation}"


def _of_a_comparison(of: Compare) -> Iterator[str]:
    name, _, part = of.field.partition(".")
    kind = LOAN_FACTS.get(name) or (CATALOGUE[name].kind if name in CATALOGUE else None)
    if kind is None or (part and kind is not Kind.MONEY):
        near = get_close_matches(name, [*LOAN_FACTS, *CATALOGUE], n=1)
        yield f"there is no fact {of.field}" + (f": is {near[0]} meant?" if near else "")
        return
    kind = Kind.TEXT if part else kind
    values = of.value if isinstance(of.value, tuple) else (of.value,)
    for value in values:
        if kind_of(value) is not kind and not isinstance(of.value, bool):
            yield f"{written_leaf(of)}: {of.field} is a {kind}"
            return
