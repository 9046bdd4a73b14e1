"""Global ids: which type, whose row, which key; opaque to callers, and worth nothing outside of their scope."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from schema.errors import BadInput

Key = tuple[int | str | UUID, ...]
"""The primary key of a row, tenant first where there is one."""

SEPARATOR = ":"
# Text is written as the hexadecimal digits of its UTF-8, behind this letter: it may hold anything.
TEXT_MARK = "s"

_INTEGER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TEXT = re.compile(rf"{TEXT_MARK}(?:[0-9a-f]{{2}})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class GlobalId:
    """A decoded id."""

    type_name: str
    key: Key


def encode(type_name: str, key: Key) -> str:
    """The opaque form of a row's identity; cheap to write in SQL as well (`schema.compiler.values`)."""
    return SEPARATOR.join([type_name, *(_written(part) for part in key)])


def decode(text: str) -> GlobalId:
    """The identity in an id. Raises BadInput where it is none of ours."""
    try:
        type_name, *parts = text.split(SEPARATOR)
        return GlobalId(type_name, tuple(_read(part) for part in parts))
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not an id of this API: pass one exactly as it was given") from None


def _written(part: int | str | UUID) -> str:
    return TEXT_MARK + part.encode().hex() if isinstance(part, str) else str(part)


def _read(part: str) -> int | str | UUID:
    if _UUID.fullmatch(part):
        return UUID(part)
    if _INTEGER.fullmatch(part) and int(part) < 2**31:
        return int(part)
    if _TEXT.fullmatch(part):
        text = bytes.fromhex(part.removeprefix(TEXT_MARK)).decode()
        if "\0" not in text:
            return text
    raise ValueError(part)
