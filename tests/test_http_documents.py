"""Documents by id and by hash, who is shown the schema, how much a caller may ask for, and small answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from graphql import get_introspection_query
from serving_http import GRAPHQL_JSON, VIEWER, Site, checked, gate, only_code, site

from api.trusted_documents import ManifestError
from tenants.database import Database
from tenants.organisation import Directory

__all__ = ["gate", "site"]

ROLE = {"viewer": {"role": "HEADQUARTERS_ADMINISTRATOR"}}
PAGE = "query Page($n: Int) { clients(first: $n) { nodes { legalName } } }"
SCHEMA = "{ __schema { queryType { name } } }"
SHA256 = hashlib.sha256(VIEWER.encode()).hexdigest()


async def sent(site: Site, persona: str = "headquarters", **body: Any) -> httpx.Response:
    return await site.raw(json.dumps(body), persona, Accept=GRAPHQL_JSON)


def hashed(sha256: str = SHA256, version: int = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": sha256}}


def manifest(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# --- documents that callers register ----------------------------------------------------------------------


async def test_a_document_is_asked_for_by_its_hash_once_its_text_was_sent(site: Site) -> None:
    unknown = await sent(site, extensions=hashed())
    assert (unknown.status_code, only_code(unknown)) == (400, "PERSISTED_QUERY_NOT_FOUND")
    # Clients go by these words.
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert (await sent(site, query=VIEWER, extensions=hashed())).json()["data"] == ROLE
    assert (await sent(site, extensions=hashed())).json()["data"] == ROLE
    assert (await sent(site, documentId=f"sha256:{SHA256}")).json()["data"] == ROLE
    params = {"extensions": json.dumps(hashed())}
    got = await site.send("GET", params=params, headers=site.signed_in(Accept="text/html, */*"))
    assert got.json()["data"] == ROLE


async def test_the_older_media_type_says_it_with_200(site: Site) -> None:
    response = await site.raw(json.dumps({"documentId": "unheard-of"}))
    assert (response.status_code, only_code(response)) == (200, "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"query": VIEWER, "extensions": hashed("0" * 64)},
        {"query": VIEWER, "extensions": hashed(SHA256.upper())},
        {"query": VIEWER, "extensions": hashed("abc")},
        {"extensions": hashed(version=2)},
        {"extensions": {"persistedQuery": "abc"}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"query": VIEWER, "documentId": "abc"},
        {"documentId": ""},
        {"documentId": 7},
        {"documentId": "x" * 257},
        {"query": VIEWER, "extensions": 0},
        {"query": VIEWER, "extensions": False},
    ],
)
async def test_a_malformed_reference_to_a_document_is_the_callers_error(
    gate: Site, body: dict[str, Any]
) -> None:
    response = await sent(gate, **body)
    assert (response.status_code, only_code(response)) == (400, "BAD_REQUEST")


# --- documents that the bank trusts -----------------------------------------------------------------------

MANIFESTS: dict[str, Any] = {
    "graphql-codegen's and relay-compiler's": {"viewer-1": VIEWER, "page-1": PAGE},
    "Apollo's": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            {"id": "viewer-1", "name": "Viewer", "type": "query", "body": VIEWER},
            {"id": "page-1", "name": "Page", "type": "query", "body": PAGE},
        ],
    },
}


@pytest.mark.parametrize("kind", MANIFESTS)
async def test_trusted_documents_are_asked_for_by_their_ids(
    database: Database, directory: Directory, tmp_path: Path, kind: str
) -> None:
    path = manifest(tmp_path, MANIFESTS[kind])
    site = Site(database, directory, tmp_path, trusted_documents=path)
    assert (await sent(site, documentId="viewer-1")).json()["data"] == ROLE
    paged = await sent(site, documentId="page-1", variables={"n": 2}, operationName="Page")
    assert len(paged.json()["data"]["clients"]["nodes"]) == 2
    got = await site.send("GET", params={"documentId": "viewer-1"}, headers=site.signed_in())
    assert got.json()["data"] == ROLE
    assert (await sent(site, extensions=hashed())).json()["data"] == ROLE
    assert (await sent(site, query="{ __typename }")).json()["data"]


async def test_a_strict_server_takes_trusted_documents_only(
    database: Database, directory: Directory, tmp_path: Path
) -> None:
    path = manifest(tmp_path, {"viewer-1": VIEWER})
    site = Site(database, directory, tmp_path, trusted_documents=path, trusted_documents_only=True)
    assert (await sent(site, documentId="viewer-1")).json()["data"] == ROLE
    assert (await sent(site, query=VIEWER)).json()["data"] == ROLE
    for query in ("{ __typename }", SCHEMA, VIEWER + " "):
        refused = await sent(site, query=query)
        assert (refused.status_code, only_code(refused)) == (403, "FORBIDDEN")
        assert "`documentId`" in refused.text
    other = hashlib.sha256(SCHEMA.encode()).hexdigest()
    assert only_code(await sent(site, query=SCHEMA, extensions=hashed(other))) == "FORBIDDEN"
    assert only_code(await sent(site, documentId=other)) == "PERSISTED_QUERY_NOT_FOUND"


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is not JSON"),
    "a list": ([VIEWER], "must be a JSON object"),
    "a document that is no text": ({"a1": 7}, "a1: is not a text"),
    "a document that is not GraphQL": ({"good": VIEWER, "a1": "{"}, "a1: Syntax Error"),
    "a document of another schema": ({"a1": "{ nonsense }"}, "a1: Cannot query field 'nonsense'"),
    "an operation without an id": (
        {"format": "apollo-persisted-query-manifest", "operations": [{"body": VIEWER}]},
        "operation 0 must be",
    ),
    "an id for two documents": (
        {
            "format": "apollo-persisted-query-manifest",
            "operations": [{"id": "a1", "body": VIEWER}, {"id": "a1", "body": PAGE}],
        },
        "a1: stands there twice",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_manifest_stops_the_start_and_says_where(gate: Site, tmp_path: Path, what: str) -> None:
    content, said = BROKEN[what]
    path = manifest(tmp_path, content)
    with pytest.raises(ManifestError) as refused:
        Site(gate.database, gate.directory, tmp_path, trusted_documents=path)
    assert str(refused.value).startswith(str(path))
    assert said in str(refused.value)


def test_a_manifest_that_is_not_there_stops_the_start(gate: Site, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        Site(gate.database, gate.directory, tmp_path, trusted_documents=tmp_path / "missing.json")


# --- who is shown the schema ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "persona", "shown"),
    [
        ({}, "branch:310000", True),
        ({"introspection": "headquarters"}, "branch:310000", False),
        ({"introspection": "headquarters"}, "auditor", True),
        ({"introspection": "nobody"}, "headquarters", False),
    ],
)
async def test_the_schema_is_shown_by_setting_and_role(
    database: Database,
    directory: Directory,
    tmp_path: Path,
    setting: dict[str, str],
    persona: str,
    shown: bool,
) -> None:
    site = Site(database, directory, tmp_path, **setting)
    response = await sent(site, persona, query=SCHEMA)
    if shown:
        assert response.json()["data"]["__schema"]
    else:
        assert (response.status_code, only_code(response)) == (403, "FORBIDDEN")
    assert (await sent(site, persona, query="{ __typename }")).json()["data"] == {"__typename": "Query"}
    mistaken = await sent(site, persona, query="query Q($n: Int) { vewer { role } }")
    assert ("Did you mean" in mistaken.text) is (not setting)


async def test_others_are_answered_while_the_schema_is_told(site: Site) -> None:
    """Measured in CPU, which a busy machine does not lengthen."""
    asked = asyncio.create_task(sent(site, query=get_introspection_query()))
    began = turned = time.process_time()
    longest = 0.0
    while not asked.done():
        await asyncio.sleep(0)
        now = time.process_time()
        longest, turned = max(longest, now - turned), now
    assert (await asked).status_code == 200
    assert longest < (turned - began) / 2


# --- how much ---------------------------------------------------------------------------------------------


async def test_what_costs_too_much_is_refused_before_it_runs(site: Site) -> None:
    deep = "{ clients(first: 1000) { nodes { facilities(first: 1000) { nodes { id } } } } }"
    response = await sent(site, query=deep)
    assert (response.status_code, only_code(response)) == (400, "COST_EXCEEDED")
    assert "1,002,002" in response.text


async def test_who_asks_too_much_at_a_time_waits(
    database: Database, directory: Directory, tmp_path: Path
) -> None:
    site = Site(database, directory, tmp_path, cost_limit=120, cost_bucket=120, cost_restore_per_s=1)
    query = "{ clients(first: 100) { nodes { id } } }"
    first = await sent(site, query=query)
    cost = first.json()["extensions"]["cost"]
    assert (cost["requested"], first.status_code) == (102, 200)
    for _ in range(5):
        # What the answer did not need was given back.
        last = await sent(site, query=query)
    refused = last if last.status_code == 429 else await sent(site, query=query)
    assert (refused.status_code, only_code(refused)) == (429, "RATE_LIMITED")
    wait_ms = refused.json()["errors"][0]["extensions"]["retryAfterMs"]
    assert int(refused.headers["retry-after"]) >= wait_ms / 1000 > 0
    assert (await site.raw(json.dumps({"query": query}))).status_code == 200
    assert (await sent(site, "branch:310000", query=query)).status_code == 200


async def test_an_answer_of_too_many_bytes_is_not_sent(
    database: Database, directory: Directory, tmp_path: Path
) -> None:
    site = Site(database, directory, tmp_path, response_bytes_limit=1_000)
    response = await sent(site, query=SCHEMA.replace("queryType { name }", "types { name description }"))
    assert only_code(response) == "COST_EXCEEDED"
    assert (await sent(site, query=VIEWER)).json()["data"] == ROLE


# --- small answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("zstd", True), ("gzip, deflate, br, zstd", True), ("gzip", False), ("zstd;q=0", False), ("", False)],
)
async def test_a_large_answer_is_packed_for_whoever_unpacks_zstd(
    site: Site, accepted: str, packed: bool
) -> None:
    query = "{ __schema { types { name description } } }"
    body = json.dumps({"query": query})
    headers = site.signed_in(**{"Accept-Encoding": accepted})
    transport = httpx.ASGITransport(app=site.app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://bank") as client,
        client.stream("POST", "/graphql", content=body, headers=headers) as response,
    ):
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["content-length"] == str(len(raw))
    assert (response.headers.get("content-encoding") == "zstd") is packed
    plain = zstandard.ZstdDecompressor().decompress(raw) if packed else raw
    assert json.loads(plain)["data"]["__schema"]


async def test_a_small_answer_is_not_packed(site: Site) -> None:
    response = await site.raw(json.dumps({"query": VIEWER}), **{"Accept-Encoding": "zstd"})
    assert "content-encoding" not in response.headers
    assert checked(response)["data"] == ROLE
