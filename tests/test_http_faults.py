"""A fault of our own is masked, and a slow or absent database costs a request its deadline at most."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from patience import PATIENCE_S, until_told
from serving_http import (
    CLIENTS,
    VIEWER,
    Site,
    checked,
    gate,
    only_code,
    site,
)
from sqlalchemy.engine import make_url

from schema.graph import Engine
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

__all__ = ["gate", "site"]


# --- what an answer carries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a1b2-C3_d.4", True), ("short", False), ("x" * 65, False), ('quote"quote', False), ("ünïcode-", False)],
)
async def test_a_correlation_id_is_repeated_only_if_it_is_harmless(
    gate: Site, given: str, kept: bool
) -> None:
    headers = httpx.Headers({**gate.signed_in(), "x-correlation-id": given}, encoding="utf-8")
    response = await gate.send("POST", json={"query": VIEWER}, headers=headers)
    answered = response.headers["x-correlation-id"]
    assert (answered == given) is kept
    assert kept or len(answered) == 32


async def test_a_fault_of_our_own_is_masked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Engine, "execute", fail)
    response = await site.ask(VIEWER)
    assert response.status_code == 500
    (error,) = checked(response)["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": response.headers["x-correlation-id"],
    }
    assert "canary" not in response.text


async def test_a_fault_beside_the_graph_is_masked_too(gate: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Directory) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Directory, "organisation", fail)
    transport = httpx.ASGITransport(app=gate.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
        response = await client.get("/readyz")
    assert (response.status_code, only_code(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "canary" not in response.text


# --- time and the database --------------------------------------------------------------------------------


async def test_a_request_past_its_deadline_is_answered_and_leaves_the_pool_whole(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    site = Site(database, directory, tmp_path, request_timeout_s=0.5)
    await site.ask(CLIENTS)
    async with administrator.transaction():
        await administrator.execute("lock table bank.client in access exclusive mode")
        began = time.monotonic()
        # More than there are connections: some wait for the lock, some for a connection.
        responses = await asyncio.gather(*(site.ask(CLIENTS) for _ in range(12)))
        assert time.monotonic() - began < PATIENCE_S
        assert {(r.status_code, only_code(r)) for r in responses} == {(504, "TIMEOUT")}
    patient = Site(database, directory, tmp_path)
    responses = await asyncio.gather(*(patient.ask(CLIENTS) for _ in range(30)))
    assert all(r.json()["data"]["clients"]["nodes"] for r in responses)


class Line:
    """What leads to the database, in our hands: it can be cut, and fall silent."""

    def __init__(self, url: str, directory: Path) -> None:
        to = make_url(url)
        self._upstream = to
        self._path = directory / ".s.PGSQL.5432"
        self.url = to.set(host=None, port=None, query={"host": str(directory)}).render_as_string(False)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.speaking = asyncio.Event()

    async def mend(self) -> None:
        self.speaking.set()
        self._listener = await asyncio.start_unix_server(self._connected, self._path)

    async def cut(self) -> None:
        if self._listener:
            self._listener.close()
            self._path.unlink()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = self._upstream
        if host := to.query.get("host"):
            there, upstream = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.5432")
        else:
            there, upstream = await asyncio.open_connection(to.host, to.port or 5432)
        self._writers |= {writer, upstream}
        for source, sink in ((reader, upstream), (there, writer)):
            task = asyncio.create_task(self._copy(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self.speaking.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.fixture
async def line(credentials: Credentials) -> AsyncIterator[Line]:
    # A socket's path may be short only, and pytest's own directories are long.
    directory = Path(tempfile.mkdtemp(prefix="bg-line-"))
    line = Line(credentials.url, directory)
    await line.mend()
    yield line
    await line.cut()
    shutil.rmtree(directory)


@pytest.fixture
async def far(line: Line, tmp_path: Path) -> AsyncIterator[Site]:
    """The application at the end of that line."""
    database = Database(Credentials(line.url), connections=3)
    await database.open()
    yield Site(database, Directory(database), tmp_path, request_timeout_s=1)
    await database.close()


async def first_success(site: Site) -> None:
    async def succeeds() -> bool:
        return (await site.ask(CLIENTS)).status_code == 200

    await until_told(succeeds)


async def test_a_database_that_is_down_is_said_to_be_and_found_again(far: Site, line: Line) -> None:
    assert (await far.send("GET", "/readyz")).json() == {"status": "ready"}
    await first_success(far)
    await line.cut()
    for _ in range(8):
        response = await far.ask(CLIENTS)
        assert (response.status_code, only_code(response)) in {(503, "UNAVAILABLE"), (200, "UNAVAILABLE")}
    await asyncio.sleep(1.1)  # the organisation is kept for a second
    response = await far.ask(CLIENTS)
    assert (response.status_code, only_code(response)) == (503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
    ready = await far.send("GET", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (await far.send("GET", "/healthz")).status_code == 200
    await line.mend()
    await first_success(far)
    assert (await far.send("GET", "/readyz")).status_code == 200


async def test_a_database_that_falls_silent_costs_each_request_its_deadline_at_most(
    far: Site, line: Line
) -> None:
    async def timed() -> float:
        began = time.monotonic()
        response = await far.ask(CLIENTS)
        assert (response.status_code, only_code(response)) in {(504, "TIMEOUT"), (503, "UNAVAILABLE")}
        return time.monotonic() - began

    await far.ask(CLIENTS)
    line.speaking.clear()
    for _ in range(2):
        assert max(await asyncio.gather(*(timed() for _ in range(8)))) < PATIENCE_S
    assert (await far.send("GET", "/readyz")).status_code == 503
    line.speaking.set()
    await first_success(far)


async def test_a_wait_for_a_connection_that_is_too_long_is_not_a_fault_of_ours(
    site: Site, administrator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.connections.CONNECT_TIMEOUT_S", 0.3)
    monkeypatch.setattr("schema.turns.TURN_WITHIN_S", 0.3)
    await site.ask(CLIENTS)
    async with administrator.transaction():
        await administrator.execute("lock table bank.client in access exclusive mode")
        waiting = [asyncio.create_task(site.ask(CLIENTS)) for _ in range(8)]
        await asyncio.wait(waiting, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    codes = {
        error["extensions"]["code"] for task in waiting for error in (await task).json().get("errors", [])
    }
    assert codes <= {"TIMEOUT", "UNAVAILABLE", "RATE_LIMITED"}
    assert codes
