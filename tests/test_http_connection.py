"""A connection that dawdles or does not read is hung up on, and what is not HTTP is answered in JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from patience import PATIENCE_S
from serving_http import (
    Site,
    gate,
    only_code,
)
from uvicorn import Config
from uvicorn.server import ServerState

from api.connection import LARGEST_HEAD_BYTES, Connection

__all__ = ["gate"]


class Hasty(Connection):
    """As the real one, with a test's patience."""

    head_timeout_s = 0.4
    reader_timeout_s = 0.4


@pytest.fixture
async def wire(gate: Site) -> AsyncIterator[tuple[str, int]]:
    """The address of a listening socket before the application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/large":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
            await send({"type": "http.response.body"})
        await gate.app(scope, receive, send)

    config = Config(app, http=Hasty, ws="none", log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    listener = await asyncio.get_running_loop().create_server(
        lambda: Hasty(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    yield listener.sockets[0].getsockname()
    listener.close()
    for connection in list(state.connections):
        connection.transport.abort()
    await asyncio.sleep(0.02)


async def told(address: tuple[str, int], *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """All that is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection(*address)

    async def say() -> None:
        with contextlib.suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)

    saying = asyncio.create_task(say())
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    await saying
    writer.close()
    return answer


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"POST /graphql HT"],
        [b"GET / HTTP/1.1\r\n"] + [b"X: y\r\n"] * 60,
        [b"\r\n"] * 60,
        [b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] + [b"\r\n"] * 60,
        [b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"] + [b"x"] * 60,
    ],
)
async def test_a_head_that_dawdles_is_hung_up_on(wire: tuple[str, int], pieces: list[bytes]) -> None:
    began = time.monotonic()
    await told(wire, *pieces, pause_s=0.02)
    assert time.monotonic() - began < PATIENCE_S


async def test_a_head_without_end_is_refused(wire: tuple[str, int]) -> None:
    answered = await told(
        wire, b"GET /graphql?query=", *[b"x" * 10_000] * (LARGEST_HEAD_BYTES // 10_000 + 1), pause_s=0.01
    )
    assert answered.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_body_larger_than_a_head_may_be_is_taken(wire: tuple[str, int], gate: Site) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(2):
            url = f"http://{wire[0]}:{wire[1]}/graphql"
            response = await client.post(url, content=b" " * 300_000, headers=gate.signed_in())
            assert (response.status_code, only_code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"POST /graphql HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_what_is_not_http_is_answered_in_json(wire: tuple[str, int], said: bytes) -> None:
    answered = await told(wire, said)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_pipelined_requests_are_answered_in_order(wire: tuple[str, int]) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    answered = await told(wire, one * 5 + b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answered.count(b"HTTP/1.1 200 OK") == 5
    assert answered.count(b"HTTP/1.1 404 ") == 1


async def test_a_caller_who_does_not_read_is_hung_up_on(wire: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*wire)
    writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(1.2)
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while data := await asyncio.wait_for(reader.read(2**20), PATIENCE_S):
            received += len(data)
    assert received < 50_000_000
    writer.close()


class Recorded(asyncio.Transport):
    """What is written to it, each piece as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.written.append(b"closed")


async def answered(asked: bytes, *sent: dict[str, Any]) -> list[bytes]:
    """What a connection writes where the application sends this."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in sent:
            await send(message)

    config = Config(app, http=Connection, ws="none", log_config=None, lifespan="off", server_header=False)
    config.load()
    state = ServerState()
    connection = Connection(config=config, server_state=state, app_state={})
    transport = Recorded()
    connection.connection_made(transport)
    connection.data_received(asked)
    await asyncio.gather(*state.tasks)
    written = [*transport.written]
    connection.connection_lost(None)
    return written


OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
NO_LENGTH = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize(
    ("asked", "start", "bodies", "written"),
    [
        (GET, LENGTH, [b"four"], [OK + b"content-length: 4\r\n\r\nfour"]),
        (GET, LENGTH, [b"fo", b"ur"], [OK + b"content-length: 4\r\n\r\nfo", b"ur"]),
        (GET.replace(b"GET", b"HEAD"), LENGTH, [b"four"], [OK + b"content-length: 4\r\n\r\n"]),
        (
            GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
            LENGTH,
            [b"four"],
            [OK + b"content-length: 4\r\nconnection: close\r\n\r\nfour", b"closed"],
        ),
        (
            GET,
            NO_LENGTH,
            [b"four"],
            [OK + b"transfer-encoding: chunked\r\n\r\n", b"4\r\nfour\r\n0\r\n\r\n"],
        ),
    ],
    ids=["whole", "in parts", "HEAD", "the last one", "of unknown length"],
)
async def test_an_answers_head_goes_with_its_body(
    asked: bytes, start: dict[str, Any], bodies: list[bytes], written: list[bytes]
) -> None:
    last = len(bodies) - 1
    parts = [
        {"type": "http.response.body", "body": body, "more_body": place < last}
        for place, body in enumerate(bodies)
    ]
    assert await answered(asked, start, *parts) == written
