"""GraphQL over HTTP: one request in, one coded answer out, whatever was sent."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.logs import correlation_id, log, operation_name, report_fault
from api.tokens import TokenFault, TokenRefused, TokenVerifier
from schema.errors import Code
from schema.graph import Answer, Phase, answer, refusal
from schema.request import Request as GraphRequest
from tenants.database import Database, DatabaseUnavailable, StatementTimeout
from tenants.organisation import Directory
from tenants.scope import OutOfScope

LARGEST_BODY_BYTES = 1_000_000
GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sent, of the right kinds."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None


class Turned(Exception):
    """The request is turned away before the graph sees it."""

    def __init__(self, status: int, code: Code, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class Endpoint:
    """Answers GraphQL requests for verified callers, each under its own scope."""

    def __init__(
        self, *, database: Database, directory: Directory, verifier: TokenVerifier, timeout_s: float
    ) -> None:
        self._database = database
        self._directory = directory
        self._verifier = verifier
        self._timeout_s = timeout_s

    async def __call__(self, http: Request) -> Response:
        """Answer one request; never raises but for a caller that has gone."""
        began = time.perf_counter()
        correlation = correlation_id(http.headers.get("x-correlation-id"))
        structlog.contextvars.bind_contextvars(correlation_id=correlation)
        media = JSON
        sent: Sent | None = None
        try:
            media = _media_type(http.headers.get("accept"))
            sent = await _read(http)
            async with asyncio.timeout(self._timeout_s):
                answered = await self._answer(http, sent)
            response = _respond(answered, media)
        except Turned as turned:
            body = refusal(turned.code, str(turned))
            response = _json(body, turned.status, media, turned.headers)
        except ClientDisconnect:
            response = Response(status_code=499)
        except Exception as problem:
            response = self._failed(problem, media)
        response.headers["x-correlation-id"] = correlation
        log.info(
            "request",
            method=http.method,
            status=response.status_code,
            operation=operation_name(sent.operation) if sent else None,
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
            bytes=len(response.body),
        )
        structlog.contextvars.unbind_contextvars("correlation_id")
        return response

    async def _answer(self, http: Request, sent: Sent) -> Answer:
        try:
            caller = await self._verifier.caller(http.headers.get("authorization"))
        except TokenRefused as refused:
            if refused.reason is TokenFault.KEYS_UNAVAILABLE:
                raise Turned(503, Code.UNAVAILABLE, str(refused)) from None
            header = {
                "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{refused.reason}"'
            }
            raise Turned(401, Code.UNAUTHENTICATED, str(refused), **header) from None
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
        )
        return await answer(
            request,
            query=sent.query,
            variables=sent.variables,
            operation=sent.operation,
            reading_only=http.method == "GET",
            report=report_fault,
        )

    def _failed(self, problem: Exception, media: str) -> Response:
        if isinstance(problem, TimeoutError | StatementTimeout):
            message = "this took too long: ask for fewer rows or a narrower `where`"
            return _json(refusal(Code.TIMEOUT, message), 504, media, {})
        if isinstance(problem, DatabaseUnavailable):
            message = "the database does not answer at the moment: try again"
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
    return Response(content, status, {**headers, "Content-Type": f"{media}; charset=utf-8"})


def _media_type(accept: str | None) -> str:
    """Which of our two media types the caller wants. Raises Turned (406) where neither will do."""
    if not accept:
        return JSON
    wanted = {part.split(";")[0].strip().lower() for part in accept.split(",") if "q=0;" not in part + ";"}
    if GRAPHQL_JSON in wanted:
        return GRAPHQL_JSON
    if wanted & {JSON, "application/*", "*/*"}:
        return JSON
    raise Turned(406, Code.BAD_REQUEST, f"this API answers with {GRAPHQL_JSON} or {JSON}: accept one of them")


async def _read(http: Request) -> Sent:
    if http.method == "GET":
        return _from_query_string(http)
    kind, _, parameters = http.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise Turned(415, Code.BAD_REQUEST, f"send the request as {JSON} in UTF-8")
    return _sent(_decoded(await _body(http), "the body"))


async def _body(http: Request) -> bytes:
    """The body, read no further than it may be long."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in http.stream():
        size += len(chunk)
        if size > LARGEST_BODY_BYTES:
            message = f"the body is longer than {LARGEST_BODY_BYTES:,} bytes"
            raise Turned(413, Code.BAD_REQUEST, message, Connection="close")
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
