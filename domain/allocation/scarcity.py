"""The classical rules for sharing out less than is claimed: proportional, equal awards, equal losses, Talmud.

Sources: O'Neill (1982); Aumann and Maschler (1985), whose table of estates 100, 200, 300 against claims of 100, 200
and 300 the Talmud rule reproduces; Thomson (2003) for the laws. Each rule is exact, in fractions; `shared_out`
rounds to minor units by largest remainder, so that the sum is the estate and nobody gets more than its claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from fractions import Fraction

from domain.splitting import in_whole_units

Awards = list[Fraction]


class ScarcityRule(StrEnum):
    """A rule for sharing out less than is claimed."""

    PROPORTIONAL = "PROPORTIONAL"
    EQUAL_AWARDS = "EQUAL_AWARDS"
    EQUAL_LOSSES = "EQUAL_LOSSES"
    TALMUD = "TALMUD"


def proportional(estate: Fraction | int, claims: Sequence[Fraction | int]) -> Awards:
    """Everybody gets the same part of its claim."""
    estate, total = _checked(estate, claims)
    return [Fraction(claim) * estate / total if total else Fraction(0) for claim in claims]


def equal_awards(estate: Fraction | int, claims: Sequence[Fraction | int]) -> Awards:
    """Everybody gets the same, but nobody more than its claim (constrained equal awards)."""
    estate, _ = _checked(estate, claims)
    level = _level(estate, claims)
    return [min(Fraction(claim), level) for claim in claims]


def equal_losses(estate: Fraction | int, claims: Sequence[Fraction | int]) -> Awards:
    """Everybody loses the same of its claim, but nobody more than all of it: the dual of equal awards."""
    estate, total = _checked(estate, claims)
    losses = equal_awards(total - estate, claims)
    return [claim - loss for claim, loss in zip(claims, losses, strict=True)]


def talmud(estate: Fraction | int, claims: Sequence[Fraction | int]) -> Awards:
    """Equal awards of half the claims up to half of their sum; beyond it, equal losses of the other half."""
    estate, total = _checked(estate, claims)
    halves = [Fraction(claim) / 2 for claim in claims]
    if estate <= total / 2:
        return equal_awards(estate, halves)
    return [c - loss for c, loss in zip(claims, equal_awards(total - estate, halves), strict=True)]


RULES: dict[ScarcityRule, Callable[[Fraction | int, Sequence[Fraction | int]], Awards]] = {
    ScarcityRule.PROPORTIONAL: proportional,
    ScarcityRule.EQUAL_AWARDS: equal_awards,
    ScarcityRule.EQUAL_LOSSES: equal_losses,
    ScarcityRule.TALMUD: talmud,
}


def shared_out(rule: ScarcityRule, estate: int, claims: Sequence[int]) -> list[int]:
    """What the rule gives each claim of the estate, in whole units. Where there is enough, all that is claimed."""
    if estate >= sum(claims):
        return list(claims)
    awards = in_whole_units(estate, RULES[rule](estate, claims))
    assert all(0 <= award <= claim for award, claim in zip(awards, claims, strict=True))
    return awards


def _checked(estate: Fraction | int, claims: Sequence[Fraction | int]) -> tuple[Fraction, Fraction]:
    total = Fraction(sum(claims))
    assert 0 <= estate <= total, "there is scarcity, and nobody owes"
    assert all(claim >= 0 for claim in claims)
    return Fraction(estate), total


def _level(estate: Fraction, claims: Sequence[Fraction | int]) -> Fraction:
    """Up to which claims are met in full, so that what is awarded is the estate."""
    left, remaining = estate, len(claims)
    for claim in sorted(claims):
        if claim * remaining >= left:
            return left / remaining
        left, remaining = left - claim, remaining - 1
    return Fraction(max(claims, default=0))
