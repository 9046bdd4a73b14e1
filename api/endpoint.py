"""GraphQL over HTTP: one request in, one coded answer out, whatever was sent."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.logs import correlation_id, log, operation_name, report_fault
from api.tokens import TokenFault, TokenRefused, TokenVerifier
from domain.access import Caller
from schema.errors import NOT_ANSWERING, TOOK_TOO_LONG, Code
from schema.graph import MOST_TOKENS, Answer, Phase, answer, refusal
from schema.request import Request as GraphRequest
from tenants.database import Database, DatabaseUnavailable, StatementTimeout
from tenants.organisation import Directory
from tenants.scope import OutOfScope

LARGEST_BODY_BYTES = 1_000_000
GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
# Answers hold what one caller may see: no browser is to guess at their type, nobody is to keep them.
PRIVATE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
READING = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sent, of the right kinds."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None


class Turned(Exception):
    """The request is turned away before the graph sees it."""

    def __init__(self, status: int, code: Code, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class Endpoint:
    """Answers GraphQL requests for verified callers, each under its own scope."""

    def __init__(
        self, *, database: Database, directory: Directory, verifier: TokenVerifier, timeout_s: float
    ) -> None:
        self._database = database
        self._directory = directory
        self._verifier = verifier
        self._timeout_s = timeout_s
        self._given_up: set[asyncio.Task[Answer]] = set()

    async def __call__(self, http: Request) -> Response:
        """Answer one request and log that it was; raises nothing."""
        began = time.perf_counter()
        correlation = correlation_id(http.headers.get("x-correlation-id"))
        with structlog.contextvars.bound_contextvars(correlation_id=correlation, operation=None):
            response = await self._response(http)
            log.info(
                "request",
                method=http.method,
                status=response.status_code,
                milliseconds=round((time.perf_counter() - began) * 1000, 1),
                bytes=len(response.body),
            )
        response.headers["x-correlation-id"] = correlation
        return response

    async def _response(self, http: Request) -> Response:
        media = JSON
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            media = media_type(http.headers.get("accept"))
            async with asyncio.timeout_at(deadline):
                # Before the body is read: nobody unknown is to cost us more than a header.
                caller = await self._caller(http)
            sent = await _read(http, deadline)
            structlog.contextvars.bind_contextvars(operation=operation_name(sent.operation))
            answering = self._answer(caller, sent, reading_only=http.method in READING)
            return _respond(await self._by(deadline, answering), media)
        except Turned as turned:
            return _json(refusal(turned.code, str(turned)), turned.status, media, turned.headers)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as problem:
            return failed(problem, media)

    async def _caller(self, http: Request) -> Caller:
        try:
            return await self._verifier.caller(http.headers.get("authorization"))
        except TokenRefused as refused:
            if refused.reason is TokenFault.KEYS_UNAVAILABLE:
                raise Turned(503, Code.UNAVAILABLE, str(refused), {"Retry-After": "1"}) from None
            challenge = f'Bearer error="invalid_token", error_description="{refused.reason}"'
            if refused.reason is TokenFault.MISSING:
                challenge = "Bearer"  # RFC 6750: no error where nothing was shown
            raise Turned(401, Code.UNAUTHENTICATED, str(refused), {"WWW-Authenticate": challenge}) from None

    async def _answer(self, caller: Caller, sent: Sent, *, reading_only: bool) -> Answer:
        try:
            scope = await self._directory.scope(caller)
        except OutOfScope as nothing:
            raise Turned(403, Code.FORBIDDEN, str(nothing)) from None
        request = GraphRequest(
            database=self._database,
            directory=self._directory,
            organisation=await self._directory.organisation(),
            scope=scope,
            today=dt.datetime.now(dt.UTC).date(),
            deadline=time.monotonic() + self._timeout_s,
        )
        answered = await answer(
            request,
            query=sent.query,
            variables=sent.variables,
            operation=sent.operation,
            reading_only=reading_only,
            report=report_fault,
        )
        if reading_only and answered.phase is Phase.REFUSED and _writes(sent):
            raise Turned(405, Code.BAD_REQUEST, "GET only reads: send a mutation by POST", {"Allow": "POST"})
        return answered

    async def _by(self, deadline: float, answering: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer, or TimeoutError on time: undoing a transaction may itself wait for a silent database."""
        task = asyncio.create_task(answering)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(task)
        finally:
            if not task.done():
                self._given_up.add(task)
                task.add_done_callback(self._forget)
                task.cancel()

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of what nobody waits for


def _writes(sent: Sent) -> bool:
    """Whether a document that was refused asked for anything but a query."""
    try:
        document = parse(sent.query, no_location=True, max_tokens=MOST_TOKENS)
    except (GraphQLError, RecursionError):
        return False
    operation = get_operation_ast(document, sent.operation)
    return operation is not None and operation.operation is not OperationType.QUERY


def failed(problem: Exception, media: str = JSON) -> Response:
    """What callers are told of a problem that is not theirs; one of our own making is logged."""
    if isinstance(problem, TimeoutError | StatementTimeout):
        message = TOOK_TOO_LONG
        return _json(refusal(Code.TIMEOUT, message), 504, media, {})
    if isinstance(problem, DatabaseUnavailable):
        message = NOT_ANSWERING
        return _json(refusal(Code.UNAVAILABLE, message), 503, media, {"Retry-After": "1"})
    body = refusal(Code.INTERNAL, "something went wrong on our side")
    body["errors"][0]["extensions"]["correlationId"] = report_fault(problem)
    return _json(body, 500, media, {})


def _respond(answered: Answer, media: str) -> Response:
    """A request refused before execution is the caller's error, and 400 in the newer media type."""
    refused = answered.phase is Phase.REFUSED
    return _json(answered.body, 400 if refused and media == GRAPHQL_JSON else 200, media, {})


def _json(body: dict[str, Any], status: int, media: str, headers: dict[str, str]) -> Response:
    content = orjson.dumps(body)
    return Response(content, status, {**PRIVATE, **headers, "Content-Type": f"{media}; charset=utf-8"})


def media_type(accept: str | None) -> str:
    """Which of our two media types the caller likes best. Raises Turned (406) where neither will do."""
    if not accept:
        return JSON
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = part.lower().split(";")
        wanted[name.strip()] = _quality(parameters)
    otherwise = wanted.get("application/*", wanted.get("*/*", 0))
    likings = {GRAPHQL_JSON: wanted.get(GRAPHQL_JSON, 0), JSON: wanted.get(JSON, otherwise)}
    best = max(likings, key=lambda media: likings[media])
    if likings[best] <= 0:
        message = f"this API answers with {GRAPHQL_JSON} or {JSON}: accept one of them"
        raise Turned(406, Code.BAD_REQUEST, message)
    return best


def _quality(parameters: list[str]) -> float:
    stated = next((p.strip()[2:] for p in parameters if p.strip().startswith("q=")), "1")
    try:
        return float(stated)
    except ValueError:
        return 1


async def _read(http: Request, deadline: float) -> Sent:
    if http.method in READING:
        return _from_query_string(http)
    kind, _, parameters = http.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise Turned(415, Code.BAD_REQUEST, f"send the request as {JSON} in UTF-8")
    try:
        async with asyncio.timeout_at(deadline):
            body = await _body(http)
    except TimeoutError:
        late = "the body did not arrive in time"
        raise Turned(408, Code.TIMEOUT, late, {"Connection": "close"}) from None
    return _sent(_decoded(body, "the body"))


async def _body(http: Request) -> bytes:
    """The body, read no further than it may be long."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in http.stream():
        size += len(chunk)
        if size > LARGEST_BODY_BYTES:
            message = f"the body is longer than {LARGEST_BODY_BYTES:,} bytes"
            raise Turned(413, Code.BAD_REQUEST, message, {"Connection": "close"})
        chunks.append(chunk)
    return b"".join(chunks)


def _from_query_string(http: Request) -> Sent:
    given = http.query_params
    parts: dict[str, Any] = {"query": given.get("query"), "operationName": given.get("operationName") or None}
    if variables := given.get("variables"):
        parts["variables"] = _decoded(variables.encode("utf-8", "surrogatepass"), "`variables`")
    return _sent(parts)


def _decoded(raw: bytes, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise Turned(400, Code.BAD_REQUEST, f"{what} is not JSON in UTF-8") from None


def _sent(parts: Any) -> Sent:
    if not isinstance(parts, dict):
        raise Turned(400, Code.BAD_REQUEST, "the body must be one JSON object: batches are not taken")
    query, variables, operation = parts.get("query"), parts.get("variables"), parts.get("operationName")
    if not isinstance(query, str):
        raise Turned(400, Code.BAD_REQUEST, "`query` must be a string with a GraphQL document")
    if variables is not None and not isinstance(variables, dict):
        raise Turned(400, Code.BAD_REQUEST, "`variables` must be an object")
    if operation is not None and not isinstance(operation, str):
        raise Turned(400, Code.BAD_REQUEST, "`operationName` must be a string")
    if not isinstance(parts.get("extensions") or {}, dict):
        raise Turned(400, Code.BAD_REQUEST, "`extensions` must be an object")
    return Sent(query, variables, operation)
