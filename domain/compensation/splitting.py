"""What funders bear and get back: exact shares of an amount by largest remainder, and never more than is left."""

from __future__ import annotations

from collections.abc import Mapping


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """The amount in minor units, shared in proportion to the weights; the parts sum to it exactly.

    What rounding down leaves over goes to the largest remainders, one unit each, among equals by name. No weight
    may be negative, and some must be positive where there is anything to share.
    """
    total = sum(weights.values())
    if amount == 0:
        return dict.fromkeys(weights, 0)
    assert min(amount, total) > 0, "an amount is shared among weights"
    shares = {name: amount * weight // total for name, weight in weights.items()}
    left = amount - sum(shares.values())
    by_remainder = sorted(weights, key=lambda name: (-(amount * weights[name] % total), name))
    for name in by_remainder[:left]:
        shares[name] += 1
    assert sum(shares.values()) == amount
    return shares


def flow_back(amount: int, paid: Mapping[str, int], recovered: Mapping[str, int]) -> dict[str, int]:
    """A recovery in the shares in which was paid; nobody gets back more than was paid and has not come back yet.

    Each part is a share of what is still out: so in the end everybody has back exactly what it paid, whatever the
    order and the size of the recoveries.
    """
    out = {name: share - recovered.get(name, 0) for name, share in paid.items()}
    assert amount <= sum(out.values()), "no more comes back than was paid"
    shares = split(amount, out)
    assert all(shares[name] <= out[name] for name in shares)
    return shares
