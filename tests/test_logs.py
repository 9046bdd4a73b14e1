"""The log says what happened, to whom it may concern, and nothing about clients."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog

from api.app import create_app
from api.issuer import DevelopmentIssuer
from api.logs import configure_logs, correlation_id, operation_name, report_stray, write_requests
from api.settings import Settings
from schema.graph import Engine
from tenants.database import Database
from tenants.organisation import Directory

# In the caller's document, variables, token and headers, and in rows that are answered or refused.
CANARIES = [
    "canary",
    "91310000607378229C",
    "91310115MA1K35X12A",
    "913101150878130960",
    "华夏钢铁有限公司",
    "Huangpu Shipping",
    "legalName",
    "registerClient",
    "eyJ",
]
REGISTER = """
mutation Register($input: RegisterClientInput!) {
  registerClient(input: $input) { __typename ... on RegisterClientSuccess { client { legalName } } }
}
"""
NEW_CLIENT = {
    "idempotencyKey": "canary-key",
    "branchCode": "310000",
    "registrationNumber": "91310000607378229C",
    "legalName": "Canary Trading Co., Ltd.",
    "email": "canary@example.com",
}


class Logged(io.StringIO):
    """What was written to standard error."""

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        write_requests()
        parsed = [json.loads(line) for line in self.getvalue().splitlines()]
        return [line for line in parsed if event in (None, line["event"])]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logged]:
    """All that is logged from now on, by us and by libraries, down to level debug."""
    written = Logged()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # else they would be closed
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("debug")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def client(database: Database, directory: Directory, tmp_path: Path) -> httpx.AsyncClient:
    issuer = DevelopmentIssuer(tmp_path, environment="development")
    settings = Settings(environment="development", log_level="debug")
    app = create_app(
        settings, database=database, directory=directory, verifier=issuer.verifier(settings), issuer=issuer
    )
    token = issuer.token("branch:310000")
    headers = {"Authorization": f"Bearer {token}", "X-Canary": "canary"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://bank", headers=headers, timeout=30
    )


async def test_each_request_is_one_line_with_what_an_operator_needs(
    client: httpx.AsyncClient, logged: Logged
) -> None:
    body = {"query": "query Who { viewer { role } }", "operationName": "Who"}
    response = await client.post("/graphql", json=body, headers={"x-correlation-id": "trace-4711"})
    await client.post("/graphql", content=b"[]", headers={"Content-Type": "application/json"})
    await client.post("/graphql", headers={"Authorization": "Bearer nonsense"})
    answered, malformed, unknown = logged.lines("request")
    assert answered["timestamp"]
    assert (answered["correlation_id"], answered["operation"]) == ("trace-4711", "Who")
    assert (answered["method"], answered["status"]) == ("POST", 200)
    assert answered["bytes"] == len(response.content)
    assert 0 < answered["milliseconds"] < 10_000
    assert (malformed["status"], malformed["operation"]) == (400, None)
    assert (unknown["status"], unknown["operation"]) == (401, None)
    assert len({line["correlation_id"] for line in logged.lines("request")}) == 3


async def test_nothing_of_what_callers_send_or_see_is_logged(
    client: httpx.AsyncClient, logged: Logged, administrator: asyncpg.Connection
) -> None:
    clients = {"query": "{ clients { nodes { legalName registrationNumber contacts { nodes { name } } } } }"}
    wanted = {"query": REGISTER, "operationName": "Register", "variables": {"input": NEW_CLIENT}}
    other = NEW_CLIENT | {"registrationNumber": "913101150878130960", "idempotencyKey": "canary-2"}
    assert "Huangpu" in (await client.post("/graphql", json=clients)).text
    assert (await client.post("/graphql", json=wanted)).status_code == 200
    await client.post("/graphql", json=wanted | {"variables": {"input": other}})
    await client.post("/graphql", json={"query": "{ canary }"})
    await client.post("/graphql", json={"query": '{ clients(where: "canary") { nodes } }'})
    await client.post("/graphql", json={"query": "query canary {", "operationName": "canary; x"})
    await client.get("/graphql", params={"query": "{ canary(legalName: 1) }"})
    await client.get("/canary/91310000607378229C", params={"canary": "canary"})
    await client.get("/dev/token", params={"persona": "branch:310000"})
    # A fault in the midst of a statement that holds values: the constraint's error would quote them.
    await administrator.execute(
        "alter table bank.client add constraint canary check (city is null) not valid"
    )
    third = other | {
        "city": "canary",
        "idempotencyKey": "canary-3",
        "registrationNumber": "91310000MAY2DLL61X",
    }
    faulty = await client.post("/graphql", json=wanted | {"variables": {"input": third}})
    assert "INTERNAL_SERVER_ERROR" in faulty.text
    (fault,) = logged.lines("fault")
    assert faulty.json()["errors"][0]["extensions"]["correlationId"] == fault["correlation_id"]
    assert (fault["kind"], fault["sqlstate"]) == ("CheckViolationError", "23514")
    assert fault["at"]
    text = logged.getvalue()
    assert [canary for canary in CANARIES if canary.lower() in text.lower()] == []


async def test_a_fault_is_logged_under_the_id_that_the_caller_is_given(
    client: httpx.AsyncClient, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Engine, "execute", fail)
    response = await client.post("/graphql", json={"query": "{ viewer { role } }"})
    (fault,) = logged.lines("fault")
    (request,) = logged.lines("request")
    told = response.json()["errors"][0]["extensions"]["correlationId"]
    assert told == fault["correlation_id"] == request["correlation_id"]
    assert fault["kind"] == "RuntimeError"
    assert "canary" not in logged.getvalue()


async def test_what_fails_where_nobody_waits_is_logged_without_its_words(logged: Logged) -> None:
    async def fail() -> None:
        raise ValueError("canary")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_stray)
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    loop.set_exception_handler(None)
    (stray,) = logged.lines("stray")
    assert stray["kind"] == "ValueError"
    assert "canary" not in logged.getvalue()


def test_a_librarys_exception_is_logged_without_its_words(logged: Logged) -> None:
    try:
        raise ValueError("canary")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    logging.getLogger("uvicorn.error").error("again", exc_info=True)
    first, second = logged.lines()
    assert (first["event"], first["kind"], first["level"]) == (
        "Exception in ASGI application",
        "ValueError",
        "error",
    )
    assert first["at"]
    assert second["event"] == "again"
    assert "canary" not in logged.getvalue()


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_less_than_the_level_is_not_written(
    logged: Logged, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", logged)  # pytest has put its own back since
    configure_logs(level)
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logging.getLogger("library"), name)(name)
        getattr(structlog.get_logger(), name)(name)
    order = ["debug", "info", "warning", "error", "critical"]
    expected = [name for name in order[order.index(level) :] for _ in range(2)]
    assert [line["event"] for line in logged.lines()] == expected


@pytest.mark.parametrize(
    "given", [None, "", "short", "x" * 65, "line\nbreak1", "späße-und-mehr", 'quo"te-quote']
)
def test_a_correlation_id_of_another_shape_is_replaced(given: str | None) -> None:
    made = correlation_id(given)
    assert made != given
    assert len(made) == 32


def test_only_a_name_is_logged_as_an_operations_name() -> None:
    assert operation_name("Clients_2") == "Clients_2"
    for given in (None, 7, "", "2nd", "a b", "é", "x" * 65, "a\n"):
        assert operation_name(given) is None
