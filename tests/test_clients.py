"""Clients that we did not write understand the schema and the server."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import gql
import pytest
import uvicorn
from gql.transport.httpx import HTTPXAsyncTransport
from graphql import print_schema
from node_projects import node, workshop
from serving_http import Site, site
from small_bank import CLIENTS

from api.connection import Connection
from schema.graph import graph

__all__ = ["site"]

MUST = "MUST"
LEAST_OF_AUDITS = 60
PATIENCE_S = 120


@pytest.fixture(scope="module")
def project() -> Path:
    return workshop()


@dataclass(frozen=True, slots=True)
class Served:
    """The whole application behind a port, and a good token."""

    url: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """What the scripts of the project are told."""
        return {"SERVED_AT": self.url, "SERVED_TOKEN": self.token}


@pytest.fixture
async def served(site: Site) -> AsyncIterator[Served]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        async with _serving(site, listening):
            port = listening.getsockname()[1]
            yield Served(f"http://127.0.0.1:{port}/graphql", site.issuer.token("headquarters"))


@asynccontextmanager
async def _serving(site: Site, listening: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(site.app, http=Connection, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


async def test_graphql_codegen_makes_types_that_hold(project: Path) -> None:
    await node(project, "node_modules/@graphql-codegen/cli/cjs/bin.js", "--config", "codegen.json")
    await node(project, "node_modules/typescript/bin/tsc", "--project", "tsconfig.json")


async def test_relay_compiles_connections_and_what_can_be_fetched_again(project: Path) -> None:
    await node(project, "node_modules/relay-compiler/cli.js", "relay.config.json")
    made = {file.name for file in (project / "relay" / "__generated__").iterdir()}
    assert {"ClientListPageQuery.graphql.ts", "ClientListLoansQuery.graphql.ts"} <= made


@pytest.mark.parametrize("by_get", ["0", "1"])
async def test_urql_walks_all_pages(project: Path, served: Served, by_get: str) -> None:
    told = await node(project, "urql.js", **served.environment, SERVED_BY_GET=by_get)
    assert json.loads(told) == {"seen": len(CLIENTS), "pages": 3, "total": len(CLIENTS)}


async def test_gql_reads_the_schema_and_asks(served: Served) -> None:
    signed_in = {"Authorization": f"Bearer {served.token}"}
    transport = HTTPXAsyncTransport(url=served.url, headers=signed_in, timeout=PATIENCE_S)
    async with gql.Client(transport=transport, fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        assert len(print_schema(session.client.schema)) == len(print_schema(graph()._schema))
        asked = gql.gql("query ($n: Int!) { clients(first: $n) { totalCount nodes { legalName } } }")
        asked.variable_values = {"n": 2}
        found = await session.execute(asked)
    assert found["clients"]["totalCount"] == len(CLIENTS)
    assert len(found["clients"]["nodes"]) == 2


async def test_the_audit_of_graphql_over_http_passes(project: Path, served: Served) -> None:
    results = json.loads(await node(project, "audit.js", **served.environment))
    passed = [one for one in results if one["status"] == "ok"]
    failed = [one for one in results if one["status"] != "ok"]
    sys.stdout.write(f"GraphQL over HTTP: {len(passed)} of {len(results)}; {failed}\n")
    assert len(passed) >= LEAST_OF_AUDITS, failed
    assert not [one for one in failed if one["name"].startswith(MUST)], failed
