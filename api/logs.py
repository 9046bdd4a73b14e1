"""Structured logs: one JSON object a line, with a correlation id and without personal data."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import re
import sys
import traceback
from typing import Any

import orjson
import structlog

# What a proxy in front may call a request; anything else is not repeated into the log.
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_OPERATION = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}", re.ASCII)

SILENT = logging.CRITICAL + 1
TOGETHER_S = 0.05
MOST_WAITING = 1_000

log = structlog.get_logger("branchgraph")
_requests = logging.getLogger("branchgraph")


def configure_logs(level: str) -> None:
    """Write our own and the libraries' log to standard error, as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_words_of_exceptions,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    renderer = structlog.stdlib.ProcessorFormatter(
        processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(renderer)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # httpx would write the key set's URL, asyncio the representation of whatever failed: see `report_stray`.
    for noisy, least in (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("asyncio", SILENT)):
        logging.getLogger(noisy).setLevel(least)


def log_request(
    *, correlation_id: str, operation: str | None, method: str, status: int, milliseconds: float, size: int
) -> None:
    """One line for one request, `size` being its answer's bytes, in the form of all other lines.

    Written to where structlog writes, past its processors, which cost a third of what answering does; and together
    with the lines of the same moment, since a line by itself costs as much again.
    """
    if not _requests.isEnabledFor(logging.INFO):
        return
    line = {
        "operation": operation,
        "method": method,
        "status": status,
        "milliseconds": round(milliseconds, 1),
        "bytes": size,
        "event": "request",
        "correlation_id": correlation_id,
        "level": "info",
        "timestamp": dt.datetime.now(dt.UTC),
    }
    _waiting.append(orjson.dumps(line, option=orjson.OPT_UTC_Z))
    if len(_waiting) == 1:
        asyncio.get_running_loop().call_later(TOGETHER_S, write_requests)
    elif len(_waiting) > MOST_WAITING:
        write_requests()


_waiting: list[bytes] = []


def write_requests() -> None:
    """Write the lines of requests that wait for each other; also called before the loop ends."""
    if _waiting:
        lines = b"\n".join(_waiting).decode()
        _waiting.clear()
        structlog.get_config()["logger_factory"]().msg(lines)


def correlation_id(given: str | None) -> str:
    """The id that ties together a request's lines, its answer and its errors."""
    return given if given and _CORRELATION.fullmatch(given) else os.urandom(16).hex()


def operation_name(given: object) -> str | None:
    """An operation's name, if it is one; a caller could have put anything there."""
    return given if isinstance(given, str) and _OPERATION.fullmatch(given) else None


def report_fault(cause: BaseException) -> str:
    """Log a fault of our own: where and of what kind, never its message, which may quote a client's data."""
    correlation = structlog.contextvars.get_contextvars().get("correlation_id") or os.urandom(16).hex()
    log.error("fault", correlation_id=correlation, **_described(cause))
    return str(correlation)


def report_stray(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed where nobody was waiting; an event loop's exception handler."""
    del loop
    cause = context.get("exception")
    described = _described(cause) if isinstance(cause, BaseException) else {}
    log.error("stray", message=str(context.get("message")), **described)


def _described(cause: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(cause.__traceback__)[-8:]
    return {
        "kind": type(cause).__name__,
        "sqlstate": getattr(cause, "sqlstate", None),
        "at": [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _without_words_of_exceptions(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What a library logs with its exception: the kind and the place of it, as for our own faults."""
    given = event.pop("exc_info", None)
    cause = given[1] if isinstance(given, tuple) else given
    if isinstance(cause, BaseException):
        event.update(_described(cause))
    return event
