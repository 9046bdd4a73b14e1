"""Splitting an amount into whole units by largest remainder (Hamilton's method): the parts sum to the amount.

Each part is its quota rounded down or up. The units that rounding down leaves over go one each to the largest
remainders, so whoever has the larger quota never gets less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

Weight = int | Decimal | Fraction


def by_weight(amount: int, weights: Sequence[Weight]) -> list[int]:
    """The amount in proportion to the weights; of equal remainders the earlier gains.

    No weight may be negative, and some must be positive where there is anything to split.
    """
    if amount == 0:
        return [0] * len(weights)
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    assert min(amount, whole) > 0, "an amount is split among weights"
    return in_whole_units(amount, [amount * weight / whole for weight in exact])


def by_name(amount: int, weights: Mapping[str, Weight]) -> dict[str, int]:
    """The same with names, whatever their order: of equal remainders the first by name gains."""
    names = sorted(weights)
    parts = dict(zip(names, by_weight(amount, [weights[name] for name in names]), strict=True))
    return {name: parts[name] for name in weights}


def in_whole_units(amount: int, quotas: Sequence[Fraction]) -> list[int]:
    """Quotas that sum to the amount, in whole units that do."""
    parts = [quota.numerator // quota.denominator for quota in quotas]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    assert sum(parts) == amount, "a split sums to the whole"
    return parts
