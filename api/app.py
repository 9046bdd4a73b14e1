"""The web application: which path leads where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.endpoint import READING, Endpoint
from api.graphiql import graphiql_page, graphiql_routes
from api.issuer import DevelopmentIssuer, IssuerRefused, UnknownPersona
from api.reply import GRAPHQL_JSON, PRIVATE, failed
from api.settings import Settings, is_loopback
from api.tokens import TokenVerifier
from api.trusted_documents import KnownDocuments, trusted_documents
from schema.admission import Admission, Introspection
from schema.buckets import Buckets
from schema.documents import Documents
from schema.errors import Code
from schema.faults import refusal
from schema.graph import Engine, graph
from schema.turns import Turns
from tenants.database import Database, DatabaseUnavailable, StatementTimeout
from tenants.organisation import Directory

READY_WITHIN_S = 2.0
HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::[0-9]*)?")
"""A Host header (RFC 9110, 7.2), of the characters that a browser's may have."""


def create_app(
    settings: Settings,
    *,
    database: Database,
    directory: Directory,
    verifier: TokenVerifier,
    issuer: DevelopmentIssuer | None,
    personas: Sequence[str] = (),
    compiled: bool = True,
) -> ASGIApp:
    """The application over an opened database; `issuer` is None but in development. Raises ManifestError.

    `compiled=False` leaves every operation to the normal executor, for comparison.
    """
    engine = _engine(settings, compiled=compiled)
    endpoint = Endpoint(
        engine,
        documents=_known_documents(settings, engine.documents),
        database=database,
        directory=directory,
        verifier=verifier,
        timeout_s=settings.request_timeout_s,
    )
    development = issuer is not None
    page = partial(graphiql_page, development=development, personas=personas)
    routes: list[BaseRoute] = [
        Route("/graphql", _Graphql(endpoint, page), methods=["GET", "POST"]),
        Route("/healthz", _alive),
        Route("/readyz", partial(_ready, directory)),
        *graphiql_routes(development=development, personas=personas),
    ]
    if issuer is not None:
        routes.append(Route("/dev/token", partial(_token, issuer, settings.signs_in_the_network)))
    pages = Starlette(routes=routes, exception_handlers={HTTPException: _turned_away, Exception: _failed})
    return _Application(endpoint, pages)


def _engine(settings: Settings, *, compiled: bool) -> Engine:
    introspection = settings.introspection_is_for
    documents = Documents(
        graph()._schema,
        limits=settings.limits,
        hide_suggestions=introspection is not Introspection.EVERYONE,
    )
    buckets = Buckets(capacity=settings.cost_bucket, restore_per_s=settings.cost_restore_per_s)
    return Engine(
        documents,
        compiled=compiled,
        explains=settings.environment == "development",
        answer_bytes=settings.response_bytes_limit,
        admission=Admission(introspection=introspection, buckets=buckets),
        # Half of the connections of a role for one caller, and some left for other offices.
        turns=Turns(
            of_caller=settings.database_connections // 2, of_tenant=settings.database_connections * 7 // 10
        ),
    )


def _known_documents(settings: Settings, documents: Documents) -> KnownDocuments:
    path = settings.trusted_documents
    trusted = trusted_documents(path, documents) if path else {}
    return KnownDocuments(documents, trusted, only=settings.trusted_documents_only)


class _Application:
    """Starlette, but for what nearly every request is: its routing costs as much as reading an operation."""

    def __init__(self, endpoint: Endpoint, others: Starlette) -> None:
        self._endpoint = endpoint
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/graphql":
            await self._endpoint(scope, receive, send)
        else:
            await self._others(scope, receive, send)


class _Graphql:
    """One path, two answers: the page for whoever looks, the graph for whoever asks."""

    def __init__(self, endpoint: Endpoint, page: Callable[[], Response]) -> None:
        self._endpoint = endpoint
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in READING and _is_browser(Request(scope)):
            await self._page()(scope, receive, send)
        else:
            await self._endpoint(scope, receive, send)


def _is_browser(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    asks = {"query", "documentId", "extensions"} & request.query_params.keys()
    return "text/html" in accept and GRAPHQL_JSON not in accept and not asks


async def _alive(request: Request) -> Response:
    """The process answers; whether the database does is /readyz."""
    del request
    return JSONResponse({"status": "alive"}, headers=PRIVATE)


async def _ready(directory: Directory, request: Request) -> Response:
    """Whether requests can be answered just now, or could a second ago."""
    del request
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await directory.organisation()
    except (DatabaseUnavailable, StatementTimeout, TimeoutError) as reason:
        told = str(reason) or "the database did not answer in time"
        return JSONResponse({"status": "unavailable", "reason": told}, 503, PRIVATE)
    return JSONResponse({"status": "ready"}, headers=PRIVATE)


async def _token(issuer: DevelopmentIssuer, for_the_network: bool, request: Request) -> Response:
    """Development only: the token of `?persona=`, for GraphiQL's switch."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        told = "tokens are not for another site's page: open /graphql in the browser itself"
        return JSONResponse(refusal(Code.FORBIDDEN, told), 403, PRIVATE)
    if not for_the_network and not _is_called_by_our_name(request):
        told = "tokens are given by this machine's own name only: ask http://127.0.0.1 or http://localhost"
        return JSONResponse(refusal(Code.FORBIDDEN, told), 403, PRIVATE)
    persona = request.query_params.get("persona", "")
    try:
        return JSONResponse({"persona": persona, "token": issuer.token(persona)}, headers=PRIVATE)
    except UnknownPersona as unknown:
        return JSONResponse(refusal(Code.BAD_USER_INPUT, str(unknown)), 400, PRIVATE)
    except IssuerRefused as refused:
        return JSONResponse(refusal(Code.UNAVAILABLE, str(refused)), 503, PRIVATE)


def _is_called_by_our_name(request: Request) -> bool:
    """Whether the Host is loopback or the address listened on.

    A stranger may point a name of his at 127.0.0.1; to the browser his page and we are one site then.
    """
    called = HOST.fullmatch(request.headers.get("host", ""))
    host = (called["address"] or called["name"]) if called else None
    # The socket's own address: no header has a say in it.
    listening = request.scope.get("server")
    return is_loopback(host) or (host is not None and listening is not None and host == listening[0])


async def _turned_away(request: Request, problem: Exception) -> Response:
    """No such path, or not by this method: in the form of every other refusal."""
    assert isinstance(problem, HTTPException)
    message = f"{problem.detail}: GraphQL is at /graphql, by GET or POST"
    headers = {**PRIVATE, **(problem.headers or {})}
    del request
    return JSONResponse(refusal(Code.BAD_REQUEST, message), problem.status_code, headers)


async def _failed(request: Request, problem: Exception) -> Response:
    del request
    reply = failed(problem)
    headers = {**PRIVATE, **(reply.headers or {})}
    return Response(reply.body, reply.status, headers, media_type=reply.media)
