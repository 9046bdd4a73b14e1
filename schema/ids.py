"""Global ids: which type, whose row, which key; opaque to callers, and worth nothing outside of their scope."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from schema.errors import BadInput

Key = tuple[int | str | UUID, ...]
"""The primary key of a row, tenant first where there is one."""


@dataclass(frozen=True, slots=True)
class GlobalId:
    """A decoded id."""

    type_name: str
    key: Key


def encode(type_name: str, key: Key) -> str:
    """The opaque form of a row's identity."""
    parts = [type_name, *(_written(part) for part in key)]
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def decode(text: str) -> GlobalId:
    """The identity in an id. Raises BadInput where it is none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        type_name, *parts = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("\n")
        found = GlobalId(type_name, tuple(_read(part) for part in parts))
    except (ValueError, binascii.Error):
        raise BadInput(f"{text[:40]!r} is not an id of this API: pass one exactly as it was given") from None
    if encode(found.type_name, found.key) != text:
        raise BadInput(f"{text[:40]!r} is not an id of this API: pass one exactly as it was given")
    return found


def _written(part: int | str | UUID) -> str:
    if isinstance(part, UUID):
        return f"u{part.hex}"
    return f"i{part}" if isinstance(part, int) else f"s{part}"


def _read(part: str) -> int | str | UUID:
    kind, value = part[:1], part[1:]
    if kind == "u":
        return UUID(hex=value)
    if kind == "i" and value.isascii() and value.isdigit() and int(value) < 2**31:
        return int(value)
    if kind == "s" and "\0" not in value:
        return value
    raise ValueError(part)
