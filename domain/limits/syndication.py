"""One amount over several branches: shares by weight that sum to it, each booked on its branch's own node."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.limits.booking import reserve
from domain.limits.movements import Ask, Booked, Place
from domain.limits.nodes import Operation
from domain.refusals import Refusal, invalid
from domain.splitting import by_weight


def weights_refused(amount: int, weights: Sequence[Decimal]) -> Refusal | None:
    """There are shares to make, and each partner's comes to something."""
    if len(weights) < 2:
        return invalid("a syndicate has two partners or more", "partners")
    if not all(weight.is_finite() and weight > 0 for weight in weights):
        return invalid("a weight is more than zero", "partners")
    if amount > 0 and min(by_weight(amount, weights)) == 0:
        return invalid("a partner's share would come to nothing", "partners")
    return None


def syndicate(place: Place, ask: Ask) -> Booked | Refusal:
    """One partner's share, promised on its branch's own node; all partners or none: a refusal is the answer.

    Where two partners draw on the same nodes the second is booked at `place.after(first)`.
    """
    return reserve(place, ask, operation=Operation.SYNDICATE)
