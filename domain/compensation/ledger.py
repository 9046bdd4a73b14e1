"""The fund's books as a fold of their postings, and where what is cached is not that fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from domain.compensation.fund import Account
from domain.compensation.kinds import FundBucket

AccountKey = tuple[int, str]
"""The fund's id and the funder."""


@dataclass(frozen=True, slots=True)
class Posted:
    """One posting; minor units."""

    account: AccountKey
    bucket: FundBucket
    delta: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A cached figure that is not what the postings make it."""

    what: str
    cached: int
    replayed: int


def replay(postings: Iterable[Posted]) -> dict[AccountKey, Account]:
    """Every account as the sum of its postings."""
    sums: dict[AccountKey, dict[FundBucket, int]] = defaultdict(lambda: dict.fromkeys(FundBucket, 0))
    for posting in postings:
        sums[posting.account][posting.bucket] += posting.delta
    return {
        key: Account(
            contributed=buckets[FundBucket.CONTRIBUTED],
            reserved=buckets[FundBucket.RESERVED],
            paid=buckets[FundBucket.PAID],
            recovered=buckets[FundBucket.RECOVERED],
        )
        for key, buckets in sums.items()
    }


def differences(cached: Mapping[AccountKey, Account], postings: Iterable[Posted]) -> Iterator[Difference]:
    """Where the accounts are not the sum of their postings."""
    replayed = replay(postings)
    for key in sorted({*cached, *replayed}):
        kept, folded = cached.get(key, Account()), replayed.get(key, Account())
        for bucket in ("contributed", "reserved", "paid", "recovered"):
            one, other = getattr(kept, bucket), getattr(folded, bucket)
            if one != other:
                yield Difference(f"fund {key[0]}, {key[1]}: {bucket}", one, other)
