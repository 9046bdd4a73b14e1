"""How much a caller and a tenant may still ask for just now: buckets of cost that fill up again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from domain.access import Caller

TENANT_SHARE = 10
"""A tenant's bucket is this many times as large as a caller's, and fills up as many times as fast."""
MOST_BUCKETS = 20_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Too much was asked for in too short a time."""

    whose: str
    """Whose bucket was empty: "caller" or "tenant"."""
    retry_after_ms: int


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


class Buckets:
    """What is left for each caller and each tenant, in units of cost; full at first.

    A request reserves what it may cost; what it did not use is given back. `capacity` and `restore_per_s` are a
    caller's. Times are seconds of a clock that never goes back.
    """

    def __init__(self, *, capacity: int, restore_per_s: float, most: int = MOST_BUCKETS) -> None:
        self._capacity = capacity
        self._restore_per_s = restore_per_s
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def reserve(self, caller_key: str, tenant_key: str, cost: int, now: float) -> Refusal | None:
        """Take the cost from both buckets, or from neither and say when it is worth another try."""
        own = self._filled(caller_key, 1, now)
        shared = self._filled(tenant_key, TENANT_SHARE, now)
        # What no bucket could ever hold waits for a full one.
        lacking_own = min(cost, self._capacity) - own.level
        lacking_shared = min(cost, TENANT_SHARE * self._capacity) - shared.level
        if lacking_own > 0:
            return Refusal("caller", self._wait_ms(lacking_own, 1))
        if lacking_shared > 0:
            return Refusal("tenant", self._wait_ms(lacking_shared, TENANT_SHARE))
        own.level -= cost
        shared.level -= cost
        return None

    def settle(self, caller_key: str, tenant_key: str, *, reserved: int, actual: int, now: float) -> None:
        """Give back what was reserved and not used; what was used beyond that is taken."""
        if reserved != actual:
            self._filled(caller_key, 1, now).level += reserved - actual
            self._filled(tenant_key, TENANT_SHARE, now).level += reserved - actual

    def charge(self, caller_key: str, tenant_key: str, seconds: float, *, now: float) -> None:
        """Take from both buckets what the caller's gets back in this time."""
        taken = seconds * self._restore_per_s
        self._filled(caller_key, 1, now).level -= taken
        self._filled(tenant_key, TENANT_SHARE, now).level -= taken

    def _filled(self, key: str, share: int, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(share * self._capacity, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        restored = bucket.level + (now - bucket.at_s) * share * self._restore_per_s
        bucket.level = min(restored, share * self._capacity)
        bucket.at_s = now
        return bucket

    def _wait_ms(self, lacking: float, share: int) -> int:
        return 1 + int(1000 * lacking / (share * self._restore_per_s))


def keys_of(caller: Caller) -> tuple[str, str]:
    """The names of a caller's own bucket and of its tenant's: its office, its company, or headquarters."""
    tenant = caller.office or caller.client_registration or "headquarters"
    return f"caller {caller.subject}", f"tenant {tenant}"
