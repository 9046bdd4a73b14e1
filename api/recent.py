"""Requests that were read lately: the same bytes are the same operation, whoever sends them."""

from __future__ import annotations

from collections import OrderedDict

from schema.graph import Prepared

MOST_REQUESTS = 1_000
LONGEST_BODY_BYTES = 4_096


class RecentRequests:
    """The last requests by their bodies; those used longest ago make room. Nothing of a caller is kept."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Prepared] = OrderedDict()

    def find(self, body: bytes) -> Prepared | None:
        """What this body asks for, if it was read lately."""
        known = self._kept.get(body)
        if known is not None:
            self._kept.move_to_end(body)
        return known

    def keep(self, body: bytes, prepared: Prepared) -> None:
        """Keep what was read; a long body is read as often as it comes."""
        if len(body) > LONGEST_BODY_BYTES:
            return
        self._kept[body] = prepared
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
