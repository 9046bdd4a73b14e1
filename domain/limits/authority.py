"""What a role may decide alone, and how much of that it has decided already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.limits.nodes import LimitNode, NodeKey
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode


@dataclass(frozen=True, slots=True)
class Authority:
    """Delegated authority: `most` on any one limit (None: nothing), of which `decided` is taken up there.

    `decided` is what the role's overrides in force on a limit, and below it, amount to; in minor units of `most`.
    """

    role: str
    most: Money | None
    decided: Mapping[NodeKey, int] = field(default_factory=dict)

    def refused(self, amount: int, currency: str, nodes: Iterable[LimitNode]) -> Refusal | None:
        """What is decided on each of these limits, this included, is within what is delegated, in that currency."""
        most = self.most or Money(0, currency)
        node = max(nodes, key=lambda one: self.decided.get(one.key, 0), default=None)
        decided = 0 if node is None else self.decided.get(node.key, 0)
        left = max(most.minor - decided, 0)
        if most.currency == currency and amount <= left:
            return None
        already = (
            f", and has {Money(decided, most.currency).amount} in force on {node.name!r}" if node else ""
        )
        return Refusal(
            RefusalCode.BEYOND_AUTHORITY,
            f"this office may decide {most.amount} {most.currency} at most{already if decided else ''}: "
            "ask the one above",
            ("amount",),
            Possible(left, most.currency, "delegated authority", node.key if node and decided else None),
        )
