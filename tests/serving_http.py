"""The whole application, called as a client calls it, and what every answer of it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from api.app import create_app
from api.issuer import DevelopmentIssuer
from api.settings import Settings
from api.tokens import TokenVerifier
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
VIEWER = "{ viewer { role } }"
CLIENTS = "{ clients(first: 3) { nodes { id } } }"
REGISTER = """
mutation R($input: RegisterClientInput!) { registerClient(input: $input) { __typename } }
"""
NEW_CLIENT = {
    "idempotencyKey": "k-1",
    "branchCode": "310000",
    "registrationNumber": "913101150878130960",
    "legalName": "Nowhere Else Trading Co., Ltd.",
}


class Site:
    """The whole application, called as a client calls it."""

    def __init__(self, database: Database, directory: Directory, home: Path, **changes: Any) -> None:
        self.settings = Settings.model_validate({"environment": "development", **changes})
        self.issuer = DevelopmentIssuer(home, environment="development")
        self.database = database
        self.directory = directory
        self.verifier = self.issuer.verifier(self.settings)
        self.app = self.application(self.issuer)

    def application(self, issuer: DevelopmentIssuer | None, verifier: TokenVerifier | None = None) -> ASGIApp:
        return create_app(
            self.settings,
            database=self.database,
            directory=self.directory,
            verifier=verifier or self.verifier,
            issuer=issuer,
        )

    def signed_in(self, persona: str = "headquarters", **more: str) -> dict[str, str]:
        """The headers of a good request."""
        token = self.issuer.token(persona)
        return {"Authorization": f"Bearer {token}", "Content-Type": JSON, **more}

    async def send(
        self, method: str, path: str = "/graphql", *, app: ASGIApp | None = None, **more: Any
    ) -> httpx.Response:
        # An exception that leaves the application is a bug, and fails the test.
        transport = httpx.ASGITransport(app=app or self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank", timeout=30) as client:
            return await client.request(method, path, **more)

    async def raw(self, body: Any, persona: str = "headquarters", **headers: str) -> httpx.Response:
        return await self.send("POST", content=body, headers=self.signed_in(persona, **headers))

    async def ask(
        self, query: Any, variables: Any = None, persona: str = "headquarters", **more: Any
    ) -> httpx.Response:
        body = json.dumps({"query": query, "variables": variables, **more})
        return await self.raw(body, persona)


@pytest.fixture
def site(database: Database, directory: Directory, tmp_path: Path) -> Site:
    return Site(database, directory, tmp_path)


@pytest.fixture
def gate(tmp_path: Path) -> Site:
    """The application without a database, for what is decided before one is asked."""
    nowhere = Database(Credentials("postgresql://nowhere"))
    return Site(nowhere, Directory(nowhere), tmp_path)


def only_code(response: httpx.Response) -> str:
    """The code of the only error, having seen that the response is well made."""
    (error,) = checked(response)["errors"]
    return str(error["extensions"]["code"])


def checked(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"].split(";")[0] in (JSON, GRAPHQL_JSON)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    body = response.json()
    assert isinstance(body, dict)
    for error in body.get("errors", []):
        assert error["message"]
        assert error["extensions"]["code"]
    return body


def nested(open_: str, close: str, levels: int) -> str:
    return open_ * levels + close * levels
