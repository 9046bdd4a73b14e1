"""What is sent back: one JSON text in the media type asked for, small where the caller can unpack it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import zstandard
from starlette.types import Send

from api.logs import report_fault
from api.sent import JSON, Turned
from schema.errors import NOT_ANSWERING, TOOK_TOO_LONG, Code
from schema.faults import refusal
from tenants.database import DatabaseUnavailable, StatementTimeout

GRAPHQL_JSON = "application/graphql-response+json"
# Answers hold what one caller may see: no browser is to guess at their type, nobody is to keep them.
PRIVATE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
WORTH_PACKING_BYTES = 4_096
# What is longer is not copied once more to be sent in one piece: up to there a copy costs less than a write.
WORTH_PARTING_BYTES = 1_000_000

_CONTENT_TYPES = {media: f"{media}; charset=utf-8".encode() for media in (JSON, GRAPHQL_JSON)}
_ALWAYS = [(name.lower().encode(), value.encode()) for name, value in PRIVATE.items()]
_PACKED = [(b"content-encoding", b"zstd")]
_VARY = (b"vary", b"accept-encoding")
# Level 1 packs 132 kB in 0.13 ms; gzip would hold up the event loop ten times as long.
_zstd = zstandard.ZstdCompressor(level=1)


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, media type, JSON and further headers."""

    status: int
    media: str
    parts: tuple[bytes, ...]
    headers: Mapping[str, str] | None = None

    @property
    def body(self) -> bytes:
        """The whole JSON."""
        return b"".join(self.parts)

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return sum(map(len, self.parts))

    async def send(self, send: Send, *, correlation: str, accept_encoding: bytes) -> None:
        """Write it, packed where that is worth it and wanted."""
        parts, size = self.parts, self.size
        headers = [(b"content-type", _CONTENT_TYPES[self.media]), (b"x-correlation-id", correlation.encode())]
        headers += _ALWAYS
        if self.headers:
            headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        if size >= WORTH_PACKING_BYTES:
            headers.append(_VARY)
            if b"zstd" in accept_encoding and takes_zstd(accept_encoding):
                parts = (_zstd.compress(self.body),)
                size = len(parts[0])
                headers += _PACKED
        headers.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if size < WORTH_PARTING_BYTES:
            await send({"type": "http.response.body", "body": b"".join(parts)})
            return
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1]})


def turned_away(turned: Turned, media: str) -> Reply:
    """The answer to a request that is turned away."""
    status = 200 if turned.answers_the_graph and media == JSON else turned.status
    return _told(status, refusal(turned.code, str(turned), **turned.extensions), media, turned.headers)


def failed(problem: Exception, media: str = JSON) -> Reply:
    """What callers are told of a problem that is not theirs; one of our own making is logged."""
    if isinstance(problem, TimeoutError | StatementTimeout):
        return _told(504, refusal(Code.TIMEOUT, TOOK_TOO_LONG), media)
    if isinstance(problem, DatabaseUnavailable):
        return _told(503, refusal(Code.UNAVAILABLE, NOT_ANSWERING), media, {"Retry-After": "1"})
    body = refusal(Code.INTERNAL, "something went wrong on our side", correlationId=report_fault(problem))
    return _told(500, body, media)


def _told(status: int, body: dict[str, Any], media: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, media, (orjson.dumps(body),), headers)


@lru_cache(maxsize=64)
def media_type(accept: str) -> str:
    """Which of our two media types the caller likes best. Raises Turned (406) where neither will do."""
    if not accept:
        return JSON
    wanted = _qualities(accept)
    otherwise = wanted.get("application/*", wanted.get("*/*", 0))
    likings = {GRAPHQL_JSON: wanted.get(GRAPHQL_JSON, 0), JSON: wanted.get(JSON, otherwise)}
    best = max(likings, key=lambda media: likings[media])
    if likings[best] <= 0:
        message = f"this API answers with {GRAPHQL_JSON} or {JSON}: accept one of them"
        raise Turned(406, Code.BAD_REQUEST, message)
    return best


@lru_cache(maxsize=64)
def takes_zstd(accept_encoding: bytes) -> bool:
    """Whether the caller unpacks zstd; who says nothing of it does not."""
    return _qualities(accept_encoding.decode("latin-1")).get("zstd", 0) > 0


def _qualities(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = part.lower().split(";")
        found[name.strip()] = _quality(parameters)
    return found


def _quality(parameters: list[str]) -> float:
    stated = next((p.strip()[2:] for p in parameters if p.strip().startswith("q=")), "1")
    try:
        return float(stated)
    except ValueError:
        return 1
