"""Whether an operation that could be executed may be: who may ask for the schema, and how much at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from domain.access import HEADQUARTERS_ROLES, Caller
from schema.buckets import Buckets, keys_of
from schema.documents import Operation
from schema.errors import Code, CodedError


class Introspection(StrEnum):
    """To whom the schema is shown. `__typename` is everybody's."""

    EVERYONE = "everyone"
    HEADQUARTERS = "headquarters"
    NOBODY = "nobody"

    def is_for(self, caller: Caller) -> bool:
        """Whether this caller may ask for it."""
        return self is Introspection.EVERYONE or (
            self is Introspection.HEADQUARTERS and caller.role in HEADQUARTERS_ROLES
        )


class RateLimited(CodedError):
    """Too much was asked for in too short a time; `retry_after_ms` says when it is worth another try."""

    def __init__(self, whose: str, retry_after_ms: int) -> None:
        others = " with all others of this office" if whose == "tenant" else ""
        super().__init__(
            Code.RATE_LIMITED,
            f"you asked for more than this server gives out{others} at a time: ask again after "
            f"{retry_after_ms} milliseconds, or for fewer rows by `first`",
        )
        self.retry_after_ms = retry_after_ms
        assert self.extensions is not None
        self.extensions["retryAfterMs"] = retry_after_ms


FREE_S = 0.25
"""What runs no longer is paid for by its objects alone."""


class Admission:
    """Decides before execution, and keeps account of what was given out; without buckets nobody waits."""

    def __init__(
        self,
        *,
        introspection: Introspection = Introspection.EVERYONE,
        buckets: Buckets | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._introspection = introspection
        self._buckets = buckets
        self._clock = clock

    def admit(self, caller: Caller, operation: Operation, requested: int) -> None:
        """Reserve the requested cost. Raises CodedError: FORBIDDEN, or RateLimited."""
        if operation.introspects and not self._introspection.is_for(caller):
            raise CodedError(
                Code.FORBIDDEN, "the schema is not shown here: use the one that came with your client"
            )
        if self._buckets is None:
            return
        refused = self._buckets.reserve(*keys_of(caller), requested, self._clock())
        if refused is not None:
            raise RateLimited(refused.whose, refused.retry_after_ms)

    def charge(self, caller: Caller, seconds: float) -> None:
        """Take what a caller gets back while a long statement runs: who keeps the database busy, waits."""
        if self._buckets is not None and seconds > FREE_S:
            self._buckets.charge(*keys_of(caller), seconds, now=self._clock())

    def settle(self, caller: Caller, requested: int, actual: int) -> None:
        """Give back what an admitted operation did not use."""
        if self._buckets is not None:
            self._buckets.settle(*keys_of(caller), reserved=requested, actual=actual, now=self._clock())
