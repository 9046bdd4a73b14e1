"""The web application: which path leads where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api.endpoint import GRAPHQL_JSON, PRIVATE, READING, Endpoint, failed
from api.graphiql import graphiql_page, graphiql_routes
from api.issuer import DevelopmentIssuer, IssuerRefused, UnknownPersona
from api.settings import Settings, is_loopback
from api.tokens import TokenVerifier
from schema.errors import Code
from schema.graph import refusal
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
) -> Starlette:
    """The application over an opened database; `issuer` is None but in development."""
    endpoint = Endpoint(
        database=database, directory=directory, verifier=verifier, timeout_s=settings.request_timeout_s
    )
    development = issuer is not None

    async def graphql(request: Request) -> Response:
        if request.method in READING and _is_browser(request):
            return graphiql_page(development=development, personas=personas)
        return await endpoint(request)

    routes: list[BaseRoute] = [
        Route("/graphql", graphql, methods=["GET", "POST"]),
        Route("/healthz", _alive),
        Route("/readyz", partial(_ready, directory)),
        *graphiql_routes(development=development, personas=personas),
    ]
    if issuer is not None:
        routes.append(Route("/dev/token", partial(_token, issuer, settings.signs_in_the_network)))
    return Starlette(routes=routes, exception_handlers={HTTPException: _turned_away, Exception: _failed})


def _is_browser(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "text/html" in accept and GRAPHQL_JSON not in accept and "query" not in request.query_params


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
    return failed(problem)
