"""One HTTP connection: uvicorn's, with bounds on what it may cost before and after a request is answered."""

from __future__ import annotations

import asyncio
from typing import cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from schema.errors import Code
from schema.faults import refusal

LARGEST_HEAD_BYTES = 64 * 1024


class Connection(HttpToolsProtocol):
    """Closes on whoever dawdles over a request's head, sends one without end, or does not read the answer.

    uvicorn bounds only the idle time after an answer, and every byte starts that anew. The time for a body is
    the endpoint's to bound.
    """

    head_timeout_s = 10.0
    reader_timeout_s = 30.0

    _head_bytes = 0
    _head_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock starts before the first byte."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        _stop(self._head_due)
        _stop(self._reader_due)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is more of a head than there may be."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        # What arrives in one piece with its end is bounded by the size of a read.
        if self._in_head and self._head_bytes > LARGEST_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", "the request's head is too long")

    def on_headers_complete(self) -> None:
        """The head was in time; its answer's is to be sent with the answer."""
        self._in_head = False
        _stop(self._head_due)
        super().on_headers_complete()
        # What is upgraded has no cycle of its own, what answers HEAD no body.
        if (
            self.cycle is not None
            and self.cycle.transport is self.transport
            and self.scope["method"] != "HEAD"
        ):
            self.cycle.transport = cast("asyncio.Transport", _HeadWithBody(self.cycle))

    def on_message_complete(self) -> None:
        """What comes now is another request's head."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0

    def on_response_complete(self) -> None:
        """The next head is due."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._await_head()

    def pause_writing(self) -> None:
        """The caller does not read."""
        super().pause_writing()
        self._reader_due = self.loop.call_later(self.reader_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads again."""
        _stop(self._reader_due)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered in the form of every other refusal."""
        self._refuse(b"400 Bad Request", msg)

    def _await_head(self) -> None:
        _stop(self._head_due)
        self._head_due = self.loop.call_later(self.head_timeout_s, self._head_overdue)

    def _head_overdue(self) -> None:
        if not self._is_answering():
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: bytes, message: str) -> None:
        if not (self._is_answering() and self.cycle.response_started):  # else it would land amid an answer
            body = orjson.dumps(refusal(Code.BAD_REQUEST, message))
            self.transport.write(
                b"HTTP/1.1 %b\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%b" % (status, len(body), body)
            )
        self.transport.close()


class _HeadWithBody:
    """A cycle's transport that keeps an answer's head until its body comes: two writes cost twice as much as one.

    An answer whose length is not known from the first may begin long before it goes on: its head is not kept.
    """

    __slots__ = ("_cycle", "_head", "_transport")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """An answer's head is what it writes first; before it has begun there is only 100 Continue."""
        if self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        elif self._head is None and self._cycle.response_started and self._cycle.chunked_encoding is False:
            self._head = data
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close after all that was written; a head without its body is of no use to anybody."""
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether whatever is written is lost."""
        return self._transport.is_closing()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
