"""Requests that were read lately: the same bytes are the same operation, whoever sends them."""

from __future__ import annotations

from collections import OrderedDict

from schema.graph import Prepared

# What is made of a body takes up to a hundred times its bytes, beside what the documents' store keeps.
MOST_BYTES = 250_000
LONGEST_BODY_BYTES = 4_096


class RecentRequests:
    """The last requests by their bodies; those used longest ago make room. Nothing of a caller is kept."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, Prepared] = OrderedDict()

    def find(self, body: bytes) -> Prepared | None:
        """What this body asks for, if it was read lately."""
        known = self._kept.get(body)
        if known is not None:
            self._kept.move_to_end(body)
        return known

    def keep(self, body: bytes, prepared: Prepared) -> None:
        """Keep what was read; a long body is read as often as it comes."""
        if len(body) > LONGEST_BODY_BYTES or body in self._kept:
            return
        self._kept[body] = prepared
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            oldest, _ = self._kept.popitem(last=False)
            self._bytes -= len(oldest)
