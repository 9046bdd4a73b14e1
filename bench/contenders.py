"""Who is measured: each started as one process on one database, with connections as many as the others'."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import orjson

from bench.asking import Asking
from bench.ground import Ground
from bench.identity import Identity, new_identity
from bench.operations import HEADQUARTERS, Operation
from bench.processes import CannotMeasure, free_port, serving
from schema import ids
from tenants.credentials import Credentials
from tenants.roles import Login

HERE = Path(__file__).parent
NODE = HERE / "postgraphile" / "node_modules" / "node" / "bin" / "node"
CONNECTIONS = 10
# The load of a bench is an attack by any other name: what protects a server from it is made wide.
WIDE = {
    "STATEMENT_TIMEOUT_MS": "60000",
    "REQUEST_TIMEOUT_S": "60",
    "COST_BUCKET": str(10**12),
    "COST_RESTORE_PER_S": "1",
}


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A contender that answers: its processes, and how an operation is asked of it."""

    name: str
    pids: Sequence[int]
    asking: Callable[[Operation], Asking]


Start = Callable[[Ground], AbstractContextManager[Running]]


def branchgraph_settings(credentials: Credentials, identity: Identity, port: int) -> dict[str, str]:
    """The environment of a server in production."""
    return {
        "ENVIRONMENT": "production",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": credentials.url,
        "DATABASE_CONNECTIONS": str(CONNECTIONS),
        **identity.environment(),
        **WIDE,
    }


@contextmanager
def branchgraph(ground: Ground, *, compiled: bool = True) -> Iterator[Running]:
    """This server; tokens are checked and logs written, as in production. The compiled engine may be off."""
    name, port = "branchgraph" if compiled else "normal", free_port()
    identity = new_identity(ground.home / f"{name}.jwks")
    command = [sys.executable, "-m", "bench.serve", *([] if compiled else ["--normal"])]
    settings = branchgraph_settings(ground.credentials, identity, port)
    with serving(command, settings, port=port, log=ground.home / f"{name}.log") as pid:

        def asking(operation: Operation) -> Asking:
            keys = [ids.encode("Client", key) for key in ground.clients] if operation.by_id else []
            headers = {"Authorization": f"Bearer {identity.token(operation.persona)}"}
            return Asking(f"http://127.0.0.1:{port}/graphql", headers, _bodies(operation.document(), keys))

        yield Running(name, [pid], asking)


@contextmanager
def normal(ground: Ground) -> Iterator[Running]:
    """This server with every field answered by the normal executor."""
    with branchgraph(ground, compiled=False) as running:
        yield running


@contextmanager
def floor(ground: Ground) -> Iterator[Running]:
    """Hand-written SQL behind a bare ASGI handler, over the same transport; no token, no GraphQL."""
    port = free_port()
    environment = {"DATABASE_URL": ground.credentials.url, "PORT": str(port), "CONNECTIONS": str(CONNECTIONS)}
    command = [sys.executable, "-m", "bench.floor"]
    with serving(command, environment, port=port, log=ground.home / "floor.log") as pid:

        def asking(operation: Operation) -> Asking:
            keys = [{"branch": branch, "id": client} for branch, client in ground.clients]
            bodies = [orjson.dumps(key) for key in keys] if operation.by_id else [b"{}"]
            return Asking(f"http://127.0.0.1:{port}/{operation.name}", {}, bodies)

        yield Running("floor", [pid], asking)


@contextmanager
def postgraphile(ground: Ground) -> Iterator[Running]:
    """PostGraphile 5, one process per login role, of which an operation uses one."""
    if not NODE.exists():
        raise CannotMeasure(
            "PostGraphile is not installed: run `npm ci` in bench/postgraphile (make bench does)"
        )
    with (
        _postgraphile(ground, Login.PORTAL) as (portal, portal_url),
        _postgraphile(ground, Login.HEADQUARTERS) as (headquarters, headquarters_url),
    ):

        def asking(operation: Operation) -> Asking:
            keys = [_postgraphile_id(branch, client) for branch, client in ground.clients]
            bodies = _bodies(operation.document(".postgraphile"), keys if operation.by_id else [])
            if operation.persona == HEADQUARTERS:
                return Asking(headquarters_url, {}, bodies)
            branches = ",".join(map(str, ground.scopes[operation.persona].branches))
            return Asking(portal_url, {"X-Branches": f"{{{branches}}}"}, bodies)

        yield Running("postgraphile", [portal, headquarters], asking)


@contextmanager
def _postgraphile(ground: Ground, login: Login) -> Iterator[tuple[int, str]]:
    port = free_port()
    environment = {
        "DATABASE_URL": ground.credentials.dsn(login),
        "PORT": str(port),
        "CONNECTIONS": str(CONNECTIONS),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    command = [NODE, HERE / "postgraphile" / "server.mjs"]
    with serving(command, environment, port=port, log=ground.home / f"postgraphile-{login}.log") as pid:
        yield pid, f"http://127.0.0.1:{port}/graphql"


CONTENDERS: Mapping[str, Start] = {
    "branchgraph": branchgraph,
    "normal": normal,
    "floor": floor,
    "postgraphile": postgraphile,
}


def _bodies(document: str, keys: Sequence[str]) -> list[bytes]:
    if not keys:
        return [orjson.dumps({"query": document})]
    return [orjson.dumps({"query": document, "variables": {"id": key}}) for key in keys]


def _postgraphile_id(branch: int, client: UUID) -> str:
    return base64.b64encode(orjson.dumps(["Client", branch, client])).decode()
