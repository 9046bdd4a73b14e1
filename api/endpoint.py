"""GraphQL over HTTP: one request in, one coded answer out, whatever was sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

import structlog
from starlette.types import Receive, Scope, Send

from api.logs import correlation_id, log_request, operation_name, report_fault
from api.recent import RecentRequests
from api.reply import GRAPHQL_JSON, Reply, failed, media_type, turned_away
from api.sent import JSON, Sent, Turned, from_body, from_query_string, refuse_other_kinds
from api.tokens import TokenFault, TokenRefused, TokenVerifier
from api.trusted_documents import KnownDocuments
from domain.access import Caller
from schema.admission import RateLimited
from schema.answers import Answer, Phase
from schema.errors import Code, CodedError
from schema.graph import Engine, Prepared
from schema.request import Request
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import OutOfScope

LARGEST_BODY_BYTES = 1_000_000
READING = ("GET", "HEAD")
_GONE = Reply(499, JSON, ())

T = TypeVar("T")


class _CallerLeft(Exception):
    """Nobody waits for the answer any more."""


@dataclass(slots=True)
class _Exchange:
    """One request while it is being answered."""

    method: str
    query_string: bytes
    headers: dict[bytes, bytes]
    receive: Receive
    media: str = JSON
    operation: str | None = None
    arriving: bool = False
    """Whether the body is still on its way."""

    def header(self, name: bytes) -> str:
        """A header's value, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")


class Endpoint:
    """Answers GraphQL requests for verified callers, each under its own scope; an ASGI application."""

    def __init__(
        self,
        engine: Engine,
        *,
        documents: KnownDocuments,
        database: Database,
        directory: Directory,
        verifier: TokenVerifier,
        timeout_s: float,
    ) -> None:
        self._engine = engine
        self._documents = documents
        self._database = database
        self._directory = directory
        self._verifier = verifier
        self._timeout_s = timeout_s
        self._recent = RecentRequests()
        self._given_up: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log that it was; raises nothing."""
        began = time.perf_counter()
        # Of a header that is sent twice the first counts.
        headers = dict(reversed(scope["headers"]))
        http = _Exchange(scope["method"], scope["query_string"], headers, receive)
        correlation = correlation_id(http.header(b"x-correlation-id"))
        reply = await self._in_time(http, correlation)
        log_request(
            correlation_id=correlation,
            operation=http.operation,
            method=http.method,
            status=reply.status,
            milliseconds=(time.perf_counter() - began) * 1000,
            size=reply.size,
        )
        encodings = headers.get(b"accept-encoding", b"")
        await reply.send(send, correlation=correlation, accept_encoding=encodings)

    async def _in_time(self, http: _Exchange, correlation: str) -> Reply:
        """The reply, or a time-out's."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._reply(http, correlation)
        except TimeoutError as late:
            if not http.arriving:
                return failed(late, http.media)
            told = Turned(408, Code.TIMEOUT, "the body did not arrive in time", {"Connection": "close"})
            return turned_away(told, http.media)

    async def _apart(self, executing: Coroutine[Any, Any, T]) -> T:
        """What may have a transaction to undo, and so to wait for a silent database: a time-out does not wait."""
        task = asyncio.create_task(executing)
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                self._given_up.add(task)
                task.add_done_callback(self._forget)
                task.cancel()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of what nobody waits for

    async def _reply(self, http: _Exchange, correlation: str) -> Reply:
        """What is answered in the end. A request is a task of uvicorn's: what it binds for the log ends with it."""
        structlog.contextvars.bind_contextvars(correlation_id=correlation)
        try:
            http.media = media_type(http.header(b"accept"))
            return await self._answered(http)
        except Turned as turned:
            return turned_away(turned, http.media)
        except _CallerLeft:
            return _GONE
        except Exception as problem:
            return failed(problem, http.media)

    async def _answered(self, http: _Exchange) -> Reply:
        # Before the body is read: nobody unknown is to cost us more than a header.
        caller = await self._caller(http)
        prepared = await self._prepared(http)
        if isinstance(prepared, Answer):
            return _reply_with(prepared, http.media)
        try:
            request = await self._request(caller)
            answer = await self._engine.execute(request, prepared, report=report_fault, apart=self._apart)
        except CodedError as refused:
            raise _not_admitted(refused) from None
        return _reply_with(answer, http.media)

    async def _prepared(self, http: _Exchange) -> Prepared | Answer:
        """The operation that is asked for. One that was asked for lately, byte for byte, need not be read again."""
        if http.method in READING:
            return self._read(http, from_query_string(http.query_string))
        refuse_other_kinds(http.header(b"content-type"))
        http.arriving = True
        body = await _body(http.receive)
        http.arriving = False
        if (known := self._recent.find(body)) is not None:
            http.operation = operation_name(known.operation.name)
            return known
        sent = from_body(body)
        prepared = self._read(http, sent)
        # What comes with its hash is registered anew each time: it may have been forgotten. A change has a key of
        # its own, and is hardly ever sent twice.
        if isinstance(prepared, Prepared) and sent.sha256 is None and not prepared.changes:
            self._recent.keep(body, prepared)
        return prepared

    def _read(self, http: _Exchange, sent: Sent) -> Prepared | Answer:
        http.operation = operation_name(sent.operation)
        document = self._engine.documents.find(self._documents.text_of(sent))
        prepared = self._engine.prepare(
            document,
            variables=sent.variables,
            operation=sent.operation,
            reading_only=http.method in READING,
        )
        if isinstance(prepared, Prepared):
            http.operation = operation_name(prepared.operation.name)
        return prepared

    async def _caller(self, http: _Exchange) -> Caller:
        try:
            return await self._verifier.caller(http.header(b"authorization") or None)
        except TokenRefused as refused:
            if refused.reason is TokenFault.KEYS_UNAVAILABLE:
                raise Turned(503, Code.UNAVAILABLE, str(refused), {"Retry-After": "1"}) from None
            challenge = f'Bearer error="invalid_token", error_description="{refused.reason}"'
            if refused.reason is TokenFault.MISSING:
                challenge = "Bearer"  # RFC 6750: no error where nothing was shown
            raise Turned(401, Code.UNAUTHENTICATED, str(refused), {"WWW-Authenticate": challenge}) from None

    async def _request(self, caller: Caller) -> Request:
        try:
            placed = self._directory.place_at_once(caller)
            if placed is None:
                placed = await self._apart(self._directory.place(caller))
            scope, organisation = placed
        except OutOfScope as nothing:
            raise Turned(403, Code.FORBIDDEN, str(nothing)) from None
        return Request(
            database=self._database,
            directory=self._directory,
            organisation=organisation,
            scope=scope,
            today=self._directory.today,
            deadline=time.monotonic() + self._timeout_s,
        )


async def _body(receive: Receive) -> bytes:
    """The body, read no further than it may be long."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerLeft
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > LARGEST_BODY_BYTES:
            told = f"the body is longer than {LARGEST_BODY_BYTES:,} bytes"
            raise Turned(413, Code.BAD_REQUEST, told, {"Connection": "close"})
        if not message.get("more_body", False):
            return b"".join(chunks)


def _not_admitted(refused: CodedError) -> Turned:
    """An operation that could be executed, but not by this caller or not now."""
    code = Code((refused.extensions or {})["code"])
    if not isinstance(refused, RateLimited):
        return Turned(403, code, refused.message, answers_the_graph=True)
    wait_ms = refused.retry_after_ms
    later = {"Retry-After": str(ceil(wait_ms / 1000))}
    return Turned(429, code, refused.message, later, answers_the_graph=True, retryAfterMs=wait_ms)


def _reply_with(answer: Answer, media: str) -> Reply:
    """A request refused before execution is the caller's error, and 400 in the newer media type."""
    if answer.phase is Phase.MUST_POST:
        return Reply(405, media, answer.parts, {"Allow": "POST"})
    refused = answer.phase is Phase.REFUSED
    return Reply(400 if refused and media == GRAPHQL_JSON else 200, media, answer.parts)
