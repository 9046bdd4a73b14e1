"""What funders get back of a recovery: never more than is still out."""

from __future__ import annotations

from collections.abc import Mapping

from domain import splitting


def flow_back(amount: int, paid: Mapping[str, int], recovered: Mapping[str, int]) -> dict[str, int]:
    """A recovery in the shares in which was paid; nobody gets back more than was paid and has not come back yet.

    Each part is a share of what is still out: so in the end everybody has back exactly what it paid, whatever the
    order and the size of the recoveries.
    """
    out = {name: share - recovered.get(name, 0) for name, share in paid.items()}
    assert amount <= sum(out.values()), "no more comes back than was paid"
    shares = splitting.by_name(amount, out)
    assert all(shares[name] <= out[name] for name in shares)
    return shares
