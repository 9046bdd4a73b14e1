"""The books proved from the ledger: balances as a fold of postings, and whatever differs from it by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.limits.formulas import contribution, dealt
from domain.limits.movements import Booked
from domain.limits.nodes import NOTHING, Balance, Bucket, Commitment, LimitNode, NodeKey


@dataclass(frozen=True, slots=True)
class Posting:
    """One line's effect on one bucket of one node."""

    node: NodeKey
    bucket: Bucket
    delta: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Something kept that is not what it should be: `what` of which node, as kept, and as reckoned anew."""

    node: NodeKey
    what: str
    kept: int
    reckoned: int


def postings(booked: Booked) -> tuple[Posting, ...]:
    """The postings of what was booked, one per node and bucket, by the nodes' keys."""
    return tuple(
        Posting(change.key, bucket, delta)
        for change in sorted(booked.changes, key=lambda change: change.key)
        for bucket, delta in change.delta.by_bucket().items()
    )


def replay(lines: Iterable[Posting]) -> dict[NodeKey, Balance]:
    """What the nodes hold, from nothing, by their postings alone."""
    sums: dict[tuple[NodeKey, Bucket], int] = defaultdict(int)
    for line in lines:
        sums[line.node, line.bucket] += line.delta
    return {
        node: Balance(*(sums.get((node, bucket), 0) for bucket in Bucket))
        for node in {node for node, _ in sums}
    }


def verify(
    nodes: Mapping[NodeKey, LimitNode],
    lines: Iterable[Posting],
    commitments: Iterable[Commitment],
) -> list[Difference]:
    """Whatever is not as it should be, by node: all three proofs are independent of one another.

    1. A node's balance is the sum of its postings.
    2. It is also what the commitments on it hold, and what its children add to it; `idle_fenced` likewise.
    3. What is dealt is the S + A of the top nodes below it.
    """
    booked = replay(lines)
    held = _held(nodes, commitments)
    found: list[Difference] = []
    for key, node in sorted(nodes.items()):
        balance, idle, given = held.get(key, (NOTHING, 0, 0))
        found += _differing(key, "postings", node.balance, booked.get(key, NOTHING))
        found += _differing(key, "commitments", node.balance, balance)
        if node.idle_fenced != idle:
            found.append(Difference(key, "idle_fenced", node.idle_fenced, idle))
        if node.dealt != given:
            found.append(Difference(key, "dealt", node.dealt, given))
    return found


def _held(
    nodes: Mapping[NodeKey, LimitNode], commitments: Iterable[Commitment]
) -> dict[NodeKey, tuple[Balance, int, int]]:
    held: dict[NodeKey, tuple[Balance, int, int]] = defaultdict(lambda: (NOTHING, 0, 0))
    for commitment in commitments:
        balance, idle, given = held[commitment.node]
        held[commitment.node] = (balance + commitment.balance, idle, given)
    for node in nodes.values():
        if node.parent is None:
            continue
        balance, idle, given = held[node.parent]
        more, more_idle = contribution(node)
        held[node.parent] = (balance + more, idle + more_idle, given + dealt(node))
    return held


def _differing(key: NodeKey, of: str, kept: Balance, reckoned: Balance) -> list[Difference]:
    return [
        Difference(key, f"{bucket.lower()} by {of}", amount, expected)
        for bucket in Bucket
        if (amount := kept.by_bucket().get(bucket, 0)) != (expected := reckoned.by_bucket().get(bucket, 0))
    ]
