"""Whatever is sent, monstrous or broken, the answer is coded, soon there, and never our fault."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from patience import PATIENCE_S
from serving_http import (
    NEW_CLIENT,
    REGISTER,
    VIEWER,
    Site,
    checked,
    nested,
    site,
)

from api.sent import Sent, Turned, from_body, from_query_string
from schema.documents import Documents
from schema.errors import CodedError
from schema.graph import graph

__all__ = ["site"]

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
        assert time.monotonic() - began < PATIENCE_S, query[:60]
        assert response.status_code == 200
        for error in checked(response).get("errors", []):
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", query[:60]


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


def test_of_three_thousand_broken_documents_each_is_read_or_refused_by_code() -> None:
    chance = random.Random(20260116)
    documents = Documents(graph()._schema, most_bytes=2_000_000, hide_suggestions=True)
    taken = 0
    for _ in range(3000):
        document = documents.find(broken(chance, chance.choice(SEEDS)))
        assert all((error.extensions or {})["code"] for error in document.refused)
        variables = {"n": chance.choice(VALUES), "ids": chance.choice(VALUES)}
        for operation in document.operations.values():
            assert operation.cost(variables).total >= 1
            taken += 1
        if not document.refused and len(document.operations) != 1:
            with pytest.raises(CodedError):
                document.operation(None)
        assert documents.bytes <= 2_000_000
    assert taken > 50


def test_of_six_thousand_broken_bodies_each_is_understood_or_turned_away() -> None:
    chance = random.Random(20260117)
    seen: set[int] = set()
    for _ in range(3000):
        version = chance.choice([1, 1, 2, None, "1"])
        persisted = {"persistedQuery": {"version": version, "sha256Hash": "0" * 64}}
        body: dict[str, Any] = {
            "query": VIEWER,
            "variables": {},
            "operationName": "Q",
            "extensions": persisted,
        }
        for _ in range(chance.randint(0, 3)):
            body[chance.choice([*body, "documentId"])] = chance.choice(VALUES)
        seen.add(status_of(from_body, broken(chance, json.dumps(body))))
        params = f"query={VIEWER}&documentId={chance.choice(['', 'a'])}&variables={{}}&extensions={{}}"
        seen.add(status_of(from_query_string, broken(chance, params)))
    assert seen == {200, 400}


def status_of(read: Callable[[bytes], Sent], text: str) -> int:
    try:
        read(text.encode("utf-8", "surrogatepass"))
    except Turned as turned:
        return turned.status
    return 200
