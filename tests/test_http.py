"""GraphQL over HTTP as far as reading goes: whatever is sent, the answer is JSON, coded, and never our fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from uvicorn import Config
from uvicorn.server import ServerState

from api import endpoint
from api.app import create_app
from api.connection import LARGEST_HEAD_BYTES, Connection
from api.issuer import DevelopmentIssuer
from api.settings import Settings
from api.tokens import KeySet, TokenVerifier
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
VIEWER = "{ viewer { role } }"
CLIENTS = "{ clients(first: 3) { nodes { id } } }"
REGISTER = """
mutation R($input: RegisterClientInput!) { registerClient(input: $input) { __typename } }
"""
NEW_CLIENT = {
    "idempotencyKey": "k-1",
    "branchCode": "310000",
    "registrationNumber": "913101150878130960",
    "legalName": "Nowhere Else Trading Co., Ltd.",
}


class Site:
    """The whole application, called as a client calls it."""

    def __init__(self, database: Database, directory: Directory, home: Path, **changes: Any) -> None:
        self.settings = Settings.model_validate({"environment": "development", **changes})
        self.issuer = DevelopmentIssuer(home, environment="development")
        self.database = database
        self.directory = directory
        self.verifier = self.issuer.verifier(self.settings)
        self.app = self.application(self.issuer)

    def application(
        self, issuer: DevelopmentIssuer | None, verifier: TokenVerifier | None = None
    ) -> Starlette:
        return create_app(
            self.settings,
            database=self.database,
            directory=self.directory,
            verifier=verifier or self.verifier,
            issuer=issuer,
        )

    def signed_in(self, persona: str = "headquarters", **more: str) -> dict[str, str]:
        """The headers of a good request."""
        token = self.issuer.token(persona)
        return {"Authorization": f"Bearer {token}", "Content-Type": JSON, **more}

    async def send(
        self, method: str, path: str = "/graphql", *, app: Starlette | None = None, **more: Any
    ) -> httpx.Response:
        # An exception that leaves the application is a bug, and fails the test.
        transport = httpx.ASGITransport(app=app or self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank", timeout=30) as client:
            return await client.request(method, path, **more)

    async def raw(self, body: Any, persona: str = "headquarters", **headers: str) -> httpx.Response:
        return await self.send("POST", content=body, headers=self.signed_in(persona, **headers))

    async def ask(
        self, query: Any, variables: Any = None, persona: str = "headquarters", **more: Any
    ) -> httpx.Response:
        body = json.dumps({"query": query, "variables": variables, **more})
        return await self.raw(body, persona)


@pytest.fixture
def site(database: Database, directory: Directory, tmp_path: Path) -> Site:
    return Site(database, directory, tmp_path)


@pytest.fixture
def gate(tmp_path: Path) -> Site:
    """The application without a database, for what is decided before one is asked."""
    nowhere = Database(Credentials("postgresql://nowhere"))
    return Site(nowhere, Directory(nowhere), tmp_path)


def only_code(response: httpx.Response) -> str:
    """The code of the only error, having seen that the response is well made."""
    (error,) = checked(response)["errors"]
    return str(error["extensions"]["code"])


def checked(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"].split(";")[0] in (JSON, GRAPHQL_JSON)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    body = response.json()
    assert isinstance(body, dict)
    for error in body.get("errors", []):
        assert error["message"]
        assert error["extensions"]["code"]
    return body


def nested(open_: str, close: str, levels: int) -> str:
    return open_ * levels + close * levels


# --- what is sent -----------------------------------------------------------------------------------------


async def test_a_query_is_answered_by_post_and_by_get(site: Site) -> None:
    posted = await site.ask(VIEWER)
    got = await site.send("GET", params={"query": VIEWER}, headers=site.signed_in())
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json() == {"data": {"viewer": {"role": "HEADQUARTERS_ADMINISTRATOR"}}}


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
    assert time.monotonic() - began < 2
    assert (response.status_code, only_code(response)) == (408, "TIMEOUT")
    assert response.headers["connection"] == "close"


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


MONSTERS = [
    nested("{ viewer", "}", 4000),
    nested("{", "}", 4000),
    "{ clients(first: " + nested("[", "]", 4000) + ") { nodes { id } } }",
    "query Q($a: " + "[" * 3000 + "Int" + "]" * 3000 + ") { viewer { role } }",
    "{ viewer { role } }" + " " * 900_000,
    "{ a" * 20_000,
    VIEWER + "#" + "x" * 900_000,
    'query Q { viewer { role(a: """' + "x" * 500_000 + '""") } }',
    "query Q { viewer { role } } " + " ".join(f"fragment F{i} on Query {{ ...F{i}}}" for i in range(900)),
    "\x00",
    "{ viewer { role } }\ufeff",
    "{ viewer { r\u00f6le } }",
]


async def test_a_monstrous_document_is_answered_in_a_second(site: Site) -> None:
    await site.ask(VIEWER)
    for query in MONSTERS:
        began = time.monotonic()
        response = await site.ask(query)
        assert time.monotonic() - began < 1.5, query[:60]
        assert response.status_code == 200
        for error in checked(response).get("errors", []):
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", query[:60]


# --- fuzz -------------------------------------------------------------------------------------------------

SEEDS = [
    VIEWER,
    "query Q($n: Int = 2, $w: ClientWhere) { clients(first: $n, where: $w) { totalCount nodes { legalName } } }",
    '{ clients(where: {legalName: {contains: "钢"}}, orderBy: [{field: LEGAL_NAME}]) { edges { cursor } } }',
    '{ node(id: "abc") { __typename id } nodes(ids: ["x", "y"]) { id } }',
    "{ units(first: 2) { nodes { clients(first: 1) { nodes { facilities { nodes { limit { amount } } } } } } } }",
    REGISTER,
    "fragment F on Client { id branch { code } } { clients(first: 1) { nodes { ...F @skip(if: false) } } }",
    "{ __schema { types { name } } }",
]
SPLINTERS = [
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "$",
        "@",
        "...",
        '"',
        '"""',
        "null",
        "true",
        "-1",
        "1.5e309",
        "\\",
    ),
    *(
        "99999999999",
        "\x00",
        "\ud83d\ude00",
        "é",
        "# ",
        "\n",
        "query",
        "mutation",
        "subscription",
        "fragment",
    ),
    *(
        "on",
        "id",
        "first:",
        "after:",
        "last: 5",
        "@include(if: $n)",
        "__typename",
        "\\u0000",
        "\\uD800",
        "$x: Int",
    ),
]


def broken(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 4)):
        at, width = chance.randrange(len(text) + 1), chance.randint(0, 12)
        put = chance.choice([chance.choice(SPLINTERS), text[at : at + width] * 3, ""])
        text = text[:at] + put + text[at + chance.randint(0, width) :]
    return text


VALUES: list[Any] = [
    None,
    True,
    -1,
    2**31,
    2**63,
    1.5,
    "",
    "x" * 300,
    "\x00",
    "钢",
    [],
    [1],
    {},
    {"a": {"b": []}},
    ["\ud7ff"],
]


def fuzzed(chance: random.Random) -> bytes:
    query: Any = broken(chance, chance.choice(SEEDS)) if chance.random() < 0.85 else chance.choice(VALUES)
    names = ("n", "w", "input", "x")
    variables: Any = {name: chance.choice(VALUES) for name in names if chance.random() < 0.5}
    if "input" in variables and chance.random() < 0.7:
        variables["input"] = NEW_CLIENT | {chance.choice(list(NEW_CLIENT)): chance.choice(VALUES)}
    body = {"query": query, "variables": variables if chance.random() < 0.9 else chance.choice(VALUES)}
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if chance.random() < 0.15:
        at = chance.randrange(len(raw))
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    return raw


async def test_of_a_thousand_broken_requests_none_is_our_fault(site: Site) -> None:
    chance = random.Random(20260115)
    seen: set[str] = set()
    headers = site.signed_in("branch:310000")
    for number in range(1000):
        body = fuzzed(chance)
        response = await site.send("POST", content=body, headers=headers)
        assert response.status_code in (200, 400), (number, body)
        codes = {error["extensions"]["code"] for error in checked(response).get("errors", [])}
        assert "INTERNAL_SERVER_ERROR" not in codes, (number, body)
        seen |= codes
    assert {"BAD_REQUEST", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"} <= seen


# --- who asks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, "Bearer"),
        ("", "Bearer"),
        ("Basic eDp5", "MALFORMED"),
        ("Bearer", "MALFORMED"),
        ("Bearer a.b.c", "MALFORMED"),
        ("Bearer " + "a" * 9000, "TOO_LARGE"),
        ("Bearer {expired}", "EXPIRED"),
        ("Bearer {elsewhere}", "WRONG_AUDIENCE"),
        ("Bearer {unknown}", "UNKNOWN_KEY"),
        ("Bearer {forged}", "BAD_SIGNATURE"),
    ],
)
async def test_without_a_good_token_nothing_is_answered(
    gate: Site, tmp_path: Path, authorization: str | None, challenge: str
) -> None:
    analyst, auditor = gate.issuer.token("analyst"), gate.issuer.token("auditor")
    tokens = {
        "forged": f"{analyst.rpartition('.')[0]}.{auditor.rpartition('.')[2]}",
        "expired": gate.issuer.token("headquarters", now=1_000_000),
        "elsewhere": DevelopmentIssuer(tmp_path, environment="development", audience="other").token(
            "analyst"
        ),
        "unknown": DevelopmentIssuer(tmp_path / "b", environment="development").token("analyst"),
    }
    headers = {} if authorization is None else {"Authorization": authorization.format(**tokens)}
    bodies: list[Any] = [{"query": VIEWER}, {"query": "{ nonsense"}, []]
    for body in bodies:
        response = await gate.send("POST", json=body, headers=headers)
        assert (response.status_code, only_code(response)) == (401, "UNAUTHENTICATED")
        assert challenge in response.headers["www-authenticate"]


async def test_an_unknown_caller_costs_no_more_than_a_header(gate: Site) -> None:
    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    response = await gate.send("POST", content=untouched(), headers={"Content-Type": JSON})
    assert response.status_code == 401


async def test_without_keys_nobody_can_be_known(gate: Site) -> None:
    async def unreachable() -> bytes:
        raise OSError("http://user:canary-password@issuer")

    settings = gate.settings.model_copy(update={"token_issuer": "https://issuer"})
    verifier = TokenVerifier(settings, KeySet(unreachable, ("ES256",)))
    response = await gate.send(
        "POST",
        json={"query": VIEWER},
        headers=gate.signed_in(),
        app=gate.application(None, verifier),
    )
    assert (response.status_code, only_code(response)) == (503, "UNAVAILABLE")
    assert "canary" not in response.text


@pytest.mark.parametrize("persona", ["branch:999999", "client:91310000MAY2DLL61X"])
async def test_an_office_or_company_that_is_not_there_opens_nothing(site: Site, persona: str) -> None:
    response = await site.ask(CLIENTS, persona=persona)
    assert (response.status_code, only_code(response)) == (403, "FORBIDDEN")


async def test_each_caller_sees_their_own_rows_on_one_connection(site: Site) -> None:
    counts = await asyncio.gather(
        *(site.ask("{ clients { totalCount } }", persona=p) for p in ["branch:310000", "branch:320000"] * 20)
    )
    assert [r.json()["data"]["clients"]["totalCount"] for r in counts] == [3, 2] * 20


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

    monkeypatch.setattr(endpoint, "answer", fail)
    response = await site.ask(VIEWER)
    assert response.status_code == 500
    (error,) = checked(response)["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": response.headers["x-correlation-id"],
    }
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
        assert time.monotonic() - began < 3
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


async def first_success(site: Site, within_s: float) -> None:
    began = time.monotonic()
    while (await site.ask(CLIENTS)).status_code != 200:
        assert time.monotonic() - began < within_s
        await asyncio.sleep(0.05)


async def test_a_database_that_is_down_is_said_to_be_and_found_again(far: Site, line: Line) -> None:
    assert (await far.send("GET", "/readyz")).json() == {"status": "ready"}
    assert (await far.ask(CLIENTS)).status_code == 200
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
    await first_success(far, 1)
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
        assert max(await asyncio.gather(*(timed() for _ in range(8)))) < 1.5
    assert (await far.send("GET", "/readyz")).status_code == 503
    line.speaking.set()
    await first_success(far, 5)


async def test_a_wait_for_a_connection_that_is_too_long_is_not_a_fault_of_ours(
    site: Site, administrator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.database.CONNECT_TIMEOUT_S", 0.3)
    await site.ask(CLIENTS)
    async with administrator.transaction():
        await administrator.execute("lock table bank.client in access exclusive mode")
        waiting = [asyncio.create_task(site.ask(CLIENTS)) for _ in range(8)]
        await asyncio.sleep(1)
    codes = {
        error["extensions"]["code"] for task in waiting for error in (await task).json().get("errors", [])
    }
    assert codes <= {"TIMEOUT", "UNAVAILABLE"}
    assert codes


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


async def test_a_fault_beside_the_graph_is_masked_too(gate: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Directory) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Directory, "organisation", fail)
    transport = httpx.ASGITransport(app=gate.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
        response = await client.get("/readyz")
    assert (response.status_code, only_code(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "canary" not in response.text


async def test_tokens_are_handed_out_in_development_only(site: Site) -> None:
    given = await site.send("GET", "/dev/token", params={"persona": "auditor"})
    assert given.status_code == 200
    headers = {"Authorization": f"Bearer {given.json()['token']}"}
    response = await site.send("POST", json={"query": VIEWER}, headers=headers)
    assert response.json()["data"]["viewer"]["role"] == "AUDITOR"
    refused = await site.send("GET", "/dev/token", params={"persona": "king\x00<script>"})
    assert (refused.status_code, only_code(refused)) == (400, "BAD_USER_INPUT")
    absent = await site.send("GET", "/dev/token", params={"persona": "auditor"}, app=site.application(None))
    assert absent.status_code == 404


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


# --- the connection ---------------------------------------------------------------------------------------


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
        answer = await asyncio.wait_for(reader.read(), 5)
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
    assert time.monotonic() - began < 2


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
        while data := await asyncio.wait_for(reader.read(2**20), 2):
            received += len(data)
    assert received < 50_000_000
    writer.close()
