"""The web application: which path leads where."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api.endpoint import GRAPHQL_JSON, Endpoint
from api.graphiql import graphiql_page, graphiql_routes
from api.issuer import DevelopmentIssuer, IssuerRefused, UnknownPersona
from api.settings import Settings
from api.tokens import TokenVerifier
from schema.errors import Code
from schema.graph import refusal
from tenants.database import Database, DatabaseUnavailable, StatementTimeout
from tenants.organisation import Directory


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
        if request.method == "GET" and _is_browser(request):
            return graphiql_page(development=development, personas=personas)
        return await endpoint(request)

    routes: list[BaseRoute] = [
        Route("/graphql", graphql, methods=["GET", "POST"]),
        Route("/healthz", _alive),
        Route("/readyz", _Ready(directory)),
        *graphiql_routes(development=development, personas=personas),
    ]
    if issuer is not None:
        routes.append(Route("/dev/token", _TokenDesk(issuer)))
    return Starlette(routes=routes)


def _is_browser(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "text/html" in accept and GRAPHQL_JSON not in accept and "query" not in request.query_params


async def _alive(request: Request) -> Response:
    """The process answers; whether the database does is /readyz."""
    del request
    return JSONResponse({"status": "alive"})


class _Ready:
    """Whether requests can be answered just now."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Ask the database for the organisation, anew."""
        self._directory.forget()
        try:
            await self._directory.organisation()
            response = JSONResponse({"status": "ready"})
        except (DatabaseUnavailable, StatementTimeout) as reason:
            response = JSONResponse({"status": "unavailable", "reason": str(reason)}, 503)
        await response(scope, receive, send)  # type: ignore[arg-type]


class _TokenDesk:
    """Development only: a token for any persona, for GraphiQL's switch."""

    def __init__(self, issuer: DevelopmentIssuer) -> None:
        self._issuer = issuer

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """The token of `?persona=`."""
        persona = Request(scope).query_params.get("persona", "")  # type: ignore[arg-type]
        try:
            body, status = {"persona": persona, "token": self._issuer.token(persona)}, 200
        except UnknownPersona as unknown:
            body, status = refusal(Code.BAD_USER_INPUT, str(unknown)), 400
        except IssuerRefused as refused:
            body, status = refusal(Code.UNAVAILABLE, str(refused)), 503
        response = JSONResponse(body, status, {"Cache-Control": "no-store"})
        await response(scope, receive, send)  # type: ignore[arg-type]
