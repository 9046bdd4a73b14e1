"""A bare ASGI handler: each path has one hand-written statement, whose JSON goes to the socket as it comes."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from api.bank import opened
from api.issuer import parse_persona
from api.settings import Settings
from bench.operations import OPERATIONS
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import Scope

HERE = Path(__file__).parent
STATEMENT_TIMEOUT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """One operation: whose rows, and which expression over them."""

    scope: Scope
    expression: str
    by_id: bool

    def values_of(self, body: bytes) -> list[Any]:
        """What $1, $2, … stand for in one request."""
        if not self.by_id:
            return []
        asked = orjson.loads(body)
        return [asked["branch"], asked["id"]]


class Floor:
    """The application: no token, no GraphQL, no limits."""

    def __init__(self, credentials: Credentials, connections: int) -> None:
        self._settings = Settings(
            database_url=credentials.url,
            database_connections=connections,
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        )
        self._credentials = credentials
        self._prepared: dict[str, Prepared] = {}
        self._database: Database
        self._open = AsyncExitStack()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        prepared = self._prepared[scope["path"]]
        values = prepared.values_of(body)
        answer = await self._database.answer(prepared.scope, prepared.expression, values)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        self._database = await self._open.enter_async_context(opened(self._settings, self._credentials))
        directory = Directory(self._database)
        for operation in OPERATIONS:
            scope = await directory.scope(parse_persona(operation.persona))
            expression = (HERE / f"{operation.name}.sql").read_text(encoding="utf-8")
            self._prepared[f"/{operation.name}"] = Prepared(scope, expression, operation.by_id)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(
        Floor(Credentials(os.environ["DATABASE_URL"]), int(os.environ["CONNECTIONS"])),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
