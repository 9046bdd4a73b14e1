"""What two contenders' answers must have in common before either is timed: the same rows with the same values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

# Opaque to callers, so each contender may have its own; a currency stands beside the amount or within it.
OF_ITS_OWN = frozenset({"id", "cursor", "startCursor", "endCursor", "currency"})


class NoAnswer(Exception):
    """A contender answered with errors, or something else than the others; the message says what."""


def data(body: bytes) -> dict[str, Any]:
    """What an answer says where it has no errors. Raises NoAnswer."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoAnswer(f"no JSON: {body[:200]!r}") from None
    if not isinstance(answer, dict) or answer.get("errors") or not answer.get("data"):
        raise NoAnswer(f"answers {body[:300].decode(errors='replace')}")
    said: dict[str, Any] = answer["data"]
    return said


def facts(body: bytes) -> Any:
    """The values of an answer, without what each contender may word in its own way. Raises NoAnswer."""
    said = data(body)
    if isinstance(facilities := said.get("facilities"), dict) and "groups" in facilities:
        return _groups(facilities["groups"])
    return _plain(said)


def _plain(value: Any) -> Any:
    """Scalars as text, an amount as its minor units, and nothing that is a contender's own."""
    match value:
        case {"amount": str(amount), **rest} if not rest.keys() - OF_ITS_OWN:
            return amount.replace(".", "").lstrip("0") or "0"
        case Mapping():
            return {name: _plain(below) for name, below in value.items() if name not in OF_ITS_OWN}
        case list():
            return [_plain(below) for below in value]
        case None | bool():
            return value
        case _:
            return str(value)


def _groups(groups: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Count and sums of each group, in an order of their own: the peer names branches by key, in any order."""
    found = []
    for group in groups:
        if "aggregates" in group:
            made = _plain(group["aggregates"])
            found.append((made["count"], made["limit"]["sum"], made["outstanding"]["sum"]))
        else:
            found.append((group["count"]["limit"], group["sum"]["limit"], group["sum"]["outstanding"]))
    return sorted(found)
