"""The web application: which path leads where."""

from __future__ import annotations

import asyncio
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
from api.settings import Settings
from api.tokens import TokenVerifier
from schema.errors import Code
from schema.graph import refusal
from tenants.database import Database, DatabaseUnavailable, StatementTimeout
from tenants.organisation import Directory

READY_WITHIN_S = 2.0


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
        routes.append(Route("/dev/token", partial(_token, issuer)))
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


async def _token(issuer: DevelopmentIssuer, request: Request) -> Response:
    """Development only: the token of `?persona=`, for GraphiQL's switch."""
    persona = request.query_params.get("persona", "")
    try:
        return JSONResponse({"persona": persona, "token": issuer.token(persona)}, headers=PRIVATE)
    except UnknownPersona as unknown:
        return JSONResponse(refusal(Code.BAD_USER_INPUT, str(unknown)), 400, PRIVATE)
    except IssuerRefused as refused:
        return JSONResponse(refusal(Code.UNAVAILABLE, str(refused)), 503, PRIVATE)


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
