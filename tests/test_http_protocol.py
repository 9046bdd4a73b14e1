"""GraphQL over HTTP: what is well formed is answered in the form asked for, all else is refused by its code."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from patience import PATIENCE_S
from serving_http import (
    GRAPHQL_JSON,
    JSON,
    NEW_CLIENT,
    REGISTER,
    VIEWER,
    Site,
    gate,
    nested,
    only_code,
    site,
)

from tenants.database import Database
from tenants.organisation import Directory

__all__ = ["gate", "site"]


# --- what is sent -----------------------------------------------------------------------------------------


async def test_a_query_is_answered_by_post_and_by_get(site: Site) -> None:
    posted = await site.ask(VIEWER)
    got = await site.send("GET", params={"query": VIEWER}, headers=site.signed_in())
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json()
    assert posted.json()["data"] == {"viewer": {"role": "HEADQUARTERS_ADMINISTRATOR"}}


async def test_get_takes_variables_and_an_operation_name(site: Site) -> None:
    query = "query A($n: Int) { clients(first: $n) { nodes { id } } } query B { viewer { role } }"
    params = {"query": query, "variables": '{"n": 2}', "operationName": "A"}
    response = await site.send("GET", params=params, headers=site.signed_in())
    assert len(response.json()["data"]["clients"]["nodes"]) == 2


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}; charset=utf-8, {JSON}; q=0.9", GRAPHQL_JSON),
        (f"{JSON}, {GRAPHQL_JSON}; q=0.5", JSON),
        (f"{GRAPHQL_JSON}; q=0.0, {JSON}", JSON),
        (f"{GRAPHQL_JSON}; q=0, */*; q=0.1", JSON),
        ("APPLICATION/JSON", JSON),
        ("text/plain, */*; q=oops", JSON),
        ("text/html", None),
        (f"{JSON}; q=0", None),
        ("application/jsonx", None),
    ],
)
async def test_the_media_type_is_the_one_the_caller_likes_best(
    gate: Site, accept: str | None, answered: str | None
) -> None:
    response = await gate.raw(b"[]", Accept=accept or "")
    if answered is None:
        assert (response.status_code, only_code(response)) == (406, "BAD_REQUEST")
    else:
        assert response.status_code == 400
        assert response.headers["content-type"] == f"{answered}; charset=utf-8"


@pytest.mark.parametrize(
    "kind",
    [
        "application/jsonx",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "",
    ],
)
async def test_a_body_that_is_not_json_in_utf8_by_name_is_refused(gate: Site, kind: str) -> None:
    response = await gate.raw(json.dumps({"query": VIEWER}), **{"Content-Type": kind})
    assert (response.status_code, only_code(response)) == (415, "BAD_REQUEST")


@pytest.mark.parametrize(
    "kind", ["application/json;charset=UTF-8", 'Application/JSON; charset="utf-8"', "application/json ;"]
)
async def test_spellings_of_json_in_utf8_are_taken(gate: Site, kind: str) -> None:
    assert (await gate.raw(b"[]", **{"Content-Type": kind})).status_code == 400


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "not JSON": b"{query}",
    "cut off": b'{"query": "{ viewer',
    "an array": b"[]",
    "a batch": json.dumps([{"query": VIEWER}] * 2).encode(),
    "a number": b"7",
    "null": b"null",
    "a string": b'"{ viewer { role } }"',
    "invalid UTF-8": b'{"query": "\xff\xfe"}',
    "UTF-16": json.dumps({"query": VIEWER}).encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf" + json.dumps({"query": VIEWER}).encode(),
    "a lone surrogate": b'{"query": "{ viewer { role } } # \\ud800"}',
    "a surrogate in UTF-8": b'{"query": "\xed\xa0\x80"}',
    "NaN": b'{"query": "{ viewer { role } }", "variables": {"n": NaN}}',
    "200,000 levels of arrays": nested("[", "]", 200_000).encode(),
    "200,000 levels of objects": (nested('{"a":', "", 100_000) + "1" + "}" * 100_000).encode(),
    "deep variables": f'{{"query": "{VIEWER}", "variables": {{"a": {nested("[", "]", 100_000)}}}}}'.encode(),
    "no query": b"{}",
    "a query of null": b'{"query": null}',
    "a query of number": b'{"query": 1}',
    "variables as a list": b'{"query": "{ viewer { role } }", "variables": []}',
    "variables as a string": b'{"query": "{ viewer { role } }", "variables": "{}"}',
    "variables as false": b'{"query": "{ viewer { role } }", "variables": false}',
    "an operation name of number": b'{"query": "{ viewer { role } }", "operationName": 1}',
    "extensions as a list": b'{"query": "{ viewer { role } }", "extensions": [1]}',
}


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
@pytest.mark.parametrize("what", MALFORMED)
async def test_a_malformed_body_is_the_callers_error(gate: Site, what: str, accept: str) -> None:
    response = await gate.raw(MALFORMED[what], Accept=accept)
    assert (response.status_code, only_code(response)) == (400, "BAD_REQUEST")
    assert response.headers["content-type"].startswith(accept)


async def test_enormous_numbers_are_nobodys_fault_but_the_callers(site: Site) -> None:
    query = "query Q($n: Int) { clients(first: $n) { nodes { id } } }"
    for value in ("9" * 5000, "-" + "9" * 5000, "1e999", "1" * 20, "0." + "1" * 5000):
        response = await site.raw(f'{{"query": "{query}", "variables": {{"n": {value}}}}}')
        assert response.status_code in (200, 400)
        assert only_code(response) in ("BAD_REQUEST", "BAD_USER_INPUT")


async def test_variables_may_be_null_or_more_than_needed(site: Site) -> None:
    for variables in (None, {}, {"unused": 1}):
        assert (await site.ask(VIEWER, variables, extensions=None, operationName=None)).json()["data"]


async def test_unknown_members_of_the_body_are_passed_over(site: Site) -> None:
    assert (await site.ask(VIEWER, doc_id="x", id=7, extensions={"a": [1]})).json()["data"]


async def chunks(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 50_000):
        yield b" " * 50_000


async def test_a_body_over_the_limit_is_not_read_to_its_end(gate: Site) -> None:
    for body in (b" " * 1_000_001, chunks(50_000_000)):
        response = await gate.raw(body)
        assert (response.status_code, only_code(response)) == (413, "BAD_REQUEST")
        assert response.headers["connection"] == "close"


async def test_a_body_of_chunks_without_a_length_is_taken(site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in ('{"query": ', json.dumps(VIEWER), "}"):
            yield piece.encode()

    assert (await site.raw(pieces())).json()["data"]


async def test_a_body_that_dawdles_is_given_up(
    database: Database, directory: Directory, tmp_path: Path
) -> None:
    site = Site(database, directory, tmp_path, request_timeout_s=0.3)

    async def dawdling() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    began = time.monotonic()
    response = await site.raw(dawdling())
    assert time.monotonic() - began < PATIENCE_S
    assert (response.status_code, only_code(response)) == (408, "TIMEOUT")
    assert response.headers["connection"] == "close"


async def test_who_leaves_before_the_body_has_come_is_not_waited_for(gate: Site) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = [(name.lower().encode(), value.encode()) for name, value in gate.signed_in().items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": given}
    await gate.app(scope, receive, send)
    assert sent[0]["status"] == 499


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "BAD_REQUEST"),
        ({"query": ""}, None),
        ({"query": VIEWER, "variables": "[]"}, "BAD_REQUEST"),
        ({"query": VIEWER, "variables": "{"}, "BAD_REQUEST"),
        ({"query": VIEWER, "variables": "\x00"}, "BAD_REQUEST"),
        ({"query": VIEWER, "operationName": "Missing"}, "BAD_REQUEST"),
    ],
)
async def test_a_malformed_query_string_is_the_callers_error(
    site: Site, params: dict[str, str], code: str | None
) -> None:
    response = await site.send("GET", params=params, headers=site.signed_in(Accept=GRAPHQL_JSON))
    assert response.status_code == 400
    assert only_code(response) == code or code is None


# --- which operation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_get_never_changes_anything(site: Site, administrator: asyncpg.Connection, method: str) -> None:
    before = await administrator.fetchval("select count(*) from bank.client")
    params = {"query": REGISTER, "variables": json.dumps({"input": NEW_CLIENT})}
    among_others = params | {"query": f"{REGISTER} query Q {VIEWER}", "operationName": "R"}
    for sent, accept in ((params, JSON), (params, GRAPHQL_JSON), (among_others, JSON)):
        headers = site.signed_in("branch:310000", Accept=accept)
        response = await site.send(method, params=sent, headers=headers)
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert method == "HEAD" or only_code(response) == "BAD_REQUEST"
    assert await administrator.fetchval("select count(*) from bank.client") == before


async def test_a_body_sent_along_with_head_is_not_looked_at(
    site: Site, administrator: asyncpg.Connection
) -> None:
    body = json.dumps({"query": REGISTER, "variables": {"input": NEW_CLIENT}})
    response = await site.send("HEAD", content=body, headers=site.signed_in("branch:310000"))
    assert response.status_code == 400
    assert not await administrator.fetchval(
        "select count(*) from bank.client where legal_name like 'Nowhere%'"
    )


UNCLEAR = [
    (f"query A {VIEWER} query B {VIEWER}", None),
    (f"query A {VIEWER} query B {VIEWER}", "C"),
    (f"query A {VIEWER}", "C"),
    ("fragment F on Query { viewer { role } }", None),
    ("type Query { a: Int }", None),
    ("subscription { anything }", None),
    ("", None),
    ("   ", None),
    ("# nothing", None),
]


async def test_exactly_one_operation_must_be_meant(site: Site) -> None:
    for query, name in UNCLEAR:
        body = json.dumps({"query": query, "operationName": name})
        newer = await site.raw(body, Accept=GRAPHQL_JSON)
        assert newer.status_code == 400, query
        assert only_code(newer).startswith(("BAD_REQUEST", "GRAPHQL_")), query
        assert "data" not in newer.json()
        assert newer.json()["errors"][0]["message"] != "None", query
        older = await site.raw(body)
        assert older.status_code == 200
        assert older.json() == newer.json()


# --- paths and methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
async def test_other_methods_are_refused_by_name(gate: Site, method: str) -> None:
    response = await gate.send(method, headers=gate.signed_in())
    assert (response.status_code, only_code(response)) == (405, "BAD_REQUEST")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/graphql/x", "/%00", "/..%2f..%2fetc/passwd", "/graphiql/assets/%00"]
)
async def test_other_paths_are_not_found(gate: Site, path: str) -> None:
    response = await gate.send("GET", path)
    assert (response.status_code, only_code(response)) == (404, "BAD_REQUEST")


async def test_alive_and_ready_are_open_to_everyone(site: Site) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        response = await site.send("GET", path)
        assert (response.status_code, response.json()) == (200, {"status": status})
        assert (await site.send("POST", path)).status_code == 405


async def test_a_browser_is_shown_a_page_and_a_program_is_answered(site: Site) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = await site.send("GET", headers=browser)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    headers = browser | {"Authorization": site.signed_in()["Authorization"]}
    asked = await site.send("GET", params={"query": VIEWER}, headers=headers)
    assert asked.json()["data"]
    assert (await site.send("GET")).status_code == 401
    assert (await site.send("POST", headers=browser)).status_code == 401
