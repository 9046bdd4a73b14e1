"""Weights: those of what is missing borne by the rest, rounded so that they add up to one, or made by entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from domain import splitting

PLACES = 6
UNIT = Decimal(1).scaleb(-PLACES)


def spread(weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The weights in the same proportions, adding up to exactly 1 in units of a millionth.

    What rounding leaves over goes to the largest remainders, among equals by name. None may be negative; where
    there is no weight at all, there is none to spread.
    """
    if not any(weights.values()):
        return {}
    parts = splitting.by_name(10**PLACES, weights)
    return {name: Decimal(part).scaleb(-PLACES) for name, part in parts.items()}


def by_entropy(columns: Mapping[str, Sequence[Decimal]]) -> dict[str, Decimal]:
    """Weights by how much each indicator's values (0 to 1) differ between regions: one minus their entropy.

    An indicator that is the same everywhere says nothing and weighs nothing; where that is so of all, they weigh
    the same.
    """
    told = {name: 1 - _entropy(values) for name, values in columns.items()}
    if not any(told.values()):
        told = dict.fromkeys(told, Decimal(1))
    return spread(told)


def _entropy(values: Sequence[Decimal]) -> Decimal:
    """Shannon's entropy of the values' shares, as a fraction of its largest (all shares alike)."""
    total = sum(values)
    if total == 0 or len(values) < 2:
        return Decimal(1)
    # In order: a sum of rounded logarithms depends on it, and regions have none.
    shares = sorted(value / total for value in values if value > 0)
    entropy = -sum(share * share.ln() for share in shares) / Decimal(len(values)).ln()
    return min(max(entropy, Decimal(0)), Decimal(1))
