"""What lies between the server and its database, in our hands: slow, silent, broken, and whole again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct

from sqlalchemy.engine import make_url

FAULTS = ("latency", "stall", "black hole", "resets", "half-open", "down", "cut after some bytes")
LATENCY_S = 0.15
MOST_BYTES = 3000
_RESET = struct.pack("ii", 1, 0)


class FaultyNetwork:
    """A way to the database over TCP that can be given a fault, and mended."""

    def __init__(self, url: str, seed: int = 0) -> None:
        self._to = make_url(url)
        self._dice = random.Random(seed)
        self._fault = ""
        self._flows = asyncio.Event()
        self._flows.set()
        self._lines: set[_Line] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where the database seems to be."""
        here = self._to.set(host="127.0.0.1", port=self._port, query={})
        return here.render_as_string(hide_password=False)

    @property
    def fault(self) -> str:
        """What is wrong just now; nothing where it is empty."""
        return self._fault

    async def open(self) -> None:
        """Be there."""
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Be gone, with everything that runs over it."""
        if self._listener is not None:
            self._listener.close()
        self._flows.set()
        for line in list(self._lines):
            await line.end()

    async def breaks(self, fault: str) -> None:
        """Have this fault from now on."""
        self._fault = fault
        if fault == "stall":
            self._flows.clear()
        for line in list(self._lines):
            if fault in ("resets", "down"):
                await line.end()
            elif fault == "half-open":
                line.upstream.transport.abort()
            elif fault == "black hole":
                line.is_lost = True
            elif fault == "cut after some bytes":
                line.bytes_left = self._dice.randrange(MOST_BYTES)
        if fault == "down" and self._listener is not None:
            self._listener.close()

    async def mends(self) -> None:
        """Work again. What was lost stays lost; what was held back flows on."""
        was, self._fault = self._fault, ""
        self._flows.set()
        if was == "down":
            await self.open()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault == "resets":
            _reset(writer)
            return
        to = self._to
        try:
            if host := to.query.get("host"):
                there, upstream = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{to.port or 5432}")
            else:
                there, upstream = await asyncio.open_connection(to.host, to.port or 5432)
        except OSError:
            _reset(writer)
            return
        line = _Line(self, reader, writer, there, upstream)
        line.is_lost = self._fault in ("black hole", "half-open")
        if self._fault == "cut after some bytes":
            line.bytes_left = self._dice.randrange(MOST_BYTES)
        self._lines.add(line)
        line.begin()

    async def passes(self) -> None:
        """Wait as long as what is to pass has to."""
        if self._fault == "latency":
            await asyncio.sleep(LATENCY_S)
        await self._flows.wait()

    def forgets(self, line: _Line) -> None:
        """It is over."""
        self._lines.discard(line)


class _Line:
    """One connection, both ways."""

    def __init__(
        self,
        network: FaultyNetwork,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        self.network = network
        self.reader, self.writer, self.there, self.upstream = reader, writer, there, upstream
        self.is_lost = False
        self.bytes_left: int | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Let it flow."""
        ways = ((self.reader, self.upstream), (self.there, self.writer))
        self._tasks = [asyncio.create_task(self._copy(*way)) for way in ways]

    async def end(self) -> None:
        """Break it off."""
        self.network.forgets(self)
        _reset(self.writer)
        self.upstream.transport.abort()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(
            *(task for task in self._tasks if task is not asyncio.current_task()), return_exceptions=True
        )

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self.network.passes()
                if self.is_lost:
                    continue
                if self.bytes_left is not None:
                    self.bytes_left -= len(data)
                    if self.bytes_left < 0:
                        # Some of it arrives, and nothing after it.
                        sink.write(data[: self.bytes_left])
                        await self.end()
                        return
                sink.write(data)
                await sink.drain()
        if not self.is_lost:
            with contextlib.suppress(OSError):
                sink.close()
            self.network.forgets(self)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close it the rude way."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
